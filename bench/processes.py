"""How does the bench run a system? The stub model, a worker and a submitter, each a process of its own."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.measuring import family
from bench.places import CACHE, ROOT, Refused
from bench.systems import System, Where

T = TypeVar("T")
PATIENCE = 180.0
"""Seconds until something that never happens ends the bench."""
OURS = ("COUNTERSIGN_", "DJANGO_", "DATABASE_", "REDIS_", "BENCH_", "OPENAI_", "ANTHROPIC_", "SENTRY_", "CELERY_")


def until(reached: Callable[[], T], what: str, alive: Callable[[], None] = lambda: None) -> T:
    """What `reached` gives as soon as it is true."""
    give_up = time.monotonic() + PATIENCE
    while not (value := reached()):
        alive()
        if time.monotonic() > give_up:
            raise Refused(f"It never came to this: {what}.")
        time.sleep(0.005)
    return value


class Stub:
    """The stub model's process, and what it has counted."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.stub"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment({})
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def reset(self, latency: float = 0.0) -> None:
        self._get(f"/reset?latency={latency}")

    def wait(self, calls: int, alive: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """What was counted, as soon as there are so many answered calls."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            with contextlib.suppress(TimeoutError):
                return self._get(f"/wait?calls={calls}", timeout=2.0)
            alive()
        raise Refused(f"The model was not called {calls} times in {PATIENCE:.0f} s: {self._get('/wait?calls=0')}")

    def _get(self, path: str, timeout: float = 10.0) -> dict[str, Any]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            line.request("GET", path)
            return json.loads(line.getresponse().read())
        finally:
            line.close()


@dataclass(frozen=True)
class Worker:
    """A worker's process, with whatever it has started."""

    process: subprocess.Popen[bytes]
    log: str

    @property
    def pids(self) -> list[int]:
        return family(self.process.pid)

    def alive(self) -> None:
        if self.process.poll() is not None:
            raise Refused(f"The worker ended with {self.process.returncode}; {self.log} says why.")

    @contextmanager
    def held(self) -> Iterator[None]:
        """The process stands still while the block runs: a backlog is submitted, and nobody works on it yet."""
        pids = self.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


class Submitter:
    """The process that submits. See bench.submitting."""

    def __init__(self, system: System, where: Where) -> None:
        self._process = subprocess.Popen(
            system.command(system.submitter, where),
            cwd=ROOT,
            env=_environment(where.environment() | system.settings(where)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions: dict[str, str] = self._read()["versions"]

    def __enter__(self) -> "Submitter":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def submit(self, goals: list[str], **options: Any) -> dict[str, float]:
        """Submits goals; says when that began and when it was done."""
        assert self._process.stdin
        print(json.dumps({"goals": goals} | options), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Refused(f"The submitter ended with {self._process.wait()}: {' '.join(map(str, self._process.args))}")
        return json.loads(line)


def set_up(system: System, where: Where) -> None:
    for words in system.setup:
        environment = _environment(where.environment() | system.settings(where))
        command = system.command(words, where)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise Refused(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


@contextmanager
def working(system: System, where: Where) -> Iterator[Worker]:
    """One worker process. Its output goes to a file in the cache, as a supervisor would have it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{system.name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            system.command(system.worker, where),
            cwd=ROOT,
            env=_environment(where.environment() | system.settings(where)),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Worker(process, str(path))
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _environment(more: dict[str, str]) -> dict[str, str]:
    """This process's environment without anybody's settings, and these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}
