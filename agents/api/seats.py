"""How many requests may hold a thread and wait? A share of the process's threads, so that the others stay free."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class Seats:
    """So many seats at most; who finds none is told at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self) -> bool:
        with self._lock:
            if self._taken >= settings.COUNTERSIGN_WAITING_REQUESTS:
                return False
            self._taken += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Whether there was a seat; it is given back at the end."""
        got = self.take()
        try:
            yield got
        finally:
            if got:
                self.give_back()


seats = Seats()
