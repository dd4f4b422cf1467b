"""How does a request come to somebody else, and what do people say about it without deciding?

Handing it on says whose it is to answer, and takes no right from anybody: nothing stays undone because one person is
on holiday. What was said stands in the task's journal.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Group, User

from agents import services
from agents.changes import Change
from agents.errors import Invalid, Stale
from agents.models import TaskEvent
from review import signals
from review.models import ReviewRequest
from review.quorum import groups_that_approve, people_who_may
from review.services import closed_as, held_by_other, may_decide, on_task, readable

COMMENTED, DELEGATED, ESCALATED = "review.commented", "review.delegated", "review.escalated"
GIVEN_UP = "review.given_up"


def delegate(request_id: int, person: User, to: User | Group, said: str = "") -> ReviewRequest:
    """Hands a request to somebody who may decide it, or to a group in which somebody may.

    Raises Invalid where nobody there may, and Stale where the request is closed or somebody else reads it.
    """
    request = readable(request_id, person)
    if problem := _nobody_there(request, to):
        raise Invalid(problem, field="to")
    text = services.read_text(said, "comment") if said.strip() else None
    to_person, to_group = (to, "") if isinstance(to, User) else (None, to.name)
    with _while_open(request, person) as change:
        if why := held_by_other(request, person, change.now):
            raise Stale(why)
        ReviewRequest.objects.filter(pk=request.pk).update(
            claimed_by=None, claimed_until=None, assigned_to=to_person, assigned_group=to_group
        )
        request.refresh_from_db()
        whose = {"person": to_person and to_person.pk, "group": to_group}
        change.event(DELEGATED, request=request.pk, kind=request.kind, to=str(to), **whose, text=text)
        signals.request_delegated.send(sender=ReviewRequest, request=request)
    return request


def comment(request_id: int, person: User, text: str) -> None:
    """Says something about an open request to the others, without deciding it."""
    request = readable(request_id, person)
    text = services.read_text(text, "comment")
    with _while_open(request, person) as change:
        change.event(COMMENTED, request=request.pk, text=text)


def said_about(request: ReviewRequest) -> list[TaskEvent]:
    """What was said about the task's requests, and to whom they went; what was erased stays away."""
    kinds = (COMMENTED, DELEGATED, ESCALATED, GIVEN_UP)
    lines = TaskEvent.objects.filter(task=request.task_id, kind__in=kinds).exclude(salt="")
    return list(lines.order_by("number"))


@contextmanager
def _while_open(request: ReviewRequest, person: User) -> Iterator[Change]:
    """One transaction under the lock on the task, while the request is open."""
    if closed := closed_as(request):
        raise Stale(closed)
    with on_task(request, person) as change:
        request.refresh_from_db(fields=["status", "claimed_by", "claimed_until"])
        if closed := closed_as(request):
            raise Stale(closed)
        yield change


def _nobody_there(request: ReviewRequest, to: User | Group) -> str:
    """Why it can't go there; empty where it can."""
    if isinstance(to, User):
        if to.pk == request.task.submitted_by_id:
            return f"{to} submitted the task, so somebody else decides about it."
        return f"{to} can't decide this." if may_decide(request, to) else ""
    people = people_who_may(request.task, to.name)
    if groups := groups_that_approve(request):
        people = people.filter(pk__in=User.objects.filter(groups__name__in=groups))
    return "" if people.exists() else f"Nobody of the group “{to}” may decide this, so it would wait there for ever."
