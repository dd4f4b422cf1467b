"""What is a call held against, to say where its values come from and what they must not tell? Policy does the rest."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agents import kill_switches
from agents.engine.proposing import Next
from agents.engine.story import PastStep, Story
from agents.models import Action
from agents.policy import Facts
from agents.policy.provenance import Answered, Known, Said, trace
from agents.policy.records import Read
from agents.policy.taint import reaches_out
from agents.policy.whose import Told
from agents.states import ActionStatus, StepKind, StepStatus
from tools.context import SECRET_PREFIX
from tools.registry import Tool, registry

RECIPE = "playbook:"
"""How the names of recipes begin among proposers. No model's name does."""
PROVIDER_KEYS = frozenset({"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "SECRET_KEY"})
NOTHING_HAPPENED = frozenset({"tool.nothing_happened", "tool.unavailable", "task.canceled"})


def facts_of(story: Story, next_: Next, tool: Tool | None, arguments: dict[str, Any] | None) -> Facts:
    """The task's facts, with those about where this very call comes from."""
    lately = kill_switches.in_force_lately(story.task.agent_id)
    return traced(
        story.facts_about(next_.proposal.name, arguments or {}, denials=lately), story, next_, tool, arguments
    )


def traced(facts: Facts, story: Story, next_: Next, tool: Tool | None, arguments: dict[str, Any] | None) -> Facts:
    """The facts, with where each value of this call comes from; the same from the same rows, whenever it is asked."""
    if tool is not None and tool.messages:
        facts = replace(facts, secrets=secrets_here(), told=told(story) if story.task.by_hand is None else facts.told)
    # What a person in charge asked for by hand was chosen by nobody else.
    if tool is None or arguments is None or story.task.by_hand is not None or not reaches_out(tool, arguments):
        return facts
    exposure, plan = _exposure(story), _fixed_plan(story)
    recipe = _proposer(story, next_).startswith(RECIPE)
    said_at = story.task.plan_number if next_.from_plan else story.task.steps_taken + 1
    clean = plan is not None and _is_clean(plan, exposure)
    known = Known(
        said=tuple(_said(story)),
        answers=tuple(_answered(one) for one in story.past if _is_answer(one)),
        planned=[step.get("arguments") or {} for step in _steps_of(plan) if step["tool"] == tool.name] if clean else (),
        by_step={one.step.planned_id: _answered(one) for one in story.past if _is_done_as_planned(one)},
        exposed=exposure is not None and said_at > exposure and not recipe,
        recipe=recipe,
    )
    return replace(
        facts,
        origins=trace(tool, arguments, known),
        scope=None if exposure is None else _scope_left(story, plan),
        by_recipe=recipe,
    )


def told(story: Story) -> Told:
    """What people told the task, and what it has read: against which it is held whose data it tells."""
    untrusted = story.definition.guard.untrusted_inputs
    heard = {name: part for name, part in story.task.inputs.items() if name in untrusted}
    reads = (
        Read(one.step.number, one.step.name, one.action.arguments, one.result, _answered(one).vouches_for(""))
        for one in story.past
        if one.action is not None and _is_answer(one)
    )
    return Told(tuple(_said(story)), (Said("the inputs", heard),), tuple(reads))


def secrets_here() -> frozenset[str]:
    """What this process was given to keep: tools' secrets and providers' keys."""
    names = (name for name in os.environ if name.startswith(SECRET_PREFIX) or name in PROVIDER_KEYS)
    return frozenset(os.environ[name] for name in names)


def _exposure(story: Story) -> int | None:
    """The step with which the proposers first read something that nobody vouches for; 0 is the submission itself."""
    if any(name in story.task.inputs for name in story.definition.guard.untrusted_inputs):
        return 0
    numbers = (one.step.number for one in story.past if _is_answer(one) and not _answered(one).vouches_for(""))
    return next(numbers, None)


def _fixed_plan(story: Story) -> PastStep | None:
    """The newest plan that text from outside had no say in, or that a person approved."""
    exposure = _exposure(story)
    return next(
        (
            one
            for one in reversed(story.past)
            if one.step.kind == StepKind.PLAN
            and one.step.status == StepStatus.DONE
            and (_is_clean(one, exposure) or _was_approved(one))
            and "handed_over" not in (one.step.answer or {})
        ),
        None,
    )


def _is_clean(plan: PastStep, exposure: int | None) -> bool:
    return exposure is None or plan.step.number < exposure or plan.step.proposer.startswith(RECIPE)


def _was_approved(plan: PastStep) -> bool:
    return (plan.step.verdict or {}).get("outcome") == "review"


def _scope_left(story: Story, plan: PastStep | None) -> Counter[str]:
    """What the plan has of each tool, less what has run on the plan's own account since."""
    left = Counter(step["tool"] for step in _steps_of(plan))
    if plan is not None:
        since = [action for one in story.past if one.step.number > plan.step.number for action in one.actions]
        left.subtract(action.tool for action in since if _counts(action))
    return left


def _counts(action: Action) -> bool:
    """May it have happened, without a person's own word for it?"""
    nothing = action.status == ActionStatus.FAILED and (action.error or {}).get("code") in NOTHING_HAPPENED
    return action.started_at is not None and not action.needs_approval and not nothing


def _proposer(story: Story, next_: Next) -> str:
    """Who said this call's values: a step of a plan is its plan's word."""
    if not next_.from_plan:
        return next_.proposal.proposer
    return next((one.step.proposer for one in story.past if one.step.number == story.task.plan_number), "")


def _said(story: Story) -> Iterator[Said]:
    untrusted = story.definition.guard.untrusted_inputs
    yield Said("the goal", story.task.goal)
    yield Said("the inputs", {name: part for name, part in story.task.inputs.items() if name not in untrusted})
    for one in story.past:
        if one.step.kind == StepKind.ASK and one.step.status == StepStatus.DONE:
            yield Said("the submitter's answer", (one.step.answer or {}).get("answer", ""))
    for guidance in story.task.guidance:
        yield Said("a person's guidance", guidance["text"])


def _is_answer(past: PastStep) -> bool:
    """Did a tool say something, be it an error?"""
    return past.action is not None and past.action.started_at is not None


def _is_done_as_planned(past: PastStep) -> bool:
    return bool(past.step.planned_id) and past.step.status == StepStatus.DONE and _is_answer(past)


def _answered(past: PastStep) -> Answered:
    name = past.step.name
    return Answered(past.step.number, registry.get(name) if name in registry else None, name, past.result)


def _steps_of(plan: PastStep | None) -> list[dict[str, Any]]:
    return (plan.step.arguments or {})["steps"] if plan else []
