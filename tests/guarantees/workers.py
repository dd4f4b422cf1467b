"""How does a test let a worker run beside it? In a thread, joined at the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from agents.engine.loop import work_once
from tests.desk.driving import PATIENCE


class Worker:
    """A thread that takes one task and moves it on for one slice."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "The worker does not come to an end."
        if self._raised:
            raise self._raised

    def _run(self) -> None:
        try:
            work_once()
        except BaseException as raised:
            self._raised = raised
        finally:
            connections.close_all()


@contextmanager
def at_work() -> Iterator[Worker]:
    worker = Worker()
    worker.start()
    yield worker
    worker.join()
