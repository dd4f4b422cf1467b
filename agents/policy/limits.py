"""Is there a step left for it?"""

from __future__ import annotations

from collections.abc import Iterator

from agents.definition import AgentDefinition
from agents.policy.facts import Facts
from agents.policy.verdict import Reason


def check_steps_left(facts: Facts) -> Iterator[Reason]:
    """An action with no step left for it waits for a person."""
    if facts.steps_left < 1:
        yield Reason("limit.steps", "The task has no steps left: a person extends it or ends it.", "review")


def check_plan_length(length: int, definition: AgentDefinition, facts: Facts) -> Iterator[Reason]:
    """A plan longer than the agent's limit, or than the steps that are left, is denied."""
    longest = definition.limits.max_plan_steps
    if length < 1:
        yield Reason("plan.empty", "The plan has no steps. Propose at least one, or finish.", "deny")
    if length > longest:
        yield Reason("plan.too_long", f"The plan has {length} steps; at most {longest} are allowed.", "deny")
    if length > facts.steps_left:
        message = f"The plan has {length} steps and the task has {facts.steps_left} left. Shorten it, or escalate."
        yield Reason("plan.beyond_limit", message, "deny")
