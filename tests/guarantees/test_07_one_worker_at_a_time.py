"""Promise 7: two workers never both record a step of one task, also when one of them slept through its lease."""

import itertools
import time
from datetime import datetime

import pytest
from django.db import connection
from django.db.models.functions import Now

from agents.engine import leases
from agents.engine.clock import in_seconds
from agents.engine.loop import work_once
from agents.errors import LeaseLost
from agents.models import AgentTask
from agents.states import TaskStatus
from review.models import Answer, Kind
from tests.desk import gates
from tests.desk.driving import Desk, calls, effects, kinds, lapse, row, subject, until
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers, Life
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together
from tests.guarantees.workers import at_work

pytestmark = pytest.mark.timeout(600)

SHORT_LEASE = {"COUNTERSIGN_LEASE_SECONDS": 2}


def test_eight_workers_race_for_one_task_and_one_gets_it(desk: Desk) -> None:
    for _ in range(10):
        task = desk.submit(f"once {subject()}")
        got = together(*[leases.claim] * 8)
        assert raised(got) == []
        (lease,) = [one for one in got if one]
        assert lease.task_id == task.pk
        leases.let_go(lease)
        people.bring_to_an_end(desk, task)
        assert len(effects(task)) <= 1


def test_eight_workers_share_many_tasks_and_repeat_nothing(desk: Desk) -> None:
    tasks = [desk.submit(f"in turn {subject()}") for _ in range(24)]

    def work() -> int:
        return sum(1 for _ in iter(work_once, False))

    done = together(*[work] * 8)
    assert raised(done) == []
    for task in tasks:
        assert desk.settle(task).status == TaskStatus.COMPLETE
        assert len(calls(task)) == 4
    check(*tasks)


def test_a_lapsed_lease_is_taken_over_by_one_worker_only(desk: Desk) -> None:
    task = desk.submit(f"idempotent {subject()}")
    first = leases.claim()
    assert first is not None
    lapse(task)
    got = together(*[leases.claim] * 8)
    (second,) = [one for one in got if one]
    assert second.token > first.token
    check(task)


def test_a_worker_that_lost_its_lease_can_record_nothing_more(desk: Desk) -> None:
    task = desk.submit(f"idempotent {subject()}")
    slow = leases.claim()
    assert slow is not None
    lapse(task)
    quick = leases.claim()
    assert quick is not None
    before = _rows(task)
    with pytest.raises(LeaseLost), slow.change() as change:
        change.event("something")
    assert _rows(task) == before
    with quick.change() as change:
        change.event("something.else")
    check(task)


def test_a_worker_that_slept_inside_a_tool_writes_its_outcome_down_as_late(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"idempotent {what} waits")
    with at_work() as sleeper:
        gates.gate(what).wait_for_tool()
        lapse(task)
        with at_work():
            until(lambda: len(calls(task)) == 2, "the other worker repeated the call")
            gates.gate(what).open()
        sleeper.join()
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETE
    assert kinds(task).count("action.succeeded") == 1
    assert kinds(task).count("action.late_outcome") == 1
    assert len({call.key for call in calls(task)}) == 1
    check(task)


@pytest.mark.parametrize("goal", ["idempotent {}", "reconcilable {}", "once {}", "look {}"])
def test_a_process_stopped_after_any_commit_does_no_harm_when_it_wakes(
    goal: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    sleepers = _put_to_sleep(desk, doomed_workers, goal)
    assert len(sleepers) >= 4
    lapse(*(task for task, _ in sleepers))
    for task, _ in sleepers:
        people.bring_to_an_end(desk, task)
    before = {task.pk: _rows(task) for task, _ in sleepers}
    made = {task.pk: len(calls(task)) for task, _ in sleepers}
    for task, life in sleepers:
        assert doomed_workers.wake(life).end == "survived"
        assert _rows(task) == before[task.pk], f"{goal} changed after its end"
        assert len(calls(task)) == made[task.pk], f"{goal} was called after somebody else had taken it over"
    check(*(task for task, _ in sleepers))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock: whoever sleeps with it stops all.")
@pytest.mark.parametrize("at", range(1, 6))
def test_a_process_stopped_inside_a_transaction_holds_up_no_other_task(
    at: int, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    slept_with = desk.submit(f"idempotent {subject()}")
    life = doomed_workers.live(at=at, moment="before", by="SIGSTOP")
    assert life.end == "stopped"
    other = desk.run(f"idempotent {subject()}")
    assert other.status == TaskStatus.COMPLETE
    assert doomed_workers.wake(life).end == "survived"
    desk.settle(slept_with)
    assert slept_with.status == TaskStatus.COMPLETE
    assert len(calls(slept_with)) == 1
    check(slept_with, other)


def test_a_lease_is_not_renewed_beyond_the_deadline_of_the_call_in_hand(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"reconcilable {what} waits")
    with at_work():
        gates.gate(what).wait_for_tool()
        started = task.actions.get().attempt_until

        def renewed_in_vain() -> bool:
            before = AgentTask.objects.get(pk=task.pk).lease_until
            leases.renew()
            return AgentTask.objects.get(pk=task.pk).lease_until == before

        until(renewed_in_vain, "the hung call's lease is left to run out")
        assert AgentTask.objects.get(pk=task.pk).lease_until > started
        gates.gate(what).open()
    people.bring_to_an_end(desk, task)


def test_a_lease_is_renewed_while_its_worker_lives(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits")
    with at_work():
        gates.gate(what).wait_for_tool()
        before = AgentTask.objects.get(pk=task.pk).lease_until
        leases.renew()
        assert AgentTask.objects.get(pk=task.pk).lease_until > before
        gates.gate(what).open()
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETE
    check(task)


def test_a_process_that_comes_late_to_its_renewals_takes_no_more_tasks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submit("look at the kettle")
    monkeypatch.setattr(leases, "_kept_at", time.monotonic() - leases.lease_seconds())
    assert not work_once()
    leases.keep()
    assert work_once()


def test_a_lease_that_ran_out_is_not_renewed_any_more(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits")
    with at_work():
        gates.gate(what).wait_for_tool()
        lapse(task)
        leases.renew()
        assert desk.settle(task).parked_for == Kind.IN_DOUBT
        gates.gate(what).open()
    desk.decide_and_settle(task, Answer.HAPPENED, result={"what": what})
    check(task)


def _put_to_sleep(desk: Desk, workers: DoomedWorkers, goal: str) -> list[tuple[AgentTask, Life]]:
    """One process for each commit of the story, asleep after that commit, until what it believes of its lease is old.

    Their leases are short, and run out in truth; only the row is kept until all are asleep, so that none of them takes
    the task of another.
    """
    sleepers, leases_until = [], []
    for at in itertools.count(1):
        task = desk.submit(goal.format(subject()))
        life = workers.live(at=at, moment="after", by="SIGSTOP", settings=SHORT_LEASE)
        if life.end != "stopped":
            break
        sleepers.append((task, life))
        running = AgentTask.objects.filter(pk=task.pk, status=TaskStatus.RUNNING)
        leases_until += running.values_list("lease_until", flat=True)
        running.update(lease_until=in_seconds(600))
    until(lambda: _database_clock() > max(leases_until), "every sleeper's lease has run out")
    return sleepers


def _database_clock() -> datetime:
    return AgentTask.objects.annotate(db_now=Now()).values_list("db_now", flat=True)[0]


def _rows(task: AgentTask) -> dict[str, object]:
    """Everything that is recorded of a task, but the journal, where a late outcome is written down."""
    return {"task": row(task), "steps": list(task.steps.values()), "actions": list(task.actions.values())}
