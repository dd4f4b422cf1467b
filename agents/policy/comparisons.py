"""Does an argument keep to a fact: to the result of an earlier step, to the task's inputs, to who submitted it?"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from agents.definition.rules import TASK_FACTS, Comparison
from agents.policy.facts import Facts
from agents.references import look_up
from tools.canonical import canonical

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "at_most": operator.le,
    "at_least": operator.ge,
    "below": operator.lt,
    "above": operator.gt,
}


def broken(rule: Comparison, arguments: Mapping[str, Any], facts: Facts) -> str | None:
    """What is wrong with the argument, with both values; None where the comparison holds.

    Numbers are compared as the decimals that they were written as. What is missing, or of another kind, never holds.
    """
    if rule.argument not in arguments:
        return f"{rule.argument} is missing"
    given = arguments[rule.argument]
    try:
        fact = _fact(rule, arguments, facts)
    except LookupError as unknown:
        return f"{rule.fact} is not known: {unknown.args[0]}"
    if _holds(rule.operator, given, fact):
        return None
    return f"{rule.argument}: {canonical(given)}, {rule.fact}: {canonical(fact)}"


def _holds(name: str, given: object, fact: object) -> bool:
    if name == "equals":
        return canonical(given) == canonical(fact)
    if name == "differs":
        return canonical(given) != canonical(fact)
    left, right = number(given), number(fact)
    return left is not None and right is not None and _ORDER[name](left, right)


def _fact(rule: Comparison, arguments: Mapping[str, Any], facts: Facts) -> Any:
    """The fact. Raises LookupError, saying what is missing and how to get it."""
    if rule.source in TASK_FACTS:
        return look_up(facts.about.get(rule.source, {}), rule.pointer)
    for tool, result in reversed(facts.results):
        if tool == rule.source and _says_the_same(rule, arguments, result):
            return look_up(result, rule.pointer)
    about = "".join(f" with {pointer} {arguments.get(name)!r}" for name, pointer in rule.same.items())
    raise LookupError(f"call {rule.source} first; no result of it{about} is there"[:300])


def _says_the_same(rule: Comparison, arguments: Mapping[str, Any], result: Any) -> bool:
    try:
        return all(
            name in arguments and canonical(look_up(result, pointer)) == canonical(arguments[name])
            for name, pointer in rule.same.items()
        )
    except LookupError:
        return False


def number(value: object) -> Decimal | None:
    """The decimal that a JSON number was written as; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value))
