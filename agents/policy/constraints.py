"""Do the agent's own rules forbid the call, or ask for a person?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.definition import AgentDefinition, Constraint
from agents.definition.conditions import property_conditions
from agents.policy import ceilings, comparisons, hours
from agents.policy.facts import Facts
from agents.policy.verdict import Reason
from tools.schema import validate

_SHOWN = 80


def check_constraints(
    name: str, arguments: dict[str, Any], definition: AgentDefinition, facts: Facts
) -> Iterator[Reason]:
    """Each constraint about this tool, or about any, of which everything that it says is so."""
    for index, constraint in enumerate(definition.constraints):
        if constraint.tool not in (None, name) or validate(constraint.when, arguments):
            continue
        if not _facts_are_met(constraint.facts, facts):
            continue
        found = _found(index, constraint, arguments, facts)
        if found is not None:
            yield reason(constraint, found)


def reason(constraint: Constraint, seen: str) -> Reason:
    """The constraint's word on a call, with the values that it saw: for the model, the reviewer and the journal."""
    why = constraint.why.rstrip(".") + (f" ({seen})" if seen else "")
    if constraint.verdict == "deny":
        return Reason(
            "constraint.denied", f"{why}. It is not done like this: propose another way, or escalate.", "deny"
        )
    return Reason("constraint.review", f"{why}.", "review")


def _found(index: int, constraint: Constraint, arguments: dict[str, Any], facts: Facts) -> str | None:
    """What the constraint saw in the call, empty where it always holds; None where it does not hold."""
    if constraint.must:
        return comparisons.broken(constraint.must, arguments, facts)
    if constraint.limit:
        return ceilings.exceeded(constraint.limit, arguments, facts.used.get(index))
    if constraint.outside:
        return hours.closed(constraint.outside, facts.now)
    return _shown(constraint.when, arguments)


def _facts_are_met(condition: Mapping[str, Any], facts: Facts) -> bool:
    """A fact that the condition names and that nobody knows counts as met, so that no gap opens a door."""
    if not condition:
        return True
    return _lacks(condition, facts.about) or not validate(dict(condition), dict(facts.about))


def _lacks(condition: Mapping[str, Any], known: object) -> bool:
    """Does the condition name a property that is not there, at any depth?"""
    for name, part in property_conditions(condition):
        if not isinstance(known, Mapping) or name not in known or _lacks(part, known[name]):
            return True
    return False


def _shown(condition: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    named = dict.fromkeys(name for name, _ in property_conditions(condition))
    return ", ".join(f"{name}: {_short(arguments[name])}" for name in named if name in arguments)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
