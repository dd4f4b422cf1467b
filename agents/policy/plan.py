"""Is the plan sound as a whole? Each of its actions is judged again when its turn comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.definition import STEP_ID, AgentDefinition
from agents.policy.allowed import check_allowed, check_denials
from agents.policy.confidence import check_confidence
from agents.policy.facts import Facts
from agents.policy.handed_back import check_handed_back
from agents.policy.limits import check_plan_length
from agents.policy.loops import check_growth
from agents.policy.verdict import Reason, Verdict
from agents.references import MalformedReference, Reference, find_references
from tools.registry import Tool
from tools.schema import InvalidArguments, Problem, validate

_ID = re.compile(STEP_ID)


def judge_plan(
    steps: Sequence[Mapping[str, Any]],
    confidence: float,
    definition: AgentDefinition,
    facts: Facts,
    tools: Mapping[str, Tool],
) -> Verdict:
    """The verdict on a plan: every mistake in it is named, with its step, so that one new plan can mend them all.

    `steps` are the plan's own objects (id, tool, purpose, arguments or none); `tools` are those that are registered.
    """
    return Verdict.of(_reasons(steps, confidence, definition, facts, tools))


def _reasons(
    steps: Sequence[Mapping[str, Any]],
    confidence: float,
    definition: AgentDefinition,
    facts: Facts,
    tools: Mapping[str, Tool],
) -> Iterator[Reason]:
    yield from check_plan_length(len(steps), definition, facts)
    yield from check_growth(len(steps), facts.plan_lengths)
    seen: set[str] = set()
    for number, step in enumerate(steps, start=1):
        identity = str(step.get("id", ""))
        label = f"Step {identity or number}"
        yield from _check_id(identity, label, seen)
        name = str(step.get("tool", ""))
        tool = tools.get(name)
        for reason in (*check_allowed(name, tool is not None, definition), *check_denials(name, facts.denials)):
            yield Reason(reason.code, f"{label}: {reason.message}", reason.rule)
        arguments = step.get("arguments")
        if arguments is not None:
            yield from _check_arguments(arguments, tool, label, seen | facts.known_steps)
        seen.add(identity)
    if definition.approve_plans:
        yield Reason("plan.approval", f"{definition.title} has its plans approved by a person.", "review")
    yield from check_handed_back("plan", facts.handed_back_by)
    yield from check_confidence(confidence, definition.confidence)


def _check_id(identity: str, label: str, seen: set[str]) -> Iterator[Reason]:
    if not _ID.fullmatch(identity):
        message = f"{label}: the id must be 1 to 40 letters, digits, _ or -; it is {identity[:60]!r}."
        yield Reason("plan.bad_id", message, "deny")
    elif identity in seen:
        yield Reason("plan.duplicate_id", f"{label}: the id is used twice. Give each step its own.", "deny")


def _check_arguments(arguments: object, tool: Tool | None, label: str, earlier: set[str]) -> Iterator[Reason]:
    if not isinstance(arguments, dict):
        yield Reason("plan.bad_arguments", f"{label}: arguments must be an object, or be left out.", "deny")
        return
    try:
        references = find_references(arguments)
    except MalformedReference as error:
        yield Reason("plan.bad_reference", f"{label}: {error}.", "deny")
        return
    for reference in references:
        if reference.step_id not in earlier:
            known = ", ".join(sorted(earlier)) or "none"
            message = f"{label}: {reference} does not point to an earlier step. Earlier steps are: {known}."
            yield Reason("plan.bad_reference", message, "deny")
    if tool is not None:
        for problem in _problems(tool, arguments, references):
            yield Reason("schema.invalid", f"{label}: {tool.name}: {problem}", "deny")


def _problems(tool: Tool, arguments: dict[str, Any], references: Sequence[Reference]) -> Sequence[Problem]:
    """What is wrong already: everything, except what a reference will only bring when its turn comes."""
    if not references:
        try:
            tool.normalise(arguments)
        except InvalidArguments as error:
            return error.problems
        return ()
    open_ends = [reference.at for reference in references]
    return [
        problem
        for problem in validate(tool.input_schema, arguments)
        if not any(problem.path == at or problem.path.startswith(f"{at}/") for at in open_ends)
    ]
