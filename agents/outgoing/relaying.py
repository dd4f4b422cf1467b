"""Which events are for whom? The journal is read on, and each event becomes a delivery for each that hears of it.

The loop writes its journal and knows nothing of this: a task that nobody listens to costs nothing here, and one that
somebody listens to costs its own transactions nothing either.
"""

import secrets
from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet

from agents.models import TaskEvent
from agents.outgoing.catalogue import CATALOGUE, tells_outcome
from agents.outgoing.journal import Position, horizon
from agents.outgoing.models import Callback, Delivery, Endpoint, Relay

AT_ONCE = 5_000
"""Keys of the journal that are read together, and in one round, as long as the next one can begin behind them."""


def relay() -> bool:
    """Reads the journal on. False when there is no more, or another process reads it.

    An event may be read twice, while keys below it are not settled; the database refuses its second delivery.
    """
    now = horizon()
    if Relay.objects.filter(pk=1, low__gte=now.newest).exists():
        return False
    with transaction.atomic():
        row = Relay.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if row is None:
            _, made = Relay.objects.get_or_create(pk=1)
            return made
        was = Position(row.low, row.mark, row.mark_transaction)
        # Where somebody read on since the horizon was asked for, ours is the past: nothing is moved back.
        position = was.advanced(now) if now.newest >= row.low else was
        # An open transaction keeps the next round from beginning further on: then this one reads to the end.
        stuck = was.mark is not None and position.low == was.low
        until = row.low
        while until < now.newest and (until == row.low or stuck):
            begin, until = until, min(now.newest, until + AT_ONCE)
            Delivery.objects.bulk_create(_deliveries(begin, until), ignore_conflicts=True)
        if position.low > until:
            # That more is settled is kept for the next round.
            position = Position(until, position.low, now.over)
        if position != was:
            Relay.objects.filter(pk=1).update(low=position.low, mark=position.mark, mark_transaction=position.marked)
        return until < now.newest


def _deliveries(low: int, until: int) -> Iterator[Delivery]:
    listening = Endpoint.objects.filter(disabled_at=None)
    owners: dict[int, list[Endpoint]] = {}
    for endpoint in listening.exclude(kinds=[]):
        owners.setdefault(endpoint.owner_id, []).append(endpoint)
    new = TaskEvent.objects.filter(id__gt=low, id__lte=until, kind__in=CATALOGUE)
    if owners:
        subscribed = new.filter(task__submitted_by__in=owners)
        for event, kind, owner in subscribed.values_list("id", "kind", "task__submitted_by"):
            yield from (_delivery(event, one.pk) for one in owners[owner] if kind in one.kinds)
    if until > low and Callback.objects.exists():
        yield from _callbacks(new.filter(task__callback__endpoint__disabled_at=None, kind="task.state_changed"))


def _callbacks(changes: QuerySet[TaskEvent]) -> Iterator[Delivery]:
    for event, kind, data, endpoint in changes.filter(task__callback__isnull=False).values_list(
        "id", "kind", "data", "task__callback__endpoint"
    ):
        if tells_outcome(kind, data):
            yield _delivery(event, endpoint)


def _delivery(event: int, endpoint: int) -> Delivery:
    return Delivery(event_id=event, endpoint_id=endpoint, message_id=f"msg_{secrets.token_hex(16)}")
