"""Whatever is sent, the answer is what the schema says: Schemathesis with all its checks, in each caller's place."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents import services
from agents.api.keys import make_key
from agents.api.scopes import SCOPES
from agents.models import ApiKey
from agents.outgoing import subscribing
from tests.factories import (
    ActionFactory,
    AgentFactory,
    AgentVersionFactory,
    ReviewRequestFactory,
    StepFactory,
    SubmitterFactory,
    group,
)
from tests.processes import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

HERE = Path(__file__).parent


@dataclass
class House:
    """A live server with a task, a review request and an endpoint of `owner`."""

    url: str
    owner: Any
    ids: dict[str, int]

    def fuzz(self, key: str, folder: Path, phases: str = "examples,fuzzing", examples: int = 3) -> None:
        """Asks every operation, about what is there; the same each time. Fails with all that Schemathesis says."""
        config = folder / "schemathesis.toml"
        known = "".join(f'"path.{name}" = {value!r}\n' for name, value in (self.ids | {"name": "desk"}).items())
        config.write_text(f"[parameters]\n{known}\n" + (HERE / "schemathesis.toml").read_text())
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config)),
                *(
                    "run",
                    str(ROOT / "docs" / "openapi.yaml"),
                    "--url",
                    self.url,
                    "--header",
                    f"Authorization: Bearer {key}",
                ),
                *("--seed", "1", "--generation-deterministic", "--no-shrink"),
                # One worker: Python 3.11 can't read source in two threads at once ("recursion depth mismatch").
                *("--no-color", "--workers", "1", "--phases", phases, "--max-examples", str(examples)),
            ],
            capture_output=True,
            text=True,
            cwd=folder,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


@pytest.fixture
def house(live_server: Any) -> House:
    owner = SubmitterFactory(username="sam")
    version = AgentVersionFactory(agent=AgentFactory(name="desk"))
    task = services.submit(agent="desk", goal="Sing a song", by=owner)
    ActionFactory(step=StepFactory(task=task))
    asked = ReviewRequestFactory()
    endpoint = subscribing.subscribe(owner, "https://shop.example/hook", ["task.created"])
    ids = {"task_id": task.pk, "request_id": asked.pk, "endpoint_id": endpoint.pk, "number": version.number}
    return House(live_server.url, owner, ids)


def key_of(owner: Any) -> str:
    return make_key(owner, "fuzz", scopes=SCOPES)[1]


def test_by_who_may_do_everything(house: House, tmp_path: Path) -> None:
    for name in ("Reviewers", "Operators"):
        house.owner.groups.add(group(name))
    house.fuzz(key_of(house.owner), tmp_path, "examples,coverage,fuzzing")


def test_by_another_tenant_with_the_ids_of_this_one(house: House, tmp_path: Path) -> None:
    # Bodies are read the same whoever sends them: what every one of them may hold was tried above.
    house.fuzz(key_of(SubmitterFactory(username="other")), tmp_path)


def test_with_a_wrong_key(house: House, tmp_path: Path) -> None:
    # A request of each kind: none of them is read any further.
    house.fuzz("cs_0123456789ab_" + 48 * "0", tmp_path, examples=1)
    assert ApiKey.objects.count() == 0
