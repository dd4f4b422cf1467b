"""What stands against starting a call at this very moment, whoever approved it?"""

from __future__ import annotations

from typing import Any

from agents.definition import AgentDefinition
from agents.policy.allowed import check_allowed, check_denials
from agents.policy.constraints import check_constraints
from agents.policy.facts import Denial, Facts
from agents.policy.verdict import Reason, Verdict


def denied_now(name: str, arguments: dict[str, Any], definition: AgentDefinition, facts: Facts) -> Verdict | None:
    """The denial by what is true now: the agent's tools, kill switches, and constraints that deny; None without one.

    Limits are looked at with the counts in `facts`; whether they hold under concurrency, the start itself decides.
    """
    constraints = check_constraints(name, arguments, definition, facts)
    denied = [*_denials(name, definition, facts), *(reason for reason in constraints if reason.rule == "deny")]
    return Verdict.of(denied) if denied else None


def still_denied(name: str, definition: AgentDefinition, facts: Facts) -> Verdict | None:
    """The denial against another attempt of a call that was started: constraints let it start, and are not asked."""
    denied = _denials(name, definition, facts)
    return Verdict.of(denied) if denied else None


def stopped_now(facts: Facts) -> Denial | None:
    """The kill switch that stops the whole agent, if one is engaged: its tasks wait until it is lifted."""
    return next((denial for denial in facts.denials if denial.tool is None), None)


def _denials(name: str, definition: AgentDefinition, facts: Facts) -> list[Reason]:
    return [*check_allowed(name, True, definition), *check_denials(name, facts.denials)]
