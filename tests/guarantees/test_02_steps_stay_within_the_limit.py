"""Promise 2: `steps_taken` never exceeds `max_steps`; reaching it parks the task, and people may extend it."""

import pytest

from agents.errors import Invalid
from agents.states import TaskStatus
from review.models import Answer, Kind
from tests.desk.driving import Desk, calls, subject
from tests.guarantees.invariants import check


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_task_stops_at_its_limit_and_asks_a_person(limit: int, desk: Desk) -> None:
    task = desk.run(f"in turn {subject()}", max_steps=limit)
    assert task.status == TaskStatus.NEEDS_REVIEW
    assert task.steps_taken <= limit
    check(task)


def test_every_action_run_from_a_plan_counts(desk: Desk) -> None:
    task = desk.run(f"over and over {subject()}", max_steps=8)
    assert (task.parked_for, task.steps_taken) == (Kind.LIMIT, 8)
    assert len(calls(task)) == 7
    check(task)


def test_a_finish_on_the_last_step_completes(desk: Desk) -> None:
    task = desk.run(f"once {subject()}", max_steps=3)
    assert (task.status, task.steps_taken) == (TaskStatus.COMPLETE, 3)
    check(task)


def test_an_extended_task_goes_on_to_its_end_and_repeats_nothing(desk: Desk) -> None:
    task = desk.run(f"over and over {subject()}", max_steps=8)
    assert desk.decide_and_settle(task, Answer.EXTEND, steps=1).status == TaskStatus.COMPLETE
    assert (task.steps_taken, task.max_steps) == (9, 9)
    assert len({call.subject for call in calls(task)}) == len(calls(task)) == 7
    check(task)


@pytest.mark.parametrize("steps", [-1, 0, 13, 10**12])
def test_nobody_extends_a_task_beyond_its_ceiling(steps: int, desk: Desk) -> None:
    task = desk.run(f"over and over {subject()}", max_steps=8)
    with pytest.raises(Invalid, match="ceiling"):
        desk.decide(task, Answer.EXTEND, steps=steps)
    task.refresh_from_db()
    assert (task.parked_for, task.max_steps) == (Kind.LIMIT, 8)
    check(task)


def test_an_action_waiting_on_the_last_step_still_runs_when_it_is_approved(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}", max_steps=2)
    assert task.parked_for == Kind.ACTION
    assert desk.decide_and_settle(task, Answer.APPROVE).parked_for == Kind.LIMIT
    assert len(calls(task)) == 1
    check(task)
