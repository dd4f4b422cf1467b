"""How do tests start Countersign's own commands? As a person would: another process, with none of our settings."""

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
OURS = ("COUNTERSIGN_", "DJANGO_", "DATABASE_", "REDIS_", "PYTEST_")
PATIENCE = 240.0
"""Seconds: what starts in two on an idle machine took more than sixty on a busy one. It is only waited for to fail."""
NAMES = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "LOG_LEVEL"}


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any of Countersign's settings, and these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS) and name not in NAMES}
    return {**kept, "COUNTERSIGN_ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1", **more}


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python …` to its end, with only these settings."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


class Running:
    """`python …` in the background, and the lines that it has printed so far, errors included."""

    def __init__(self, *command: str, **settings: str) -> None:
        self.lines: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str, seconds: float = PATIENCE) -> str:
        """The first line with these words. Fails with all that was printed if it doesn't come."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                line = self._new.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise AssertionError(f"It ended without saying {words!r}:\n{self.said}")
            if words in line:
                return line
        raise AssertionError(f"It did not say {words!r} in {seconds} s:\n{self.said}")

    def stop(self, number: int, seconds: float = PATIENCE) -> int:
        """Send the signal, and give the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        while self._new.get(timeout=PATIENCE) is not None:
            pass
        return code

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            self._new.put(line)
        self._new.put(None)
