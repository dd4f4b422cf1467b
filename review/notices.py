"""Who is told of a review request, when, and in which words?

A notice is a row, written in the transaction of what it tells of: whoever sends it (`review.post`) may die or find no
mail server, and nothing is lost. What it says is made when it is sent, from what is true then.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from agents.privacy.showing import show_to
from agents.templatetags.countersign import one_line
from review.models import ChatHook, Kind, Notice, RequestStatus, ReviewRequest, Wish
from review.quorum import may_approve
from review.services import may_decide

SEVEN = 7
"""The hour at which daily mails are sent, in the server's time zone."""

WORDS = {
    "opened": "A decision is asked for",
    "due_soon": "A decision is due soon",
    "escalated": "A decision is overdue, and was handed on",
    "expired": "Nobody decided in time",
    "delegated": "A decision was handed over",
}


def write(request: ReviewRequest, what: str) -> None:
    """Writes a notice for everybody who wants to hear of it. Whether they may decide is looked at when it is sent.

    Spot checks wait until somebody has time: the queue shows them, and nobody is told.
    """
    if request.kind == Kind.SPOT_CHECK:
        return
    now = timezone.now()
    wishes = Wish.objects.filter(least_risk__lte=request.risk, person__is_active=True).exclude(mail=Wish.Mail.NONE)
    if not settings.COUNTERSIGN_MAILS:
        wishes = wishes.none()
    hooks = ChatHook.objects.filter(least_risk__lte=request.risk, is_enabled=True)
    told = [Notice(person_id=wish.person_id, due_at=due_at(wish.mail, now)) for wish in wishes]
    told += [Notice(hook=hook, due_at=now) for hook in hooks]
    for notice in told:
        notice.request, notice.what = request, what
    Notice.objects.bulk_create(told)


def listener(what: str) -> Any:
    def listen(sender: object, *, request: ReviewRequest, **_: Any) -> None:
        write(request, what)

    return listen


def is_needless(notice: Notice) -> bool:
    """Is there nothing to tell any more, or is the receiver not one who may decide it?"""
    request, person = notice.request, notice.person
    if request.status != RequestStatus.OPEN and notice.what != "expired":
        return True
    if person is None:
        return False
    if not person.email or _is_others(request, person) or may_decide(request, person):
        return True
    if request.kind == Kind.TAKEOVER:
        is_handed_on = request.assigned_to_id is not None or bool(request.assigned_group)
        return not is_handed_on and request.task.owner_id != person.pk
    return bool(may_approve(request, person))


def _is_others(request: ReviewRequest, person: User) -> bool:
    """Was it handed to another person, or went it to a group that this one is not in?"""
    if request.assigned_to_id is not None:
        return request.assigned_to_id != person.pk
    group = request.assigned_group
    return bool(group) and not person.groups.filter(name=group).exists()


def subject(notices: list[Notice]) -> str:
    if len(notices) == 1:
        return f"[Countersign] {WORDS[notices[0].what]}: {_named(notices[0].request)}"
    return f"[Countersign] {len(notices)} decisions are asked for"


def letter(notices: list[Notice], person: User) -> str:
    """The text of a mail. Its links open pages, and decide nothing."""
    lines = [f"{person.get_username()}, this waits in the review queue:", ""]
    for notice in notices:
        lines += [line(notice), ""]
    lines.append("A link opens the page, after you have signed in. You decide there; nothing is decided by opening it.")
    return "\n".join(lines)


def line(notice: Notice) -> str:
    """One notice in one or two lines."""
    request = notice.request
    said = [f"{WORDS[notice.what]}: {_named(request)} ({request.get_risk_display().lower()} risk)"]
    if settings.COUNTERSIGN_URL:
        said.append(settings.COUNTERSIGN_URL.rstrip("/") + page(request))
    return "\n".join(said)


def as_json(notice: Notice) -> dict[str, Any]:
    """What a chat system gets: `text` is what most of them show; the rest is for whoever writes a bot."""
    request = notice.request
    return {
        "type": f"review.{notice.what}",
        "timestamp": notice.created_at.isoformat().replace("+00:00", "Z"),
        "text": line(notice),
        "data": {"request": request.pk, "task": request.task_id, "kind": request.kind, "risk": request.risk},
    }


def page(request: ReviewRequest) -> str:
    return reverse("admin:review_reviewrequest_change", args=[request.pk])


def select(notices: Iterable[int]) -> list[Notice]:
    related = ("request__task__agent", "request__task__submitted_by", "request__step", "person", "hook")
    return list(
        Notice.objects.filter(pk__in=notices).select_related(*related).defer("request__shown").order_by("request", "id")
    )


def _named(request: ReviewRequest) -> str:
    """The request in words: its sentence, which may say whom it is about, only where the operator allows that."""
    if settings.COUNTERSIGN_NOTICES_SAY == "sentence":
        show_to(None, request)
        return one_line(request.title, 300)
    return f"{request.get_kind_display().lower()} of {request.task.agent.title}, request {request.pk}"


def due_at(mail: str, now: datetime) -> datetime:
    """When a person who wants their mail so is told of what happened now."""
    local = timezone.localtime(now)
    match mail:
        case Wish.Mail.HOURLY:
            return local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case Wish.Mail.DAILY:
            seven = local.replace(hour=SEVEN, minute=0, second=0, microsecond=0)
            return seven if seven > local else seven + timedelta(days=1)
    return now
