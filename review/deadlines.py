"""What does time bring to an open request? A reminder, another group, or its end: by the database's clock.

Every worker looks, and none is special. Each change is one transaction that locks the task and looks again, so that
whoever comes first makes it, and a decision made meanwhile stands. Time never approves anything.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from agents import services
from agents.changes import Change
from agents.errors import Refused
from review import requests, signals
from review.models import Kind, RequestStatus, ReviewRequest
from review.quorum import people_who_may

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Requests of each kind in one round; the next round is a minute away."""


def keep_time(sender: object = None, **_: object) -> None:
    """One round, cheap when there is nothing to do."""
    for is_time, bring in ROUNDS:
        found = ReviewRequest.objects.filter(is_time, status=RequestStatus.OPEN).order_by("pk")
        for pk, task, kind in found.values_list("pk", "task_id", "kind")[:AT_ONCE]:
            try:
                _look_again(pk, task, kind, is_time, bring)
            except Refused:
                continue  # Somebody decided meanwhile, or another worker came first.
            except Exception:
                # One that can't be moved must not keep the others waiting.
                log.exception("review.time_failed", request=pk)


def _look_again(pk: int, task: int, kind: str, is_time: Q, bring: Callable[[Change, ReviewRequest], None]) -> None:
    with services.parked(task, kind, by=None) as change:
        open_ones = ReviewRequest.objects.filter(is_time, pk=pk, status=RequestStatus.OPEN)
        request = open_ones.select_related("task", "action").first()
        if request is not None:
            bring(change, request)


def _remind(change: Change, request: ReviewRequest) -> None:
    _set(request, reminded_at=change.now)
    change.event("review.due_soon", request=request.pk, kind=request.kind, due_at=_written(request.due_at))
    signals.request_due_soon.send(sender=ReviewRequest, request=request)


def _escalate(change: Change, request: ReviewRequest) -> None:
    """To the other group, from whoever had it: they were to answer by now."""
    _set(request, escalated_at=change.now, assigned_to=None, assigned_group=request.escalate_to)
    told = {"request": request.pk, "kind": request.kind, "group": request.escalate_to}
    change.event("review.escalated", **told, due_at=_written(request.due_at))
    if not people_who_may(request.task, request.escalate_to).exists():
        log.error("review.nobody_to_escalate_to", request=request.pk, group=request.escalate_to)
    signals.request_escalated.send(sender=ReviewRequest, request=request)


def _expire(change: Change, request: ReviewRequest) -> None:
    requests.close(request, RequestStatus.EXPIRED, change)
    why = f"Nobody decided in time: {request.title}"
    if request.hands_on and request.kind != Kind.ESCALATION:
        services.hand_on(change, why, {"expired": {"request": request.pk, "group": request.escalate_to}})
    else:
        services.expire(change, why)
    signals.request_expired.send(sender=ReviewRequest, request=request)


def _set(request: ReviewRequest, **fields: object) -> None:
    ReviewRequest.objects.filter(pk=request.pk).update(**fields)
    for name, value in fields.items():
        setattr(request, name, value)


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


ROUNDS: tuple[tuple[Q, Callable[[Change, ReviewRequest], None]], ...] = (
    (Q(expires_at__lte=Now()), _expire),
    (Q(due_at__lte=Now(), escalated_at=None) & ~Q(escalate_to=""), _escalate),
    (Q(remind_at__lte=Now(), reminded_at=None), _remind),
)
