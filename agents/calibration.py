"""Is a proposer as sure as it is right? What it said of its confidence, beside what verifiers and people found.

Counted are effects that a verifier or a person judged: right is what succeeded, wrong what was rejected, was approved
only with changes, or did not pass verification. Recipes say 1 of everything and are left out, as is what nobody judged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from agents.definition import Bands
from agents.models import Action, Agent
from agents.states import ActionStatus

MOST = 5000
BINS = 10
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
    """How an agent's stated confidence compares with what was found."""

    count: int
    brier: float
    brier_interval: tuple[float, float]
    bins: Sequence[Share]
    bands: Sequence[Share]

    @property
    def warnings(self) -> list[str]:
        return [
            f"{band.name}: {band.errors:.0%} of {band.count} were wrong, at least {1 - band.interval[1]:.0%} in the "
            f"long run, and its limit is {band.limit:.0%}. Raise the band, or look at what goes wrong."
            for band in self.bands
            if band.too_many
        ]


def of_agent(agent: Agent, bands: Bands) -> Calibration | None:
    """The calibration over the newest judged effects of an agent; None while there are none."""
    judged = _judged(agent)
    if not judged:
        return None
    squares = [(confidence - right) ** 2 for confidence, right in judged]
    mean = sum(squares) / len(squares)
    spread = math.sqrt(sum((one - mean) ** 2 for one in squares) / max(len(squares) - 1, 1) / len(squares))
    return Calibration(
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


def _judged(agent: Agent) -> list[tuple[float, bool]]:
    """Stated confidence, and whether it was right."""
    edited = Action.objects.filter(step=OuterRef("step"), number__gt=OuterRef("number"))
    right = Q(status=ActionStatus.SUCCEEDED)
    wrong = (
        Q(status=ActionStatus.REJECTED)
        | Q(status=ActionStatus.FAILED, verification__isnull=False)
        | Q(Exists(edited), status=ActionStatus.SUPERSEDED, approval=None)
    )
    actions = Action.objects.filter(right | wrong, task__agent=agent, number=1, step__confidence__isnull=False)
    found = actions.filter(Q(verification__isnull=False) | Q(needs_approval=True))
    newest = found.exclude(effect="read").exclude(step__proposer="playbook").order_by("-id")
    pairs = newest.values_list("step__confidence", "status")[:MOST]
    return [(confidence, status == ActionStatus.SUCCEEDED) for confidence, status in pairs if confidence is not None]


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
