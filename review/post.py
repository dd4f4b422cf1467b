"""How does a notice reach its receiver? It is taken, sent with nothing held, and tried again for a day.

Two senders never have the same notice. One that dies between the mail server's yes and our own record of it leaves it
to be sent again, under the same message id: nothing on this side can rule that out.
"""

import json
import secrets
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from agents.engine.clock import in_seconds
from agents.engine.leases import let_go_of_database
from agents.errors import Invalid
from agents.outgoing import calling, signing
from agents.outgoing.calling import NoAnswer
from agents.spending.alarms import tell
from review import notices
from review.models import Notice

log = structlog.get_logger(__name__)

AT_ONCE = 100
LEASE_SECONDS = 300.0
"""A sender that has a notice for so long is lost."""
WAITS = [timedelta(seconds=s) for s in (30, 120, 600, 1800, 7200, 14_400, 28_800, 28_800)]
"""Between the attempts of one day."""


def take_out(sender: object = None, **_: Any) -> None:
    """One round: everything that is due, a mail for each person and a message for each chat. Cheap when nothing is."""
    taken = _take()
    if not taken:
        return
    by_person: dict[int, list[Notice]] = defaultdict(list)
    for notice in notices.select(taken):
        if notices.is_needless(notice):
            _settle([notice], Notice.Status.NEEDLESS)
        elif notice.person_id is None:
            _post(notice)
        else:
            by_person[notice.person_id].append(notice)
    for batch in by_person.values():
        _mail(batch)


def _take() -> list[int]:
    """Takes what is due for one attempt: whoever's UPDATE comes first has it."""
    due = Notice.objects.filter(status=Notice.Status.PENDING, due_at__lte=Now())
    found = list(due.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    if not found:
        return []
    mark = secrets.token_hex(16)
    due.filter(pk__in=found).update(taken=mark, attempts=F("attempts") + 1, due_at=in_seconds(LEASE_SECONDS))
    return list(Notice.objects.filter(pk__in=found, taken=mark).values_list("pk", flat=True))


def _mail(batch: list[Notice]) -> None:
    person = batch[0].person
    assert person is not None, "a batch is of one person"
    message = EmailMessage(
        notices.subject(batch),
        notices.letter(batch, person),
        to=[person.email],
        # The same at each attempt, so that a mail which was sent and not recorded is known again.
        headers={"Message-ID": f"<countersign-notice-{batch[0].pk}-{batch[-1].pk}@{_host()}>"},
    )
    let_go_of_database()
    try:
        message.send()
    except Exception as failed:
        _try_later(batch, f"{type(failed).__name__}: {failed}")
    else:
        _settle(batch, Notice.Status.SENT)


def _post(notice: Notice) -> None:
    hook = notice.hook
    assert hook is not None, "a notice is for a person or a chat"
    body = json.dumps(notices.as_json(notice), ensure_ascii=False, separators=(",", ":")).encode()
    signed = signing.headers(f"notice_{notice.pk}", int(time.time()), body, [hook.secret])
    headers = {"Content-Type": "application/json", "User-Agent": "Countersign", **signed}
    let_go_of_database()
    try:
        answer = calling.post(hook.url, body, headers, seconds=settings.COUNTERSIGN_WEBHOOK_SECONDS)
        error = "" if 200 <= answer.status < 300 else f"It answered {answer.status}."
    except (NoAnswer, Invalid) as failed:
        error = str(failed)
    if error:
        _try_later([notice], error)
    else:
        _settle([notice], Notice.Status.SENT)


def _settle(batch: list[Notice], to: Notice.Status) -> None:
    _mine(batch).update(status=to, settled_at=Now(), error="")


def _try_later(batch: list[Notice], error: str) -> None:
    """Due again after a while; the last attempt gives up, and the operators hear of it."""
    attempts = max(one.attempts for one in batch)
    if attempts <= len(WAITS):
        _mine(batch).update(due_at=timezone.now() + WAITS[attempts - 1], error=error[:300])
        log.info("notice.not_taken", notices=[one.pk for one in batch], attempt=attempts, error=error[:300])
        return
    _mine(batch).update(status=Notice.Status.FAILED, settled_at=Now(), error=error[:300])
    to = batch[0].hook or batch[0].person
    tell("Notices were given up", f"{len(batch)} notices to {to} were not taken for a day: {error[:300]}", error=True)


def _mine(batch: list[Notice]) -> Any:
    """The notices of a batch that nobody else has taken meanwhile."""
    return Notice.objects.filter(pk__in=[one.pk for one in batch], taken=batch[0].taken, status=Notice.Status.PENDING)


def _host() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "countersign"
