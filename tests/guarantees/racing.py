"""How do several people or workers do something at the same moment? In threads that start together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(*runs: Callable[[], T]) -> list[T | Exception]:
    """Runs each in a thread of its own, all released at once; gives each one's result, or what it raised."""
    ready = threading.Barrier(len(runs))

    def run(one: Callable[[], T]) -> T | Exception:
        ready.wait(timeout=120)
        try:
            return one()
        except Exception as raised:
            return raised
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(run, runs))


def raised(outcomes: Sequence[object]) -> list[Exception]:
    return [one for one in outcomes if isinstance(one, Exception)]
