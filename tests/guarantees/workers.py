"""How does a test let a worker run beside it? In a thread, joined at the end; or turn by turn, with itself between."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.models.functions import Now

from agents.engine.leases import Lease, claim, let_go
from agents.engine.loop import step, work_once
from agents.engine.story import story_of
from agents.models import AgentTask
from agents.states import TaskStatus
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


class Slow:
    """A worker that has read its task and then does one turn after the other, when it is told."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._story = story_of(lease.claimed)

    def turns(self, number: int) -> None:
        for _ in range(number):
            if self._story.task.status != TaskStatus.RUNNING:
                return
            step(self.lease, self._story)


@contextmanager
def turn_by_turn() -> Iterator[Slow]:
    """A worker that claims the best task and reads it now; it gives the task up by silence."""
    lease = claim()
    assert lease is not None
    worker = Slow(lease)
    yield worker
    let_go(lease)
    AgentTask.objects.filter(pk=lease.task_id, status=TaskStatus.RUNNING).update(lease_until=Now())


@contextmanager
def at_work() -> Iterator[Worker]:
    worker = Worker()
    worker.start()
    yield worker
    worker.join()
