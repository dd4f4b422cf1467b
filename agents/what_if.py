"""What would a draft have done? The last tool calls of an agent, judged again by today's rules and by the draft's.

Both are asked about the same arguments and the same facts, as far as the rows still say what was known then, so what
differs comes from the draft alone. Not replayed: kill switches of that time; the groups and teams of a submitter are
today's; limits count what really ran, also where the draft would have stopped it.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q

from agents import tallies
from agents.definition import AgentDefinition
from agents.engine.story import Story, read_story
from agents.models import Agent, Step
from agents.policy import Facts, Verdict, judge_action
from agents.states import StepKind, StepStatus
from tools.registry import registry
from tools.schema import InvalidArguments

MOST = 500
OUTCOMES = ("allow", "review", "deny")


@dataclass(frozen=True)
class Replayed:
    """One call, with the verdict by the present rules and by the draft."""

    step: Step
    sentence: str
    before: Verdict
    after: Verdict

    @property
    def differs(self) -> bool:
        return self.before.outcome != self.after.outcome

    @property
    def why(self) -> str:
        """The sentences of the stricter of the two."""
        order = OUTCOMES.index
        stricter = self.after if order(self.after.outcome) > order(self.before.outcome) else self.before
        return stricter.message()


@dataclass(frozen=True)
class Replay:
    """What the draft would have said of the last calls, the newest first."""

    calls: Sequence[Replayed]
    left_out: int
    """Calls whose arguments are erased, or fit no tool any more."""

    @property
    def different(self) -> list[Replayed]:
        return [one for one in self.calls if one.differs]

    @property
    def counts(self) -> list[tuple[str, int, int]]:
        """Outcome, how often by the present rules, how often by the draft."""
        return [
            (
                outcome,
                sum(one.before.outcome == outcome for one in self.calls),
                sum(one.after.outcome == outcome for one in self.calls),
            )
            for outcome in OUTCOMES
        ]


def replay(agent: Agent, draft: AgentDefinition, most: int = 200) -> Replay:
    """Judges the agent's last tool calls, at most `most` of them, by its current version and by the draft."""
    current = agent.current_version
    present = current.read() if current else draft
    newest = Step.objects.filter(task__agent=agent, kind=StepKind.TOOL).order_by("-id")[: min(most, MOST)]
    stories: dict[int, Story] = {}
    calls: list[Replayed] = []
    left_out = 0
    for step in newest:
        if step.task_id not in stories and (story := read_story(step.task_id, Q())):
            stories[step.task_id] = story
        before = _judge(stories[step.task_id], step, present)
        after = _judge(stories[step.task_id], step, draft)
        if before is None or after is None:
            left_out += 1
        else:
            calls.append(Replayed(step, _sentence(step, stories[step.task_id]), before, after))
    return Replay(calls, left_out)


def _judge(story: Story, step: Step, definition: AgentDefinition) -> Verdict | None:
    """The verdict at that step's turn; None where its arguments are not there any more, or fit the tool no more."""
    arguments = _arguments(story, step)
    if arguments is None:
        return None
    facts = _facts_at(story, step, definition, arguments)
    tool = registry.get(step.name)
    return judge_action(
        tool, step.name, arguments, 1.0 if step.confidence is None else step.confidence, definition, facts
    )


def _facts_at(story: Story, step: Step, definition: AgentDefinition, arguments: dict[str, Any]) -> Facts:
    """What was known when the step was proposed, read from the rows before it."""
    earlier = [past for past in story.past if past.step.number < step.number]
    plans = [one.step for one in earlier if one.step.kind == StepKind.PLAN and one.step.status == StepStatus.DONE]
    task = copy.copy(story.task)
    task.steps_taken = step.number - 1
    task.plan = (plans[-1].arguments or {}).get("steps") if plans else None
    task.plan_number = plans[-1].number if plans else 0
    task.guidance = [one for one in task.guidance if one["after_step"] < step.number]
    then = Story(task, definition, earlier)
    actions = (action for past in earlier for action in past.actions)
    used = tallies.used(task.agent_id, definition, step.name, arguments, step.created_at, actions, replayed=True)
    return replace(then.facts(denials=()), now=step.created_at, used=used)


def _arguments(story: Story, step: Step) -> dict[str, Any] | None:
    past = next(one for one in story.past if one.step.pk == step.pk)
    given = past.actions[0].arguments if past.actions else step.arguments
    if step.name not in registry or not isinstance(given, dict):
        return None
    try:
        return registry.get(step.name).normalise(given)
    except InvalidArguments:
        return None


def _sentence(step: Step, story: Story) -> str:
    past = next(one for one in story.past if one.step.pk == step.pk)
    return past.actions[0].sentence if past.actions else registry.get(step.name).describe(step.arguments or {})
