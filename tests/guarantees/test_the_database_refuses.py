"""What must never be is refused by the database itself, whoever asks: here, an UPDATE past all our code."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents.models import Action, AgentTask, Step, TaskEvent
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest
from tests.desk.driving import Desk, action_of, subject
from tests.guarantees.invariants import check


@pytest.mark.parametrize(
    "fields",
    [
        {"steps_taken": F("max_steps") + 1},
        {"status": "complete", "parked_for": "", "finished_at": timezone.now()},
        {"status": "complete", "parked_for": "", "current_action": None},
        {"finished_at": timezone.now()},
        {"status": "running", "parked_for": ""},
        {"status": "pending", "parked_for": "", "lease_until": timezone.now()},
        {"parked_for": ""},
        {"status": "waiting", "parked_for": ""},
        {"parked_for": "takeover"},
        {"by_hand": {"tool": "once"}},
    ],
    ids=[
        "steps over the limit",
        "final with a current action",
        "final without an end",
        "an end before it is final",
        "running without a lease",
        "a lease without running",
        "parked for nothing",
        "waiting for no moment",
        "taken over by nobody",
        "called by hand, and owned by nobody",
    ],
)
def test_a_task_that_contradicts_itself(fields: dict[str, Any], desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentTask.objects.filter(pk=task.pk).update(**fields)
    check(task)


def test_a_second_live_action(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    action = action_of(task)
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.create(
            task=task, step=action.step, number=2, tool="once", effect="once", arguments={}, status="proposed"
        )
    check(task)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "started"},
        {"status": "started", "started_at": timezone.now()},
        {"status": "started", "started_at": timezone.now(), "approval": 10**6},
        {"status": "succeeded"},
        {"status": "rejected", "started_at": timezone.now(), "needs_approval": False},
    ],
    ids=[
        "no start time",
        "no approval",
        "approval of something else",
        "succeeded unstarted",
        "rejected after its start",
    ],
)
def test_a_start_that_nobody_approved(fields: dict[str, Any], desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(task=task).update(**fields)
    check(task)


def test_a_start_of_something_else_than_what_was_approved(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    now = timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(task=task).update(
            status="started", started_at=now, approval_used_at=now, digest="another"
        )
    check(task)


def test_one_approval_for_two_actions(desk: Desk) -> None:
    first, second = (desk.run(f"once_asked {subject()}") for _ in range(2))
    decision = desk.decide(first, Answer.APPROVE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(task=second).update(approval=decision.pk)
    check(first, second)


def test_two_decisions_of_one_person(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    decision = desk.decide(task, Answer.APPROVE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            request=decision.request, person=desk.reviewer, answer=Answer.REJECT, digest="", via="api"
        )
    check(task)


def test_two_open_requests_of_one_task(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewRequest.objects.create(task=task, kind=Kind.LIMIT, title="Another", reasons=[], shown={}, digest="")
    check(task)


@pytest.mark.parametrize(
    "fields",
    [{"status": RequestStatus.DECIDED}, {"closed_at": timezone.now()}],
    ids=["closed at no time", "closed and open"],
)
def test_a_request_that_is_half_closed(fields: dict[str, Any], desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewRequest.objects.filter(task=task).update(**fields)
    check(task)


@pytest.mark.parametrize("row", [Step, TaskEvent])
def test_a_number_given_twice(row: Any, desk: Desk) -> None:
    task = desk.run(f"look {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        row.objects.bulk_create([row(task=task, number=1, kind="plan")])
    check(task)


def test_two_tasks_for_one_key(desk: Desk) -> None:
    desk.submit(f"look {subject()}", idempotency_key="one")
    other = desk.submit(f"look {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentTask.objects.filter(pk=other.pk).update(idempotency_key="one")
