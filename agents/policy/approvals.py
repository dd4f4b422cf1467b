"""How many people countersign a call, and of which group?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.definition import AgentDefinition
from agents.policy.verdict import Reason
from tools.schema import validate


@dataclass(frozen=True)
class Quorum:
    """Who must approve before a call runs."""

    needed: int = 1
    group: str = ""
    """Empty: whoever may decide review requests."""
    password: bool = False
    """Whether each of them types the password once more."""

    def __str__(self) -> str:
        people = "one person" if self.needed == 1 else f"{self.needed} people"
        return f"{people} of the group “{self.group}”" if self.group else people


def quorum_for(name: str, arguments: dict[str, Any], definition: AgentDefinition) -> Quorum | None:
    """What the first rule that matches says; None where no rule does."""
    for rule in definition.approvals:
        if rule.kind is None and rule.tool in (None, name) and not validate(rule.when, arguments):
            return Quorum(rule.needed, rule.group, rule.password)
    return None


def quorum_of_question(kind: str, definition: AgentDefinition) -> Quorum | None:
    """Who answers a question that is about no call: approves a plan, extends a limit, responds."""
    rule = next((one for one in definition.approvals if one.kind == kind), None)
    return Quorum(rule.needed, rule.group) if rule else None


def check_approvals(name: str, arguments: dict[str, Any], definition: AgentDefinition) -> Iterator[Reason]:
    """A call that somebody must approve is reviewed, however harmless it would be otherwise."""
    quorum = quorum_for(name, arguments, definition)
    if quorum:
        who, must = str(quorum), "must" if quorum.needed > 1 else "has to"
        yield Reason("approvals.needed", f"{who[0].upper()}{who[1:]} {must} approve this.", "review")
