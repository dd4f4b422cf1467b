"""Which CPU does a worker process use? One at a time, since Python runs one thread at a time.

Where the interpreter goes from a thread on one CPU to a thread on another, that one is woken up first, and finds what
it needs in the other's caches; docs/sizing.md says what that costs. A CPU is left for another one within some seconds
where others crowd it: nobody tells a process which of them those next to it have chosen, in containers of their own
maybe.
"""

import os
import random
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

CROWDED = 0.25
"""So much of a CPU more than of another one is used by others before it is left."""
_TIMES, _IDLE = 8, (3, 4)
"""Of the times in a CPU's line of /proc/stat the first ones, and which of them are spent on nothing (see proc(5))."""


@dataclass(frozen=True)
class Seen:
    """What was used until a moment, in seconds: by everybody of each CPU, and by this process."""

    at: float
    of_cpus: dict[int, float]
    own: float


class OneCpu:
    """Keeps this process to one of the CPUs that it may use. Where nothing tells how busy they are it does nothing."""

    def __init__(self) -> None:
        wanted = settings.COUNTERSIGN_ONE_CPU and hasattr(os, "sched_setaffinity")
        self.allowed = frozenset(os.sched_getaffinity(0)) if wanted else frozenset()
        self.cpu: int | None = None
        self._seen = see()
        if len(self.allowed) > 1 and self.allowed <= self._seen.of_cpus.keys():
            self._move_to(random.choice(sorted(self.allowed)))  # noqa: S311  # so that not all begin on the same one

    def look(self) -> None:
        """Moves to the CPU that others use least, where they crowd this one. Of several, about half do, each time."""
        if self.cpu is None:
            return
        before, self._seen = self._seen, see()
        used = used_by_others(before, self._seen, self.cpu)
        least = min((cpu for cpu in self.allowed if cpu in used), key=lambda cpu: used[cpu], default=self.cpu)
        if used.get(self.cpu, 0.0) > used.get(least, 0.0) + CROWDED and random.random() < 0.5:  # noqa: S311
            self._move_to(least)

    def leave(self) -> None:
        """Lets this process use all of them again. What it starts in its own place would inherit the one."""
        if self.cpu is not None:
            self.cpu = None
            _put_threads_on(self.allowed)

    def _move_to(self, cpu: int) -> None:
        self.cpu = cpu
        _put_threads_on({cpu})


def _put_threads_on(cpus: Collection[int]) -> None:
    """All threads of this process. Those that begin later begin where the one is that begins them."""
    moved: set[str] = set()
    with suppress(OSError):
        while new := set(os.listdir("/proc/self/task")) - moved:
            moved |= new
            for thread in new:
                with suppress(OSError):  # It has ended; or the CPU was taken from us, and then nothing is lost.
                    os.sched_setaffinity(int(thread), cpus)


def see() -> Seen:
    """What /proc/stat tells of each CPU, and the system of this process. Without such a file nothing tells of CPUs."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    tick = os.sysconf("SC_CLK_TCK")
    of_cpus = {}
    for name, *times in (line.split() for line in lines):
        if name.startswith("cpu") and name[3:].isdigit():
            spent = [int(one) for place, one in enumerate(times[:_TIMES]) if place not in _IDLE]
            of_cpus[int(name[3:])] = sum(spent) / tick
    return Seen(time.monotonic(), of_cpus, time.process_time())


def used_by_others(before: Seen, now: Seen, cpu: int) -> dict[int, float]:
    """How much of each CPU was used, from 0 to 1; of our `cpu`, what was used by others than this process."""
    passed = max(now.at - before.at, 0.001)
    used = {one: (spent - before.of_cpus.get(one, spent)) / passed for one, spent in now.of_cpus.items()}
    if cpu in used:
        used[cpu] -= (now.own - before.own) / passed
    return used
