"""Why is a model not asked now, although it could be? One class for each thing that the engine does about it."""

from decimal import Decimal

from agents.spending.limits import Budget
from agents.spending.money import shown


class NotYet(Exception):
    """There is no room for a call right now; there will be, by itself. `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BudgetReached(Exception):
    """What the call may cost does not fit into a budget any more. A person extends it, or nothing goes on."""

    def __init__(self, budget: Budget, unit: str, used: Decimal, most: Decimal, needed: Decimal) -> None:
        self.budget = budget
        self.unit = unit
        """`dollars` or `tokens`."""
        self.used = used
        self.most = most
        self.needed = needed
        super().__init__(self.message)

    @property
    def message(self) -> str:
        needed = shown_amount(self.unit, self.needed)
        return (
            f"The budget of {self.budget.name} is reached: {self.shown_used} of {self.shown_most} are used, and the "
            f"next call may take up to {needed}."
        )

    @property
    def shown_used(self) -> str:
        return shown_amount(self.unit, self.used)

    @property
    def shown_most(self) -> str:
        return shown_amount(self.unit, self.most)

    @property
    def suggested(self) -> Decimal:
        """An extension that is worth asking for: the limit once more, and at least what the next call needs."""
        return max(self.budget.most(self.unit) or Decimal(0), self.used + self.needed - self.most)


def shown_amount(unit: str, amount: Decimal) -> str:
    return shown(amount) if unit == "dollars" else f"{int(amount):,} tokens"


class Moved(NotYet):
    """Somebody changed the task meanwhile: it is looked at again before anything is asked."""

    def __init__(self) -> None:
        super().__init__("Somebody changed the task meanwhile.", 0.0)
