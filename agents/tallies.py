"""How is a limit of calls or of a sum held, whoever starts at the same moment? One row for each count, taken from at
the start.

Taking is one conditional UPDATE in the transaction that writes the start ahead, so of many workers each sees what the
others took. The action's row keeps what it took, and gives it back when nothing happened after all. Counts within one
task need no row: a task has one worker.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from agents.definition import AgentDefinition, Constraint
from agents.models import Action, CallTally
from agents.policy.ceilings import ceilings, counter, weight
from agents.states import ActionStatus

PLACES = 6
"""Amounts are stored as whole millionths: exact in every database."""
MOST = Decimal(10**12)
"""A larger amount counts as this: no limit is higher."""


@dataclass(frozen=True)
class Count:
    """One count that a call belongs to: the limit's constraint, the row's key, and what the call adds."""

    index: int
    constraint: Constraint
    agent: int
    counter: str
    period: str
    amount: int

    @property
    def most(self) -> int:
        assert self.constraint.limit is not None
        return int(self.constraint.limit.most.scaleb(PLACES))


def counts(
    agent: int, definition: AgentDefinition, name: str, arguments: Mapping[str, Any], now: datetime
) -> list[Count]:
    """The counts that a call belongs to and that tasks share, always in the same order, so that no two starts block
    each other. What can't be counted is left out: policy has refused it."""
    found = []
    for index, constraint, limit in ceilings(name, arguments, definition):
        amount = weight(limit, arguments)
        if limit.within != "task" and amount is not None:
            period = timezone.localdate(now).isoformat() if limit.within == "day" else ""
            found.append(Count(index, constraint, agent, counter(constraint, arguments), period, _whole(amount)))
    return sorted(found, key=lambda one: one.counter)


def used(
    agent: int,
    definition: AgentDefinition,
    name: str,
    arguments: Mapping[str, Any],
    now: datetime,
    in_task: Iterable[Action],
    *,
    replayed: bool = False,
) -> dict[int, Decimal]:
    """What is used of each limit that this call counts in, by the place of its constraint.

    `replayed`: as it was at a time that is past, summed over the actions of the record.
    """
    in_task = list(in_task)
    found: dict[int, Decimal] = {}
    for index, constraint, limit in ceilings(name, arguments, definition):
        if limit.within == "task":
            found[index] = sum(_weights(constraint, counter(constraint, arguments), in_task), Decimal(0))
    for one in counts(agent, definition, name, arguments, now):
        amount = None if replayed else _row(one).values_list("amount", flat=True).first()
        found[one.index] = Decimal(_so_far(one, now) if amount is None else amount).scaleb(-PLACES)
    return found


def take(one: Count, now: datetime, *, beyond: bool = False) -> bool:
    """Takes what the call adds, in the caller's transaction; False where it does not fit, and then nothing is taken.

    `beyond`: a person allowed it, so it counts and is not held back.
    """
    if _add(one, beyond):
        return True
    if not _row(one).exists():
        CallTally.objects.get_or_create(
            agent_id=one.agent, counter=one.counter, period=one.period, defaults={"amount": _so_far(one, now)}
        )
    return _add(one, beyond)


def kept(taken: Iterable[Count]) -> list[dict[str, Any]] | None:
    """What an action's row keeps of it."""
    return [
        {"agent": one.agent, "counter": one.counter, "period": one.period, "amount": one.amount} for one in taken
    ] or None


def give_back(counted: Iterable[Mapping[str, Any]]) -> None:
    """Gives back what an action took: nothing happened."""
    for one in sorted(counted, key=lambda kept: str(kept["counter"])):
        rows = CallTally.objects.filter(agent=one["agent"], counter=one["counter"], period=one["period"])
        rows.update(amount=F("amount") - one["amount"])


def _add(one: Count, beyond: bool) -> bool:
    rows = _row(one) if beyond else _row(one).filter(amount__lte=one.most - one.amount)
    return bool(rows.update(amount=F("amount") + one.amount))


def _row(one: Count) -> QuerySet[CallTally]:
    return CallTally.objects.filter(agent=one.agent, counter=one.counter, period=one.period)


def _so_far(one: Count, now: datetime) -> int:
    """What was started before this count had a row, so that a new limit knows the day that it begins on."""
    started = Action.objects.filter(task__agent=one.agent, started_at__lt=now)
    if one.period:
        started = started.filter(started_at__gte=timezone.make_aware(datetime.combine(timezone.localdate(now), time())))
    if one.constraint.tool:
        started = started.filter(tool=one.constraint.tool)
    rows = started.only("tool", "arguments", "status", "result", "started_at")
    return sum(map(_whole, _weights(one.constraint, one.counter, rows.iterator())))


def _weights(constraint: Constraint, wanted: str, actions: Iterable[Action]) -> Iterator[Decimal]:
    """What each action of this count added that happened, or may have."""
    only = AgentDefinition.model_construct(constraints=(constraint,))
    for action in actions:
        if action.started_at is None or (action.status == ActionStatus.FAILED and action.result is None):
            continue
        for _, _, limit in ceilings(action.tool, action.arguments, only):
            amount = weight(limit, action.arguments)
            if amount is not None and counter(constraint, action.arguments) == wanted:
                yield amount


def _whole(amount: Decimal) -> int:
    return int(min(amount, MOST).scaleb(PLACES).to_integral_value(ROUND_CEILING))
