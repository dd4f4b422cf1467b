"""Does this call go beyond a limit of calls or of a sum? What is used is counted outside, and held at the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from agents.definition import AgentDefinition
from agents.definition.rules import Ceiling, Constraint
from agents.policy.comparisons import number
from tools.canonical import digest
from tools.schema import validate


def ceilings(
    name: str, arguments: Mapping[str, Any], definition: AgentDefinition
) -> Iterator[tuple[int, Constraint, Ceiling]]:
    """The limits that a call counts in, each with the place of its constraint."""
    for index, constraint in enumerate(definition.constraints):
        if constraint.limit and constraint.tool in (None, name) and not validate(constraint.when, dict(arguments)):
            yield index, constraint, constraint.limit


def counter(constraint: Constraint, arguments: Mapping[str, Any]) -> str:
    """The count that a call belongs to: the same for as long as the rule counts the same, however high its limit."""
    limit = constraint.limit
    assert limit is not None
    counted = {"tool": constraint.tool, "when": constraint.when, "sum": limit.sum, "within": limit.within}
    return digest({**counted, "each": limit.each, "value": arguments.get(limit.each) if limit.each else None})


def weight(limit: Ceiling, arguments: Mapping[str, Any]) -> Decimal | None:
    """What a call adds; None for what can't be counted, such as a missing, negative or written-out amount."""
    if limit.each and limit.each not in arguments:
        return None
    if not limit.sum:
        return Decimal(1)
    amount = number(arguments.get(limit.sum))
    return amount if amount is not None and amount >= 0 else None


def exceeded(limit: Ceiling, arguments: Mapping[str, Any], used: Decimal | None) -> str | None:
    """What is wrong with one more call, with the numbers; None where it fits. An unknown count fits nothing."""
    amount = weight(limit, arguments)
    if amount is None:
        return f"{limit.sum or limit.each} can't be counted"
    if used is None:
        return "what is used so far is not known"
    if used + amount <= limit.most:
        return None
    return f"{_shown(used)} of {_shown(limit.most)} used so far, and this is {_shown(amount)} more"


def _shown(amount: Decimal) -> str:
    """Without zeros that say nothing: 1, not 1.000000."""
    return f"{amount.normalize():f}"
