"""What becomes of a task whose worker is gone? It goes on, by whoever is alive, from where the rows say that it was."""

from typing import Any

import pytest
from django.db.models.functions import Now

from agents.engine import drain, leases
from agents.engine.leases import Lease
from agents.engine.loop import step, work_once
from agents.engine.story import read_story
from agents.models import AgentTask, WorkerProcess
from agents.states import ActionStatus, TaskStatus
from review.models import Kind
from tests.desk.driving import Desk, action_of, calls, effects, kinds, lapse, subject
from tests.guarantees.invariants import check
from tools.registry import registry


@pytest.fixture
def desk(transactional_db: None, settings: Any) -> Desk:
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]
    settings.COUNTERSIGN_MARGIN_SECONDS = 0.05
    drain.end()
    return Desk.open()


@pytest.mark.parametrize("turns", range(5))
def test_a_task_left_behind_after_any_turn_goes_on_from_there(turns: int, desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    _leave_after(task, turns)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert task.steps_taken == 6
    assert len(calls(task)) == 4


def test_a_read_that_was_not_written_when_its_worker_died_is_read_again_and_nothing_else(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    lease = leases.claim()
    assert lease is not None
    _take_turns(lease, 2)
    lost = lease.put_off is not None
    leases.let_go(lease)
    lapse(task)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert task.steps_taken == 6
    effective = [call for call in calls(task) if call.tool != "look"]
    assert len(calls(task)) == (5 if lost else 4)
    assert len({call.key for call in effective}) == len(effective)
    check(task)


def test_nobody_takes_a_task_whose_worker_lives(desk: Desk) -> None:
    task = desk.submit(f"look {subject()}")
    lease = leases.claim()
    assert lease is not None
    assert not work_once()
    leases.let_go(lease)
    lapse(task)
    assert desk.settle(task).status == TaskStatus.COMPLETE


def test_the_journal_says_who_was_lost(desk: Desk) -> None:
    task = desk.submit(f"look {subject()}")
    _leave_after(task, 1)
    desk.settle(task)
    claims = [event.data for event in task.events.filter(kind="task.claimed")]
    assert [claim.get("lost") for claim in claims] == [None, leases.WORKER]


def test_a_started_call_whose_tool_is_gone_is_in_doubt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    task = desk.submit(f"idempotent {subject()} first_lost_after")
    assert work_once()
    monkeypatch.delitem(registry._tools, "idempotent")
    desk.settle(task)
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)


def test_an_approved_action_whose_tool_is_gone_does_not_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, "approve")
    monkeypatch.delitem(registry._tools, "once_asked")
    desk.settle(task)
    assert (task.parked_for, action_of(task).status) == (Kind.ESCALATION, ActionStatus.SUPERSEDED)
    assert calls(task) == []


def test_losses_are_forgotten_when_a_task_makes_progress(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    for _ in range(4):
        _leave_after(task, 0)
    _leave_after(task, 1)
    assert AgentTask.objects.get(pk=task.pk).lapses == 0
    assert desk.settle(task).status == TaskStatus.COMPLETE


def test_the_embedded_process_takes_everything_back_when_it_starts(desk: Desk) -> None:
    tasks = [desk.submit(f"once {subject()}") for _ in range(3)]
    for _ in tasks:
        lease = leases.claim()
        assert lease is not None
        leases.let_go(lease)
    assert not work_once()
    assert leases.take_back_everything() == 3
    for task in tasks:
        assert desk.settle(task).status == TaskStatus.COMPLETE
        assert len(effects(task)) == 1


def test_a_worker_says_that_it_lives_and_when_it_has_gone(desk: Desk) -> None:
    leases.heartbeat(slots=3)
    leases.heartbeat(slots=3)
    worker = WorkerProcess.objects.get(identity=leases.WORKER)
    assert (worker.stopped_at, worker.slots) == (None, 3)
    leases.sign_off()
    worker.refresh_from_db()
    assert worker.stopped_at is not None


def test_a_wait_is_in_the_database_and_ends_there(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_BACKOFF_SECONDS = [60, 60, 60]
    task = desk.submit(f"once {subject()} busy_1")
    assert work_once()
    task.refresh_from_db()
    assert (task.status, task.worker) == (TaskStatus.WAITING, "")
    assert "The desk is busy" in task.notice
    assert not work_once()
    AgentTask.objects.filter(pk=task.pk).update(wake_at=task.created_at)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert kinds(task).count("task.claimed") == 2


def _leave_after(task: AgentTask, turns: int) -> None:
    """A worker takes the task, does and writes so many turns, and is never heard of again."""
    lease = leases.claim()
    assert lease is not None
    _take_turns(lease, turns)
    lease.write_put_off()
    leases.let_go(lease)
    lapse(task)


def _take_turns(lease: Lease, turns: int) -> None:
    story = read_story(lease.task_id, lease.condition)
    assert story is not None
    for _ in range(turns):
        step(lease, story)


def test_a_task_that_cost_workers_their_lives_runs_alone_in_its_process(desk: Desk) -> None:
    suspect, other, third = (desk.submit(f"look {subject()}") for _ in range(3))
    lost = {"status": TaskStatus.RUNNING, "worker": "lost", "lapses": 2, "lease_until": Now()}
    AgentTask.objects.filter(pk=suspect.pk).update(**lost)
    first = leases.claim()
    assert first is not None
    assert first.task_id == suspect.pk, "nothing else was held"
    assert leases.claim() is None, "it may take others with it"
    leases.let_go(first)
    beside = leases.claim()
    assert beside is not None
    assert beside.task_id == other.pk
    AgentTask.objects.filter(pk=suspect.pk).update(lease_until=Now(), lapses=3)
    following = leases.claim()
    assert following is not None
    assert following.task_id == third.pk, "the suspect waits until nothing is held"
    leases.let_go(beside)
    leases.let_go(following)
