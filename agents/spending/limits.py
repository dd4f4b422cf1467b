"""Which budgets apply to a call? Those that the operator set, and the tighter ones that its agent sets itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from django.conf import settings

from agents.definition import AgentDefinition
from agents.models import AgentTask, SpendingAccount

Scope = SpendingAccount.Scope
T = TypeVar("T", Decimal, int)


@dataclass(frozen=True)
class Most:
    """The limits of one budget; None is no limit."""

    dollars: Decimal | None = None
    tokens: int | None = None

    def __bool__(self) -> bool:
        return self.dollars is not None or self.tokens is not None

    def tightened(self, other: "Most") -> "Most":
        if not other:
            return self
        return Most(_least(self.dollars, other.dollars), _least(self.tokens, other.tokens))


_NO_LIMIT = Most()


@dataclass(frozen=True)
class Budget:
    """One budget in one period, and its limits."""

    scope: Scope
    key: int
    period: str
    limit: Most
    name: str
    """In words: “task 12”, “sam on 2026-11-20”."""

    @property
    def identity(self) -> str:
        """What a parked task remembers, so that it is found when the budget is extended."""
        return f"{self.scope}/{self.key}/{self.period}"

    @property
    def is_shared(self) -> bool:
        return self.scope != Scope.TASK

    def most(self, unit: str) -> Decimal | None:
        amount = self.limit.dollars if unit == "dollars" else self.limit.tokens
        return None if amount is None else Decimal(amount)


def budgets_of(task: AgentTask | None, day: date) -> tuple[Budget, ...]:
    """The budgets with a limit that a call counts in, always in the same order, so that nobody locks crosswise.

    A call without a task (a probe) counts in the day's budget alone.
    """
    return tuple(_limited(task, day))


def most_of_a_task(definition: AgentDefinition) -> Most:
    """The most that a task of this agent may spend, whatever its submitter asks for."""
    own = definition.budget
    return _here(Scope.TASK).tightened(Most(own.task_dollars, own.task_tokens))


def budget_of_task(task: AgentTask) -> Budget:
    """The task's own budget: as its submitter asked, within what its agent and the operator allow."""
    limit = most_of_a_task(task.version.read()).tightened(Most(task.budget_dollars, task.budget_tokens))
    return Budget(Scope.TASK, task.pk, "", limit, f"task {task.pk}")


def _limited(task: AgentTask | None, day: date) -> Iterator[Budget]:
    if task is not None:
        own = task.version.read().budget
        if (of_task := budget_of_task(task)).limit:
            yield of_task
        if limit := _here(Scope.SUBMITTER):
            person = task.submitted_by
            yield Budget(Scope.SUBMITTER, person.pk, day.isoformat(), limit, f"{person.get_username()} on {day}")
        if limit := _here(Scope.AGENT).tightened(Most(own.day_dollars, own.day_tokens)):
            agent = task.version.agent
            yield Budget(Scope.AGENT, agent.pk, day.isoformat(), limit, f"the agent {agent.name} on {day}")
    if limit := _here(Scope.ALL):
        yield Budget(Scope.ALL, 0, day.isoformat(), limit, f"everything on {day}")


def _here(scope: Scope) -> Most:
    """What the operator set."""
    set_here: dict[str, tuple[Decimal | None, int | None]] = settings.COUNTERSIGN_BUDGETS
    return Most(*set_here[scope]) if scope in set_here else _NO_LIMIT


def _least(one: T | None, other: T | None) -> T | None:
    known = [amount for amount in (one, other) if amount is not None]
    return min(known, default=None)
