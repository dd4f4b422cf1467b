"""What time brings to an open question: a reminder, another group, its end. It never approves anything."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.functions import Now
from django.dispatch import Signal
from structlog.testing import capture_logs

from agents.definition import ApprovalRule, Deadline
from agents.errors import NotAllowed, Stale
from agents.models import AgentTask
from agents.states import TaskStatus
from agents.versions import publish
from review import signals
from review.admin.reading import decidable
from review.deadlines import keep_time
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import claim, decide
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, action_of, calls, effects, kinds, subject
from tests.factories import ReviewerFactory
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together

TIMED = DESK.model_copy(
    update={
        "name": "timed",
        "title": "The desk in time",
        "approvals": (ApprovalRule(tool="once_asked", group="Leads"),),
        "deadlines": (
            Deadline(tool="once_asked", due="4h", remind="1h", escalate_to="Heads", expires="2d"),
            Deadline(tool="idempotent_asked", expires="1h", then="hand_on", escalate_to="Heads"),
            Deadline(due="2h", escalate_to="Heads", expires="1d"),
        ),
    }
)


@pytest.fixture
def timed(desk: Desk) -> Desk:
    publish(TIMED, by=None)
    Group.objects.create(name="Leads").user_set.add(desk.reviewer)
    return desk


@pytest.fixture
def head(timed: Desk) -> User:
    person = ReviewerFactory(in_group="Reviewers")
    Group.objects.create(name="Heads").user_set.add(person)
    return person


@pytest.fixture
def heard() -> Iterator[list[Signal]]:
    """The signals that were sent, in order."""
    told: list[Signal] = []
    sent = (signals.request_due_soon, signals.request_escalated, signals.request_expired)
    listeners = [(signal, lambda signal, request, **_: told.append(signal)) for signal in sent]
    for signal, listener in listeners:
        signal.connect(listener, weak=False)
    yield told
    for signal, listener in listeners:
        signal.disconnect(listener)


def asked(desk: Desk, goal: str) -> AgentTask:
    return desk.run(goal, agent="timed")


def comes(*moments: str) -> None:
    """Lets these moments of all requests be now."""
    ReviewRequest.objects.update(**{moment: Now() for moment in moments})


def test_the_times_count_from_the_moment_that_it_is_asked(timed: Desk) -> None:
    request = timed.request(asked(timed, f"once_asked {subject()}"))
    times = (request.remind_at, request.due_at, request.expires_at)
    assert [at - request.opened_at for at in times] == [timedelta(hours=hours) for hours in (3, 4, 48)]


def test_a_reminder_comes_once_whoever_looks(timed: Desk, heard: list[Signal]) -> None:
    task = asked(timed, f"once_asked {subject()}")
    keep_time()
    assert heard == []
    comes("remind_at")
    assert raised(together(*[keep_time] * 4)) == []
    keep_time()
    assert heard == [signals.request_due_soon]
    assert kinds(task).count("review.due_soon") == 1
    assert timed.request(task).status == RequestStatus.OPEN


def test_when_it_is_due_it_goes_to_the_other_group_which_may_approve_it(
    timed: Desk, head: User, heard: list[Signal]
) -> None:
    task = asked(timed, f"once_asked {subject()}")
    request = timed.request(task)
    with pytest.raises(NotAllowed, match="Leads"):
        decide(request.pk, head, Answer.APPROVE, request.digest)
    assert request not in decidable(head)
    comes("due_at")
    assert raised(together(*[keep_time] * 4)) == []
    assert heard == [signals.request_escalated]
    assert timed.request(task).assigned_group == "Heads"
    assert request in decidable(head)
    assert request not in decidable(timed.colleague)
    decide(request.pk, head, Answer.APPROVE, request.digest)
    assert timed.settle(task).status == TaskStatus.COMPLETE
    check(task)


def test_an_escalation_takes_no_right_from_the_first_group(timed: Desk, head: User) -> None:
    task = asked(timed, f"once_asked {subject()}")
    comes("due_at")
    keep_time()
    timed.decide(task, Answer.APPROVE)
    assert timed.settle(task).status == TaskStatus.COMPLETE


def test_an_escalation_to_nobody_is_an_alarm_and_takes_no_right(timed: Desk) -> None:
    task = asked(timed, f"once_asked {subject()}")
    comes("due_at")
    with capture_logs() as logs:
        keep_time()
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["review.nobody_to_escalate_to"]
    timed.decide(task, Answer.APPROVE)
    assert timed.settle(task).status == TaskStatus.COMPLETE


def test_what_expires_is_rejected_and_the_agent_learns_so(timed: Desk, heard: list[Signal]) -> None:
    task = asked(timed, f"once_asked {subject()}")
    request = timed.request(task)
    claim(request.pk, timed.reviewer)
    comes("expires_at")
    assert raised(together(*[keep_time] * 4)) == []
    assert heard == [signals.request_expired]
    request.refresh_from_db()
    assert (request.status, action_of(task).status) == (RequestStatus.EXPIRED, "rejected")
    timed.settle(task)
    assert "Nobody decided in time" in str(task.steps.get(actions=request.action_id).answer)
    assert effects(task) == []
    with pytest.raises(Stale, match="expired"):
        decide(request.pk, timed.reviewer, Answer.APPROVE, request.digest)
    check(task)


def test_from_its_end_on_nobody_decides_it_even_before_a_worker_looked(timed: Desk) -> None:
    task = asked(timed, f"once_asked {subject()}")
    comes("expires_at")
    with pytest.raises(Stale, match="expired"):
        timed.decide(task, Answer.APPROVE)
    assert timed.request(task) not in decidable(timed.reviewer)
    assert (timed.settle(task).status, calls(task)) == (TaskStatus.NEEDS_REVIEW, [])


def test_what_is_handed_on_waits_for_a_person_of_the_group_and_never_runs(timed: Desk, head: User) -> None:
    task = asked(timed, f"idempotent_asked {subject()}")
    comes("expires_at")
    keep_time()
    request = timed.request(task)
    assert (request.kind, request.assigned_group) == (Kind.ESCALATION, "Heads")
    assert "Nobody decided in time" in request.reasons[0]["message"]
    assert (calls(task), action_of(task).status) == ([], "superseded")
    assert request in decidable(head)
    check(task)


def test_a_limit_that_nobody_extends_ends_the_task_with_the_reason(timed: Desk) -> None:
    task = timed.run(f"over and over {subject()}", agent="timed", max_steps=8)
    assert timed.request(task).kind == Kind.LIMIT
    comes("expires_at")
    keep_time()
    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED
    assert "Nobody decided in time" in task.failure
    check(task)


@pytest.mark.parametrize(("goal", "kind"), [("once {} lost_after", Kind.IN_DOUBT), ("once_unverified {}", Kind.RESULT)])
def test_what_ran_or_may_have_run_never_expires(goal: str, kind: Kind, timed: Desk) -> None:
    task = asked(timed, goal.format(subject()))
    if timed.request(task).kind == Kind.ACTION:
        timed.decide(task, Answer.APPROVE)
        timed.settle(task)
    request = timed.request(task)
    assert (request.kind, request.expires_at) == (kind, None)
    assert request.due_at is not None


@pytest.mark.parametrize(
    ("tool", "kind"),
    [("once_asked", Kind.ACTION), ("idempotent_asked", Kind.ACTION), ("look", Kind.LIMIT)],
)
def test_what_expires_in_a_task_that_was_taken_over_goes_back_to_its_owner(tool: str, kind: Kind, timed: Desk) -> None:
    task = timed.run("Write a poem", agent="timed", max_steps=1 if kind == Kind.LIMIT else 12)
    timed.decide(task, Answer.TAKE_OVER)
    while timed.request(task).kind == Kind.TAKEOVER:
        timed.decide(task, Answer.CALL, comment="Ana waits.", tool=tool, arguments={"what": subject()})
        timed.settle(task)
    assert timed.request(task).kind == kind
    comes("expires_at")
    keep_time()

    owned = timed.request(timed.settle(task))
    assert (owned.kind, task.owner, effects(task)) == (Kind.TAKEOVER, timed.reviewer, [])
    assert "Nobody decided in time" in owned.reasons[0]["message"]
    assert owned in decidable(timed.reviewer)
    timed.decide(task, Answer.FINISH, result="Done by hand.")
    assert AgentTask.objects.get(pk=task.pk).status == TaskStatus.COMPLETE
    check(task)


def test_an_owner_who_does_nothing_is_overdue_and_keeps_the_task(timed: Desk, head: User) -> None:
    task = timed.run("Write a poem", agent="timed")
    timed.decide(task, Answer.TAKE_OVER)
    comes("due_at", "expires_at")
    ReviewRequest.objects.update(expires_at=None)
    keep_time()
    request = timed.request(task)
    assert (request.kind, request.assigned_group) == (Kind.TAKEOVER, "Heads")
    timed.decide(task, Answer.TAKE_OVER, by=head)
    task.refresh_from_db()
    assert task.owner == head
    check(task)


def test_time_and_a_decision_at_the_same_moment_leave_one_truth(timed: Desk) -> None:
    tasks = [asked(timed, f"once_asked {subject()}") for _ in range(4)]
    for task in tasks:
        request = timed.request(task)
        ReviewRequest.objects.filter(pk=request.pk).update(expires_at=Now())
        together(lambda: decide(request.pk, timed.reviewer, Answer.APPROVE, request.digest), keep_time)  # noqa: B023
        keep_time()
        timed.settle(task)
        assert effects(task) == []
    assert set(ReviewRequest.objects.filter(kind=Kind.ACTION).values_list("status", flat=True)) == {"expired"}
    check(*tasks)


def test_one_that_can_not_be_moved_keeps_no_other_waiting(timed: Desk) -> None:
    first, second = (asked(timed, f"once_asked {subject()}") for _ in range(2))
    comes("expires_at")

    def fails(request: ReviewRequest, **_: object) -> None:
        if request.task_id == first.pk:
            raise RuntimeError("The listener is broken.")

    signals.request_expired.connect(fails)
    keep_time()
    assert timed.request(first).status == RequestStatus.OPEN
    assert not ReviewRequest.objects.filter(task=second, status=RequestStatus.OPEN, kind=Kind.ACTION).exists()
    signals.request_expired.disconnect(fails)
    keep_time()
    assert not ReviewRequest.objects.filter(task=first, status=RequestStatus.OPEN, kind=Kind.ACTION).exists()
