"""Was it right to let this run, and how often is it? What ran by itself is looked at afterwards, and counted.

From the answers follow two numbers for each agent. *Precision*: of the calls that a person was asked about first, the
share in which they changed or stopped something. *Recall*: of the calls that needed a person, the share that was put
before one; the misses among what ran by itself are estimated from those that were looked at, apart for what was
flagged and for the rest, since nearly all of the former and few of the latter are looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from agents.changes import Change, Parking
from agents.models import Action
from agents.states import ActionStatus, ParkedFor
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest, Risk
from review.requests import open_one, shown_of
from tools.registry import Effect

CHANGED = frozenset({Answer.EDIT, Answer.REJECT, Answer.TAKE_OVER, Answer.TERMINATE})
"""Answers which show that a person was needed."""


def open_spot_check(sender: object, *, change: Change, action: Action, reasons: list[dict[str, Any]], **_: Any) -> None:
    """Asks about an effect that ran and was verified, without parking its task."""
    seen = {"result": action.result, "verification": action.verification}
    parking = Parking(ParkedFor.RESULT, reasons, action.step, action, seen)
    shown = shown_of(change.task, parking) | {"kind": Kind.SPOT_CHECK}
    title = f"Was this right? {action.sentence}"
    open_one(change, parking, shown=shown, kind=Kind.SPOT_CHECK, title=title, risk=Risk.LOW)
    change.set(on_record=True)


@dataclass(frozen=True)
class Ran:
    """Effects that ran by themselves, and what people found of those that they looked at."""

    count: int
    checked: int
    not_fine: int

    @property
    def missed(self) -> float | None:
        """How many of all of them a person should have seen first, as far as one can tell; None: nobody looked."""
        if not self.count:
            return 0.0
        return self.not_fine * self.count / self.checked if self.checked else None


@dataclass(frozen=True)
class Escalations:
    """How well one agent's rules tell what needs a person, over a period."""

    agent: str
    asked: int
    needed: int
    flagged: Ran
    others: Ran

    @property
    def ran(self) -> tuple[Ran, Ran]:
        return self.flagged, self.others

    @property
    def precision(self) -> float | None:
        return self.needed / self.asked if self.asked else None

    @property
    def recall(self) -> float | None:
        """None while too little was looked at to say."""
        if self.flagged.missed is None or self.others.missed is None:
            return None
        all_needed = self.needed + self.flagged.missed + self.others.missed
        return self.needed / all_needed if all_needed else None


def escalations(since: datetime) -> list[Escalations]:
    """By agent, what was asked before and found afterwards, of what was settled since then."""
    asked = _by_agent(
        ReviewRequest.objects.filter(kind=Kind.ACTION, status=RequestStatus.DECIDED, closed_at__gte=since),
        "task__agent__title",
        asked=Count("pk", distinct=True),
        needed=Count("pk", distinct=True, filter=Q(decisions__answer__in=CHANGED)),
    )
    ran = _by_agent(
        Action.objects.filter(status=ActionStatus.SUCCEEDED, needs_approval=False, settled_at__gte=since).exclude(
            effect=Effect.READ
        ),
        "task__agent__title",
        of_flagged=Count("pk", filter=Q(flagged=True)),
        of_others=Count("pk", filter=Q(flagged=False)),
    )
    looked = Decision.objects.filter(request__kind=Kind.SPOT_CHECK, request__action__settled_at__gte=since)
    wrong = Q(answer=Answer.NOT_FINE)
    checked = _by_agent(
        looked,
        "request__task__agent__title",
        of_flagged=Count("pk", filter=Q(request__action__flagged=True)),
        of_flagged_wrong=Count("pk", filter=Q(request__action__flagged=True) & wrong),
        of_others=Count("pk", filter=Q(request__action__flagged=False)),
        of_others_wrong=Count("pk", filter=Q(request__action__flagged=False) & wrong),
    )
    return [
        Escalations(
            agent,
            asked.get(agent, {}).get("asked", 0),
            asked.get(agent, {}).get("needed", 0),
            _ran("of_flagged", ran.get(agent, {}), checked.get(agent, {})),
            _ran("of_others", ran.get(agent, {}), checked.get(agent, {})),
        )
        for agent in sorted({*asked, *ran, *checked})
    ]


def _by_agent(rows: Any, agent: str, **counts: Count) -> dict[str, dict[str, int]]:
    found: Iterable[dict[str, Any]] = rows.order_by().values(agent).annotate(**counts)
    return {one[agent]: {name: one[name] for name in counts} for one in found}


def _ran(name: str, ran: dict[str, int], checked: dict[str, int]) -> Ran:
    return Ran(ran.get(name, 0), checked.get(name, 0), checked.get(f"{name}_wrong", 0))
