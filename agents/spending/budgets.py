"""How does spending never pass a budget? The worst case is taken from it before a call, and corrected after it.

Each budget has one row, and taking from it is one conditional UPDATE: of fifty workers that do so at the same moment,
each sees what the others took. Nothing has to be cleaned up for a worker that died: what it took stays taken.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from agents.models import ModelCall, SpendingAccount
from agents.spending.errors import BudgetReached, NotYet
from agents.spending.limits import Budget, Scope
from agents.spending.money import dollars

MOST_OF_IT = Decimal("0.8")
"""Where operators are warned."""
SETTLES_SOON = 5.0
"""Seconds after which calls in flight may have made room."""


@dataclass(frozen=True)
class Amount:
    """Money and tokens; money None is a model without a price."""

    dollars: Decimal | None
    tokens: int


class Full(Exception):
    """The worst case does not fit. Raised inside the transaction, which undoes what other budgets gave."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget.name)
        self.budget = budget


def reserve(budget: Budget, worst: Amount) -> None:
    """Takes the worst case from the budget, in the caller's transaction. Raises Full, and then nothing is taken."""
    if _take(budget, worst):
        return
    SpendingAccount.objects.get_or_create(**_where(budget), defaults=_so_far(budget))
    if not _take(budget, worst):
        raise Full(budget)


def correct(budget: Budget, was: Amount, now: Amount) -> None:
    """Puts what a call really cost in the place of what was reserved for it, on the day of the reservation."""
    _account(budget).update(
        money=F("money") + dollars((now.dollars or Decimal(0)) - (was.dollars or Decimal(0))),
        tokens=F("tokens") + (now.tokens - was.tokens),
    )


def refusal(budget: Budget, worst: Amount) -> BudgetReached | NotYet:
    """Why the budget was full: reached for good, or only until calls in flight are settled below their worst case."""
    account = _account(budget).first() or SpendingAccount(**_where(budget), **_so_far(budget))
    flying = _calls(budget).filter(status=ModelCall.Status.OPEN).aggregate(**_SUMS)
    used, extra = _used(account), _extra(account)
    for unit, needed in (("dollars", worst.dollars or Decimal(0)), ("tokens", Decimal(worst.tokens))):
        limit, settled = budget.most(unit), used[unit] - Decimal(flying["money" if unit == "dollars" else "tokens"])
        if limit is not None and settled + needed > limit + extra[unit]:
            return BudgetReached(budget, unit, settled, limit + extra[unit], needed)
    message = f"The budget of {budget.name} has room once the calls under way are settled."
    return NotYet(message, SETTLES_SOON)


def extend(budget: Budget, unit: str, amount: Decimal) -> None:
    """Adds to the limit of one budget. Operators are warned again when most of the new limit is used."""
    account, _ = SpendingAccount.objects.get_or_create(**_where(budget), defaults=_so_far(budget))
    field = {"dollars": "extra_money", "tokens": "extra_tokens"}[unit]
    added: Any = dollars(amount) if unit == "dollars" else int(amount)
    SpendingAccount.objects.filter(pk=account.pk).update(**{field: F(field) + added}, warned=False)


def newly_mostly_used(budget: Budget) -> str:
    """What operators should hear, once: that most of the budget is used by calls that are settled. Else empty."""
    account = _account(budget).filter(warned=False).first()
    if account is None:
        return ""
    said = _mostly_used(budget, account)
    if said is None or not _account(budget).filter(warned=False).update(warned=True):
        return ""
    return f"{said.shown_used} of {said.shown_most} of the budget of {budget.name} are used."


def mostly_used(budget: Budget) -> BudgetReached | None:
    """How far the budget is used, once most of it is by calls that are settled."""
    account = _account(budget).first()
    return _mostly_used(budget, account) if account else None


def _mostly_used(budget: Budget, account: SpendingAccount) -> BudgetReached | None:
    used, extra = _used(account), _extra(account)
    limits = {unit: limit + extra[unit] for unit in used if (limit := budget.most(unit)) is not None}
    if not any(used[unit] >= MOST_OF_IT * limit for unit, limit in limits.items()):
        return None
    flying = _calls(budget).filter(status=ModelCall.Status.OPEN).aggregate(**_SUMS)
    settled = {"dollars": used["dollars"] - flying["money"], "tokens": used["tokens"] - flying["tokens"]}
    reached = [unit for unit, limit in limits.items() if settled[unit] >= MOST_OF_IT * limit]
    unit = next(iter(reached), None)
    return BudgetReached(budget, unit, settled[unit], limits[unit], Decimal(0)) if unit else None


def _take(budget: Budget, worst: Amount) -> bool:
    money, tokens = worst.dollars or Decimal(0), worst.tokens
    fits = Q()
    if budget.limit.dollars is not None:
        fits &= Q(money__lte=F("extra_money") + dollars(budget.limit.dollars - money))
    if budget.limit.tokens is not None:
        fits &= Q(tokens__lte=F("extra_tokens") + (budget.limit.tokens - tokens))
    taken = _account(budget).filter(fits).update(money=F("money") + dollars(money), tokens=F("tokens") + tokens)
    return bool(taken)


def _used(account: SpendingAccount) -> dict[str, Decimal]:
    return {"dollars": account.money, "tokens": Decimal(account.tokens)}


def _extra(account: SpendingAccount) -> dict[str, Decimal]:
    return {"dollars": account.extra_money, "tokens": Decimal(account.extra_tokens)}


def _where(budget: Budget) -> dict[str, Any]:
    return {"scope": budget.scope, "key": budget.key, "period": budget.period}


def _account(budget: Budget) -> QuerySet[SpendingAccount]:
    return SpendingAccount.objects.filter(**_where(budget))


def _calls(budget: Budget) -> QuerySet[ModelCall]:
    """The calls that count in a budget."""
    match budget.scope:
        case Scope.TASK:
            return ModelCall.objects.filter(task=budget.key)
        case Scope.SUBMITTER:
            return ModelCall.objects.filter(day=budget.period, task__submitted_by=budget.key)
        case Scope.AGENT:
            return ModelCall.objects.filter(day=budget.period, version__agent=budget.key)
    return ModelCall.objects.filter(day=budget.period)


def _so_far(budget: Budget) -> dict[str, Any]:
    """What was spent before the budget had a limit."""
    return _calls(budget).aggregate(**_SUMS)


_SUMS = {
    "money": Sum("cost", default=Decimal(0)),
    "tokens": Coalesce(Sum(F("input_tokens") + F("output_tokens")), 0),
}
