"""A task that is not over at its deadline goes to a person, between two steps; what was approved still runs."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from agents.errors import Invalid
from agents.models import AgentTask
from review.models import Answer, Kind
from tests.desk.driving import Desk, calls, kinds, subject
from tests.guarantees.invariants import check


def late(desk: Desk, goal: str) -> AgentTask:
    """A task whose deadline passed before anybody began with it."""
    task = desk.submit(goal, deadline=timezone.now() + timedelta(hours=1))
    passed = timezone.now() - timedelta(minutes=5)
    AgentTask.objects.filter(pk=task.pk).update(deadline=passed, created_at=passed - timedelta(hours=1))
    return desk.settle(task)


def test_nothing_is_proposed_after_the_deadline(desk: Desk) -> None:
    task = late(desk, f"once {subject()}")
    assert (task.parked_for, task.steps_taken, calls(task)) == (Kind.LIMIT, 0, [])
    request = desk.request(task)
    assert request.title == f"The deadline has passed: extend? {task.goal}"
    assert request.reasons[0]["code"] == "limit.deadline"
    check(task)


def test_a_person_gives_it_as_long_again_and_it_goes_on(desk: Desk) -> None:
    task = late(desk, f"once {subject()}")
    decision = desk.decide(task, Answer.EXTEND)
    assert desk.settle(task).status == "complete"
    assert task.deadline
    assert timedelta(minutes=59) < task.deadline - timezone.now() <= timedelta(hours=1)
    assert decision.details == {"deadline": task.deadline.isoformat()}
    assert "deadline.extended" in kinds(task)
    check(task)


def test_a_person_may_name_the_new_deadline(desk: Desk) -> None:
    task = late(desk, f"once {subject()}")
    for wrong in (timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(days=400)):
        with pytest.raises(Invalid, match="later moment"):
            desk.decide(task, Answer.EXTEND, deadline=wrong)
    tomorrow = timezone.now() + timedelta(days=1)
    assert desk.decide_and_settle(task, Answer.EXTEND, deadline=tomorrow).status == "complete"
    assert task.deadline == tomorrow


def test_what_a_person_approved_runs_though_the_deadline_passed_meanwhile(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}", deadline=timezone.now() + timedelta(hours=1))
    assert task.parked_for == Kind.ACTION
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=True):
        desk.decide_and_settle(task, Answer.APPROVE)
    assert task.parked_for == Kind.LIMIT
    assert len(calls(task)) == 1
    check(task)
