"""Do the agent's own rules forbid the call, or ask for a person?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.definition import AgentDefinition, Constraint
from agents.definition.conditions import property_conditions
from agents.policy.verdict import Reason
from tools.schema import validate

_SHOWN = 80


def check_constraints(name: str, arguments: dict[str, Any], definition: AgentDefinition) -> Iterator[Reason]:
    """Each constraint about this tool, or about any, whose condition the normalised arguments meet."""
    for constraint in definition.constraints:
        if constraint.tool in (None, name) and not validate(constraint.when, arguments):
            yield _reason(constraint, arguments)


def _reason(constraint: Constraint, arguments: dict[str, Any]) -> Reason:
    named = dict.fromkeys(name for name, _ in property_conditions(constraint.when))
    seen = ", ".join(f"{name}: {_short(arguments[name])}" for name in named if name in arguments)
    why = constraint.why.rstrip(".") + (f" ({seen})" if seen else "")
    if constraint.verdict == "deny":
        return Reason(
            "constraint.denied", f"{why}. It is not done like this: propose another way, or escalate.", "deny"
        )
    return Reason("constraint.review", f"{why}.", "review")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
