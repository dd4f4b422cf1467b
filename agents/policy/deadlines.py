"""By when should people answer, and what happens when nobody does?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agents.definition import ABOUT_CALLS, MAY_EXPIRE, AgentDefinition, Deadline, length_of
from tools.schema import validate


@dataclass(frozen=True)
class Times:
    """Of one question, each from the moment that it is asked; None: never."""

    remind: timedelta | None = None
    due: timedelta | None = None
    expires: timedelta | None = None
    escalate_to: str = ""
    hands_on: bool = False
    """Whether a person takes it from there when it expires, instead of a rejection."""


def times_for(kind: str, tool: str, arguments: dict[str, Any], definition: AgentDefinition) -> Times:
    """What the first rule that matches says of a question; `tool` is empty where it is about no call."""
    rule = next((one for one in definition.deadlines if _matches(one, kind, tool, arguments)), None)
    if rule is None:
        return Times()
    due = length_of(rule.due) if rule.due else None
    return Times(
        remind=due - length_of(rule.remind) if due and rule.remind else None,
        due=due,
        expires=length_of(rule.expires) if rule.expires and kind in MAY_EXPIRE else None,
        escalate_to=rule.escalate_to,
        hands_on=rule.then == "hand_on",
    )


def _matches(rule: Deadline, kind: str, tool: str, arguments: dict[str, Any]) -> bool:
    if rule.kind not in (None, kind):
        return False
    if rule.tool is None and not rule.when:
        return True
    return kind in ABOUT_CALLS and rule.tool in (None, tool) and not validate(rule.when, arguments)
