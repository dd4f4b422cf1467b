"""How many of a process's threads work at the same moment? A few: the others wait for a model, a tool or their turn.

Hundreds of tasks in hand wait most of their life. Where hundreds of threads wake at once, though, they spend more on
taking the interpreter's lock from each other than on their work, and whoever holds a row's lock waits for it too.
Whoever has waited longest is next.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4
"""More than one, since a database takes its time; few, since Python runs one thread at a time: each other one that
could run takes the interpreter from it in the middle of its work, and cold caches cost more than waiting."""


class _Turns:
    """Given from hand to hand, to the one who has waited longest."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        called.acquire()

    def give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


_turns = _Turns(AT_ONCE)
_mine = threading.local()


@contextmanager
def working() -> Iterator[None]:
    """Waits for a turn, and has it for as long as the block runs, but where it is `waiting`."""
    _turns.take()
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
        _turns.take()
        _mine.held = True
