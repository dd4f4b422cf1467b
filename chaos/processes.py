"""How is a process started, killed, stopped, continued and surely ended? Each is the leader of a group of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

ROOT = Path(__file__).resolve().parent.parent
OURS = ("COUNTERSIGN_", "DJANGO_", "DATABASE_", "REDIS_", "OPENAI_", "ANTHROPIC_", "SENTRY_", "CELERY_", "CHAOS_")
NAMES = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "LOG_LEVEL", "BIND", "EMAIL_URL"}

PATIENCE = 600.0
"""Seconds that a command, or the start of a process, may take on the busiest machine."""

T = TypeVar("T")


class Refused(SystemExit):
    """Chaos can't run, or can't go on; the message says why."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any of Countersign's settings, and these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS) and name not in NAMES}
    fixed = {"COUNTERSIGN_ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    return kept | fixed | more


def python(*command: str) -> list[str]:
    return [sys.executable, *command]


def run(command: list[str], settings: dict[str, str]) -> str:
    """Runs a command to its end and gives what it printed; Refused with everything that it said where it fails."""
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603
    if done.returncode:
        raise Refused(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def until(reached: Callable[[], T], seconds: float, what: str) -> T:
    """What `reached` gives, as soon as it is true; Refused when that takes too long."""
    give_up = time.monotonic() + seconds
    while not (value := reached()):
        if time.monotonic() > give_up:
            raise Refused(f"It never came to this in {seconds:.0f} s: {what}.")
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Process:
    """One command that can be started again; what it prints goes to a file."""

    def __init__(
        self,
        name: str,
        command: list[str],
        settings: dict[str, str],
        folder: Path,
        *,
        user: str | None = None,
        talks: bool = False,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.pids: list[int] = []
        """Every process id that it has had."""
        self._command = command
        self._settings = settings
        self._user = user
        self._talks = talks
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.stopped_by_us = True

    def start(self) -> "Process":
        with self._lock, self.log.open("a") as log:
            if self.runs:
                # Who looks after it and who killed it start it again; what the second one started nobody would end.
                self.stopped_by_us = False
                return self
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                cwd=ROOT if self._user is None else self.log.parent,
                env=self._settings,
                stdin=subprocess.PIPE if self._talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._talks else log,
                stderr=log,
                text=True,
                start_new_session=True,
                user=self._user,
                group=self._user,
            )
            self.pids.append(self._process.pid)
            self.stopped_by_us = False
        return self

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._running.poll()

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def first_line(self) -> str:
        """The first line that it prints, for one that talks."""
        line = _pipe(self._running.stdout).readline().strip()
        if not line:
            raise Refused(f"{self.name} did not start; {self.log} says why.")
        return line

    def kill(self) -> None:
        """SIGKILL to it and everything that it started."""
        self._end(signal.SIGKILL)

    def ask(self, number: int = signal.SIGTERM, pid: int | None = None) -> bool:
        """Sends a signal to the process alone, once: a second one would mean that it shall not take its time.

        With `pid` only if it is that one still: what was started again meanwhile has no ears yet. Says whether it did.
        """
        with self._lock:
            if not self.runs or self.stopped_by_us or pid not in (None, self.pid):
                return False
            self.stopped_by_us = True
            os.kill(self.pid, number)
            return True

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int | None:
        """How it ended, or None if it still runs after so long."""
        try:
            return self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, seconds: float = 20) -> int | None:
        """Ends it whatever it takes: by closing what it listens to, by SIGTERM, and then by SIGKILL."""
        if self._process is None:
            return None
        if self.runs:
            self.go_on()
            if self._talks:
                self.stopped_by_us = True
                _pipe(self._process.stdin).close()
            else:
                self.ask()
            self.wait(seconds)
        code = self._process.poll()
        self._end(signal.SIGKILL)
        return code

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise Refused(f"{self.name} was never started.")
        return self._process

    def _end(self, number: int) -> None:
        self.stopped_by_us = True
        self._signal(number)
        self.wait(10)

    def _signal(self, number: int) -> None:
        # A group outlives its leader: what gunicorn started is reached by the group alone.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._running.pid, number)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
