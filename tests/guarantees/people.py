"""What do reasonable people answer? They approve what is asked, and look in the ledger to say what happened."""

from datetime import timedelta

from django.conf import settings

from agents import services
from agents.models import Action, AgentTask
from agents.states import FINAL, TaskStatus
from review.models import Answer, Kind
from tests.desk.driving import Desk, action_of, lapse
from tests.desk.models import Entry
from tests.guarantees.invariants import check


def bring_to_an_end(desk: Desk, task: AgentTask) -> AgentTask:
    """Other workers find the task when its lease has run out, and people answer, until it is final."""
    while task.status not in FINAL:
        lapse(task)
        desk.settle(task)
        check(task)
        answer(desk, task)
        task.refresh_from_db()
    check(task)
    return task


def answer(desk: Desk, task: AgentTask) -> bool:
    """Answers what is asked about a task; False when nothing is."""
    if task.status == TaskStatus.NEEDS_INPUT:
        services.answer(task.pk, "something", by=task.submitted_by)
        return True
    if task.status != TaskStatus.NEEDS_REVIEW:
        return False
    match task.parked_for:
        case Kind.PLAN | Kind.ACTION:
            desk.decide(task, Answer.APPROVE)
        case Kind.RESULT:
            desk.decide(task, Answer.ACCEPT)
        case Kind.IN_DOUBT:
            settle_doubt(desk, task)
        case Kind.LIMIT:
            desk.decide(task, Answer.EXTEND, steps=5)
        case Kind.TAKEOVER:
            desk.decide(task, Answer.TERMINATE, comment="Nobody needs it any more.")
        case _:
            desk.decide(task, Answer.TERMINATE, comment="The agent can't do it.")
    return True


def settle_doubt(desk: Desk, task: AgentTask) -> None:
    action = action_of(task)
    entry = Entry.objects.filter(key=action.idempotency_key, happened=True).first()
    if entry:
        desk.decide(task, Answer.HAPPENED, result={"entry": entry.pk, "what": entry.subject})
        return
    time_passes(task)
    desk.decide(task, Answer.NOT_HAPPENED)


def time_passes(task: AgentTask) -> None:
    """Lets the deadline of the call in doubt be past, and the margin too."""
    action = action_of(task)
    earlier = action.started_at - timedelta(seconds=settings.COUNTERSIGN_MARGIN_SECONDS + 1)
    Action.objects.filter(pk=action.pk, attempt_until__isnull=False).update(attempt_until=earlier)
