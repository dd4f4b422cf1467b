"""How does a delivery reach its endpoint? It is claimed, posted, and tried again for a day.

A delivery that is being posted is due again when its sender must be lost; whoever claims it counts its attempts up,
and records what came of it only while that count still stands.
"""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from agents.engine.clock import in_seconds
from agents.engine.leases import let_go_of_database
from agents.errors import Invalid, Stale
from agents.models import TaskEvent
from agents.outgoing import calling, catalogue, signing
from agents.outgoing.calling import Answer, NoAnswer
from agents.outgoing.models import Attempt, Delivery, Endpoint

log = structlog.get_logger(__name__)

WAITS = [timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18_000, 25_200, 32_400)]
"""Between the eight attempts of one day."""
DAY = timedelta(days=1)
LONGEST_QUIET = 60
GONE = 410
_LEASE_MARGIN = 60


def due(endpoint: Endpoint) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint, status=Delivery.Status.PENDING, due_at__lte=Now())


def endpoints_with_due(limit: int = 200) -> list[Endpoint]:
    """The endpoints that something may be sent to now, in no order that favours any."""
    waiting = Delivery.objects.filter(status=Delivery.Status.PENDING, due_at__lte=Now()).values("endpoint")
    listening = Endpoint.objects.filter(Q(quiet_until=None) | Q(quiet_until__lte=Now()), disabled_at=None)
    found = list(listening.filter(pk__in=waiting)[:limit])
    random.shuffle(found)
    return found


def claim(delivery: Delivery) -> bool:
    """Takes a due delivery for one attempt; two senders never both do."""
    lease = in_seconds(settings.COUNTERSIGN_WEBHOOK_SECONDS + _LEASE_MARGIN)
    mine = Delivery.objects.filter(
        pk=delivery.pk, status=Delivery.Status.PENDING, attempts=delivery.attempts, due_at__lte=Now()
    )
    if not mine.update(attempts=F("attempts") + 1, due_at=lease):
        return False
    delivery.attempts += 1
    return True


def send(delivery: Delivery) -> None:
    """One attempt of a claimed delivery, and what came of it. No connection to the database is held meanwhile."""
    event = TaskEvent.objects.get(pk=delivery.event_id)
    endpoint = Endpoint.objects.get(pk=delivery.endpoint_id)
    body = json.dumps(catalogue.as_json(event), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Countersign",
        **signing.headers(delivery.message_id, int(time.time()), body, _secrets(endpoint)),
    }
    let_go_of_database()
    started = time.monotonic()
    answer: Answer | None = None
    try:
        answer = calling.post(endpoint.url, body, headers, seconds=settings.COUNTERSIGN_WEBHOOK_SECONDS)
        error = "" if 200 <= answer.status < 300 else f"It answered {answer.status}."
    except (NoAnswer, Invalid) as failed:
        error = str(failed)
    _record(delivery, answer, error, round((time.monotonic() - started) * 1000))


def redeliver(delivery: Delivery) -> None:
    """Sends a delivery once more, whatever came of it before; the receiver knows it by its id.

    Raises Stale where the endpoint is disabled, or the delivery is on its way.
    """
    if Endpoint.objects.filter(pk=delivery.endpoint_id).exclude(disabled_at=None).exists():
        raise Stale("The endpoint is disabled; enable it first.")
    settled = Delivery.objects.filter(pk=delivery.pk).exclude(status=Delivery.Status.PENDING)
    if not settled.update(status=Delivery.Status.PENDING, attempts=0, due_at=Now(), settled_at=None):
        raise Stale("This delivery is on its way already.")
    Endpoint.objects.filter(pk=delivery.endpoint_id).update(quiet_until=None)


def _record(delivery: Delivery, answer: Answer | None, error: str, milliseconds: int) -> None:
    status = answer.status if answer else None
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts, status=Delivery.Status.PENDING)
        if not error:
            taken = mine.update(status=Delivery.Status.DELIVERED, settled_at=Now())
        elif status == GONE or (wait := _wait(delivery, answer)) is None:
            taken = mine.update(status=Delivery.Status.FAILED, settled_at=Now())
        else:
            taken = mine.update(due_at=in_seconds(wait.total_seconds()))
        if not taken:
            return  # It was lost for so long that somebody else has sent it.
        Attempt.objects.create(
            delivery=delivery, number=delivery.attempts, answer=status, error=error[:300], milliseconds=milliseconds
        )
        _note(delivery.endpoint_id, status, error)
    if error:
        log.info("webhook.not_taken", delivery=delivery.message_id, attempt=delivery.attempts, error=error)


def _note(endpoint_id: int, status: int | None, error: str) -> None:
    """What an attempt says of its endpoint: one that does not answer is left alone for a while, so that its deliveries
    don't take the senders from everybody else's."""
    endpoint = Endpoint.objects.filter(pk=endpoint_id)
    if not error:
        endpoint.exclude(failures_in_a_row=0).update(failures_in_a_row=0, quiet_until=None)
    elif status == GONE:
        endpoint.filter(disabled_at=None).update(disabled_at=Now(), disabled_why="It answered 410: it is gone.")
        drop_pending(endpoint_id)
    else:
        failures = (endpoint.values_list("failures_in_a_row", flat=True).first() or 0) + 1
        quiet = in_seconds(min(5.0 * (failures - 1), LONGEST_QUIET))
        endpoint.update(failures_in_a_row=failures, quiet_until=quiet)
        old = Delivery.objects.filter(endpoint=endpoint_id, status=Delivery.Status.PENDING)
        old.filter(created_at__lte=timezone.now() - 2 * DAY).update(status=Delivery.Status.FAILED, settled_at=Now())


def drop_pending(endpoint_id: int) -> None:
    """Gives up what is on its way to an endpoint that is disabled; it can be sent again from the log."""
    pending = Delivery.objects.filter(endpoint=endpoint_id, status=Delivery.Status.PENDING)
    pending.update(status=Delivery.Status.FAILED, settled_at=Now())


def _wait(delivery: Delivery, answer: Answer | None) -> timedelta | None:
    """How long until the next attempt; None when there is none. A Retry-After is honoured up to an hour."""
    if delivery.attempts > len(WAITS):
        return None
    wait = WAITS[delivery.attempts - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load
    asked = _retry_after(answer.headers.get("retry-after", "")) if answer else timedelta(0)
    return max(wait, min(asked, timedelta(hours=1)))


def _retry_after(said: str) -> timedelta:
    if said.isascii() and said.isdigit() and len(said) < 7:
        return timedelta(seconds=int(said))
    try:
        return max(parsedate_to_datetime(said) - datetime.now(UTC), timedelta(0))
    except (ValueError, TypeError):
        return timedelta(0)


def _secrets(endpoint: Endpoint) -> list[str]:
    old = endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > timezone.now()
    return [endpoint.secret, endpoint.old_secret] if old else [endpoint.secret]
