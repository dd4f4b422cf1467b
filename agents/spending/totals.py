"""What was spent? Sums over the ledger: of a task, and by agent, submitter, model and day.

Calls under way and lost ones count at their reservation, as they do in the budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from agents.models import AgentTask, ModelCall
from agents.spending.money import shown

BY = {"agent": "version__agent__name", "submitter": "task__submitted_by__username", "model": "model", "day": "day"}
"""What totals can be made by, and the column of each."""


@dataclass(frozen=True)
class Totals:
    """What some calls took together."""

    of: str
    calls: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    dollars: Decimal
    unpriced: int
    """Calls without a price, which `dollars` leaves out."""
    failed: int = 0
    at_most: int = 0
    """Calls that count at the most that they can have been."""

    @property
    def cost(self) -> str:
        """In words: "$0.0312", "at most $0.2056", "$0.0312 and 2 unpriced calls", or "unpriced"."""
        if self.calls and self.unpriced == self.calls:
            return "unpriced"
        amount = f"at most {shown(self.dollars)}" if self.at_most else shown(self.dollars)
        if not self.unpriced:
            return amount
        return f"{amount} and {self.unpriced} unpriced call{'s' if self.unpriced > 1 else ''}"


def of_task(task: AgentTask) -> Totals:
    """The totals of one task."""
    return _totals(f"task {task.pk}", ModelCall.objects.filter(task=task).aggregate(**_SUMS))


def by(what: str, calls: QuerySet[ModelCall], most: int = 20) -> Sequence[Totals]:
    """The totals of these calls by agent, submitter, model or day: the newest days, or else the dearest, first."""
    rows = calls.order_by().values(group=F(BY[what])).annotate(**_SUMS)
    order = ("-group",) if what == "day" else ("-dollars", "-input", "group")
    return [_totals(str(row["group"] or "probes"), dict(row)) for row in rows.order_by(*order)[:most]]


def lately(days: int) -> QuerySet[ModelCall]:
    """The calls of the last days, today included."""
    return ModelCall.objects.filter(day__gt=timezone.localdate() - timedelta(days=days))


def _totals(of: str, sums: dict[str, Any]) -> Totals:
    return Totals(
        of,
        sums["calls"],
        sums["input"],
        sums["cached"],
        sums["written"],
        sums["output"],
        sums["dollars"],
        sums["unpriced"],
        sums["failed"],
        sums["at_most"],
    )


_SUMS = {
    "calls": Count("id"),
    "input": Sum("input_tokens", default=0),
    "cached": Sum("cached_tokens", default=0),
    "written": Sum("written_tokens", default=0),
    "output": Sum("output_tokens", default=0),
    "dollars": Sum("cost", default=Decimal(0)),
    "unpriced": Count("id", filter=Q(cost=None)),
    "failed": Count("id", filter=~Q(error_kind="")),
    "at_most": Count("id", filter=Q(at_most=True)),
}
