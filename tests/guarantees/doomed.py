"""How does a test order a worker's death? Through a process that lives as long as the test run and forks the doomed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from django.conf import settings
from django.db import connection

from tests.processes import ROOT, environment

Moment = Literal["before", "after"]


@dataclass(frozen=True)
class Life:
    """What became of one process: it survived with so many commits, was killed, or stands still."""

    end: Literal["survived", "killed", "stopped"]
    child: int
    commits: int
    error: str
    where: list[str] = field(default_factory=list)
    """Which functions of the engine the commit belongs to that it was killed at."""


class DoomedWorkers:
    """Real processes on the test's own database, each of which ends at the commit it is told."""

    def __enter__(self) -> "DoomedWorkers":
        hear, say = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.guarantees.doomed_worker", str(say)],
            cwd=ROOT,
            env=environment(
                DJANGO_SETTINGS_MODULE="tests.settings",
                DATABASE_URL=database_of_this_run(),
                LOG_LEVEL="ERROR",
                REDIS_URL=settings.REDIS_URL,
            ),
            stdin=subprocess.PIPE,
            pass_fds=[say],
            text=True,
        )
        os.close(say)
        self._answers = os.fdopen(hear)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._answers.close()

    def live(
        self,
        verb: str = "work",
        *,
        at: int = 0,
        moment: Moment = "before",
        by: Literal["SIGKILL", "SIGSTOP", "CUT"] = "SIGKILL",
        then: Literal["", "SIGKILL"] = "",
        within: str = "",
        settings: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **arguments: Any,
    ) -> Life:
        """Lets one process do one thing (see doomed_worker.VERBS), and end before or after its commit number `at`.

        `then` is what happens at the next commit to one that was stopped and is woken. `within` a function of the
        engine, as `Life.where` names it, only its commits count.
        """
        return self._order(
            verb=verb,
            at=at,
            moment=moment,
            by=by,
            then=then,
            within=within,
            arguments=arguments,
            settings={**QUICK, **(settings or {})},
            environment=environment or {},
        )

    def wake(self, life: Life) -> Life:
        """Lets a stopped process go on to its end."""
        return self._order(wake=life.child)

    def _order(self, **order: Any) -> Life:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._answers.readline()
        assert answer, "The process that forks the doomed has ended itself."
        return Life(**json.loads(answer))


QUICK = {
    "COUNTERSIGN_LEASE_SECONDS": 60,
    "COUNTERSIGN_MARGIN_SECONDS": 0.05,
    "COUNTERSIGN_BACKOFF_SECONDS": [0.01, 0.01, 0.01],
}
"""The same short waits as in the tests' own process."""


def database_of_this_run() -> str:
    """The address of the database that this test run made for itself."""
    place = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{place['NAME']}"
    who = place["USER"] + (f":{place['PASSWORD']}" if place["PASSWORD"] else "")
    return f"postgres://{who}@{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}"
