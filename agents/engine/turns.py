"""How many of a process's threads work at the same moment? A few: the others wait for a model, a tool or their turn.

Hundreds of tasks in hand wait most of their life. Where hundreds of threads wake at once, though, they spend more on
taking the interpreter's lock from each other than on their work, and whoever holds a row's lock waits for it too.
Whoever has a task in hand comes before whoever would take another one: so no process takes more than it gets done.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4
"""More than one, since a database takes its time; few, since Python runs one thread at a time: each other one that
could run takes the interpreter from it in the middle of its work, and cold caches cost more than waiting."""


SWITCH_SECONDS = 0.1
"""For so long a thread may keep the interpreter that others ask for. A worker's threads leave it by themselves at each
word with a database, a model or a broker; and each thread that waits for it wakes up after this time to ask again, so
that hundreds of them at Python's own 0.005 s cost more than the work. A tool that computes holds others up as long."""


def switch_seldom() -> None:
    """For a process that does nothing but work on tasks."""
    sys.setswitchinterval(SWITCH_SECONDS)


class _Turns:
    """Given from hand to hand, to the one who has waited longest of those who come first."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        self._in_hand: deque[threading.Lock] = deque()
        self._new: deque[threading.Lock] = deque()

    def take(self, *, in_hand: bool) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Lock()
            called.acquire()
            (self._in_hand if in_hand else self._new).append(called)
        called.acquire()

    def give(self) -> None:
        with self._lock:
            waiting = self._in_hand or self._new
            if waiting:
                waiting.popleft().release()
            else:
                self._free += 1


_turns = _Turns(AT_ONCE)
_mine = threading.local()


@contextmanager
def working() -> Iterator[None]:
    """Waits for a turn, and has it for as long as the block runs, but where it is `waiting`."""
    _turns.take(in_hand=False)
    _mine.held = True
    try:
        yield
    finally:
        _mine.held = False
        _turns.give()


@contextmanager
def waiting() -> Iterator[None]:
    """Leaves the turn, if there is one, to others while something slow is waited for, and waits for one afterwards."""
    if not getattr(_mine, "held", False):
        yield
        return
    _mine.held = False
    _turns.give()
    try:
        yield
    finally:
        _turns.take(in_hand=True)
        _mine.held = True
