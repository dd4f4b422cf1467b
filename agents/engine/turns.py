"""How many of a process's threads work at the same moment? A few: the others wait for a model, a tool or their turn.

Hundreds of tasks in hand wait most of their life. Where hundreds of threads wake at once, though, they spend more on
taking the interpreter's lock from each other than on their work, and whoever holds a row's lock waits for it too.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 3
"""More than one, since a database takes its time; few, since Python runs one thread at a time, and what threads that
could run cost each other is a third of a step's CPU with eight of them."""

_turns = threading.Semaphore(AT_ONCE)
_mine = threading.local()


@contextmanager
def working(*, to_go_on: bool = False) -> Iterator[None]:
    """Waits for a turn, and has it for as long as the block runs; whoever has one already goes on.

    `to_go_on` keeps it for whoever waited for something that has come: what was paid for is recorded without a queue.
    """
    if _has_turn():
        yield
        return
    _turns.acquire()
    _mine.held = True
    try:
        yield
    finally:
        if not (to_go_on and getattr(_mine, "waits", False)):
            _mine.held = False
            _turns.release()


@contextmanager
def waiting() -> Iterator[None]:
    """Leaves the turn to others while something slow is waited for, and waits for one afterwards."""
    if not _has_turn():
        yield
        return
    _mine.held, _mine.waits = False, True
    _turns.release()
    try:
        yield
    finally:
        _mine.waits = False
        if not _has_turn():
            _turns.acquire()
        _mine.held = True


def _has_turn() -> bool:
    return getattr(_mine, "held", False)
