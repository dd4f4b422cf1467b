"""What do all the rules together say? Deny beats review beats allow, and every reason is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agents.definition import AgentDefinition
from agents.policy.allowed import check_allowed, check_denials
from agents.policy.approvals import check_approvals
from agents.policy.confidence import check_confidence
from agents.policy.constraints import check_constraints
from agents.policy.facts import Facts
from agents.policy.handed_back import check_handed_back
from agents.policy.limits import check_steps_left
from agents.policy.loops import check_loops
from agents.policy.repeats import call_digest, check_repeats
from agents.policy.saying import check_messages, check_saying
from agents.policy.schema import check_arguments
from agents.policy.scope import check_scope
from agents.policy.stakes import check_stakes
from agents.policy.taint import check_taint
from agents.policy.verdict import Reason, Rule, Verdict
from agents.policy.whose import Told, check_whose
from tools.registry import Tool
from tools.schema import Problem

JUDGED_BY_CONFIDENCE = frozenset({"propose_plan", "finish"})
"""Asking and escalating are what an unsure proposer should do, so they are never held against it."""


def judge_action(
    tool: Tool | None,
    name: str,
    arguments: dict[str, Any] | None,
    confidence: float,
    definition: AgentDefinition,
    facts: Facts,
    problems: Sequence[Problem] = (),
) -> Verdict:
    """The verdict on one tool call.

    `tool` is None where none of that name is registered. `arguments` are normalised, or None where they could not be;
    then `problems` says why. Rules that need sound arguments are not asked about unsound ones.
    """
    unusable = tuple(check_allowed(name, tool is not None, definition))
    if tool is None or unusable:
        return Verdict.of(unusable)
    unusable = tuple(check_arguments(name, tool.input_schema, arguments, problems))
    if arguments is None or unusable:
        return Verdict.of((*unusable, *check_denials(name, facts.denials)))
    return Verdict.of(_rules(tool, arguments, confidence, definition, facts))


def judge_control(
    name: str,
    confidence: float,
    definition: AgentDefinition,
    problems: Sequence[Problem] = (),
    said: Any = None,
    secrets: frozenset[str] = frozenset(),
    handed_back_by: str = "",
    told: Told | None = None,
) -> Verdict:
    """The verdict on `finish`, `ask` or `escalate`; of a plan, only what its confidence says.

    `problems` are what the agent's result schema has against a result. `said` is what would be told to the submitter:
    a result that should not be is reviewed, and with a question like that the task is handed over. `handed_back_by`
    is who waits for a plan that follows their guidance, and `told` what the task was told, as in `Facts`.
    """
    reasons = [Reason("schema.invalid", f"{name}: {problem}", "deny") for problem in problems]
    if name in JUDGED_BY_CONFIDENCE:
        reasons += check_confidence(confidence, definition.confidence)
    if name == "finish":
        reasons += check_handed_back("result", handed_back_by)
    if said is not None:
        rule: Rule = "review" if name == "finish" else "hand_over"
        reasons += check_saying(said, definition, secrets, rule)
        reasons += check_whose(said, "results", definition, told, rule=rule) if told is not None else ()
    return Verdict.of(reasons)


def _rules(
    tool: Tool, arguments: dict[str, Any], confidence: float, definition: AgentDefinition, facts: Facts
) -> Iterator[Reason]:
    yield from check_denials(tool.name, facts.denials)
    yield from check_constraints(tool.name, arguments, definition, facts)
    yield from check_approvals(tool.name, arguments, definition)
    call = call_digest(tool.name, arguments)
    yield from check_repeats(tool.name, call, definition, facts)
    yield from check_loops(call, definition, facts)
    yield from check_scope(tool, definition, facts)
    yield from check_steps_left(facts)
    yield from check_stakes(tool)
    yield from check_taint(tool, arguments, facts)
    yield from check_messages(tool, arguments, definition, facts)
    yield from check_confidence(confidence, definition.confidence)
