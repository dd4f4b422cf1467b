"""Is a proposer as sure as it is right? What it said of its confidence, beside what verifiers and people found.

Counted is what is said with a confidence that bands act on, and that a verifier or a person judged: effects, reads,
plans and results, each kind by itself, since many easy reads would hide a few wrong payments. Recipes and people are
sure of everything and are left out, as is what nobody judged: what a rule refused, what expired, what was taken over.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from agents.definition import Bands
from agents.engine.by_hand import BY_HAND
from agents.engine.provenance import RECIPE
from agents.models import Action, Agent, AgentTask, Step
from agents.states import ActionStatus, ParkedFor, StepKind, StepStatus
from tools.registry import Effect

TASKS = 5000
"""The newest tasks of an agent that are looked at, so that a long history costs no more than a short one."""
BINS = 10
REJECTED = "review.rejected"
"""What the next proposal is told of a step that a person rejected."""
Z = 1.96
"""Of an interval that holds 95 times out of 100."""


@dataclass(frozen=True)
class Share:
    """Some proposals of like confidence, and how many were right."""

    name: str
    count: int
    right: int
    confidence: float
    """The mean of what was said."""
    limit: float | None = None
    """The share of errors that the band may let through."""

    @property
    def accuracy(self) -> float:
        return self.right / self.count

    @property
    def errors(self) -> float:
        return 1 - self.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """Of the accuracy: E. B. Wilson's score interval (1927)."""
        return wilson(self.right, self.count)

    @property
    def too_many(self) -> bool:
        """Even the lower end of the interval of its errors is above the limit."""
        return self.limit is not None and 1 - self.interval[1] > self.limit


@dataclass(frozen=True)
class Calibration:
    """How an agent's stated confidence in one kind of proposal compares with what was found."""

    kind: str
    count: int
    brier: float
    brier_interval: tuple[float, float]
    bins: Sequence[Share]
    bands: Sequence[Share]

    @property
    def warnings(self) -> list[str]:
        return [
            f"{self.kind}, band {band.name}: {band.errors:.0%} of {band.count} were wrong, at least "
            f"{1 - band.interval[1]:.0%} in the long run, and its limit is {band.limit:.0%}. "
            "Raise the band, or look at what goes wrong."
            for band in self.bands
            if band.too_many
        ]


def of_agent(agent: Agent, bands: Bands) -> list[Calibration]:
    """The calibration of an agent by kind, over its newest tasks; kinds of which nothing was judged are left out."""
    kinds = (
        ("Effects", _actions(agent).exclude(effect=Effect.READ)),
        ("Reads", _actions(agent).filter(effect=Effect.READ)),
        ("Plans", _told(agent, StepKind.PLAN)),
        ("Results", _told(agent, StepKind.FINISH)),
    )
    return [_calibration(kind, judged, bands) for kind, rows in kinds if (judged := _judged(rows))]


def _calibration(kind: str, judged: Sequence[tuple[float, bool]], bands: Bands) -> Calibration:
    squares = [(confidence - right) ** 2 for confidence, right in judged]
    mean = sum(squares) / len(squares)
    spread = math.sqrt(sum((one - mean) ** 2 for one in squares) / max(len(squares) - 1, 1) / len(squares))
    return Calibration(
        kind=kind,
        count=len(judged),
        brier=mean,
        brier_interval=(max(mean - Z * spread, 0.0), min(mean + Z * spread, 1.0)),
        bins=[one for number in range(BINS) if (one := _bin(judged, number))],
        bands=[one for one in _bands(judged, bands) if one],
    )


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share."""
    share, z2 = right / count, Z * Z
    middle = share + z2 / (2 * count)
    reach = Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max((middle - reach) / (1 + z2 / count), 0.0), min((middle + reach) / (1 + z2 / count), 1.0)


def _judged(rows: QuerySet[Any]) -> list[tuple[float, bool]]:
    """Stated confidence, and whether it was right."""
    return list(rows.order_by().values_list("said", "right"))


def _newest(agent: Agent) -> QuerySet[AgentTask]:
    return AgentTask.objects.filter(agent=agent).order_by("-id")[:TASKS]


def _actions(agent: Agent) -> QuerySet[Action]:
    """Tool calls as they were proposed, with what a verifier or a person found, be it afterwards."""
    edited = Action.objects.filter(step=OuterRef("step"), number__gt=OuterRef("number"))
    # Requests and decisions belong to the room above, hence by their names.
    asked = Action.objects.filter(pk=OuterRef("pk"))
    checked = asked.filter(review_requests__kind=ParkedFor.RESULT, review_requests__status="decided")
    not_fine = asked.filter(review_requests__decisions__answer="not_fine")
    seen = Q(verification__isnull=False) | Q(Exists(checked))
    wrong = (
        Q(status=ActionStatus.REJECTED, step__answer__error__code=REJECTED)
        | Q(seen, status=ActionStatus.FAILED)
        | Q(Exists(edited), status=ActionStatus.SUPERSEDED, approval=None)
        | Q(Exists(not_fine), status=ActionStatus.SUCCEEDED)
    )
    judged = wrong | Q(seen | Q(needs_approval=True), status=ActionStatus.SUCCEEDED)
    return _of_models(Action.objects.filter(judged, task__in=_newest(agent), number=1), "step__", wrong)


def _told(agent: Agent, kind: StepKind) -> QuerySet[Step]:
    """Plans or results that people were asked about, and approved or rejected."""
    wrong = Q(answer__error__code=REJECTED)
    judged = wrong | Q(status=StepStatus.DONE, answer__accepted=True)
    return _of_models(
        Step.objects.filter(judged, task__in=_newest(agent), kind=kind, verdict__outcome="review"), "", wrong
    )


def _of_models(rows: QuerySet[Any], step: str, wrong: Q) -> QuerySet[Any]:
    """What a model said, with how sure it was and whether it was right."""
    ours = Q(**{f"{step}proposer__startswith": RECIPE}) | Q(**{f"{step}proposer__startswith": BY_HAND})
    sure = rows.filter(**{f"{step}confidence__isnull": False}).exclude(ours)
    return sure.annotate(said=F(f"{step}confidence"), right=Case(When(wrong, then=Value(False)), default=Value(True)))


def _bin(judged: Sequence[tuple[float, bool]], number: int) -> Share | None:
    inside = [one for one in judged if min(int(one[0] * BINS), BINS - 1) == number]
    return _share(f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}", inside, None)


def _bands(judged: Sequence[tuple[float, bool]], bands: Bands) -> list[Share | None]:
    limits = ((bands.go, 2.0, "go", bands.go_errors), (bands.flag, bands.go, "flag", bands.flag_errors))
    asked = ((bands.ask, bands.flag, "ask", None), (-1.0, bands.ask, "hand over", None))
    return [
        _share(name, [one for one in judged if low <= one[0] < high], limit)
        for low, high, name, limit in (*limits, *asked)
    ]


def _share(name: str, judged: Sequence[tuple[float, bool]], limit: float | None) -> Share | None:
    if not judged:
        return None
    said = sum(confidence for confidence, _ in judged) / len(judged)
    return Share(name, len(judged), sum(right for _, right in judged), said, limit)
