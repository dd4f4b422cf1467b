"""Is the call within the plan that was validated?"""

from __future__ import annotations

from collections.abc import Iterator

from agents.definition import AgentDefinition
from agents.policy.facts import Facts
from agents.policy.verdict import Reason
from tools.registry import Effect, Tool


def check_scope(tool: Tool, definition: AgentDefinition, facts: Facts) -> Iterator[Reason]:
    """An effect outside the plan in force is reviewed; looking something up outside it is not.

    Where a plan needs approval, an effect with no plan is reviewed too: else leaving the plan out would avoid it.
    """
    if tool.effect is Effect.READ:
        return
    if facts.plan_tools is None:
        if definition.approve_plans or facts.handed_back_by:
            yield Reason("scope.no_plan", f"{tool.name} was proposed with no approved plan in force.", "review")
    elif tool.name not in facts.plan_tools:
        planned = ", ".join(sorted(facts.plan_tools)) or "nothing"
        yield Reason("scope.outside_plan", f"{tool.name} is outside the plan in force, which uses {planned}.", "review")
