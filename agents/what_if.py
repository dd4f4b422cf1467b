"""What would a draft have done? The last tool calls of an agent, judged again by today's rules and by the draft's.

Both are asked about the same arguments and the same facts, read from the rows as they were at that step, so what
differs comes from the draft alone. Where each value comes from is traced anew for each of the two, since a draft may
believe other inputs than the present rules do. Not replayed: kill switches of that time; the groups and teams of a
submitter are today's; limits count what really ran, also where the draft would have stopped it.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from agents import tallies
from agents.definition import AgentDefinition
from agents.engine.by_hand import BY_HAND
from agents.engine.proposing import Next, from_plan
from agents.engine.provenance import traced
from agents.engine.story import PastStep, Story, read_story
from agents.llm.base import Proposal
from agents.models import Agent, Step
from agents.policy import Facts, Verdict, judge_action
from agents.states import StepKind
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
    untraced: int
    """Calls whose values can't be traced any more as they were then: something was erased, or a tool vouches for
    other parts of its answers today. They are judged by what is traced now."""

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
    left_out = untraced = 0
    for step in newest:
        if step.task_id not in stories and (story := read_story(step.task_id, Q())):
            stories[step.task_id] = story
        turn = Turn.of(stories[step.task_id], step)
        if turn is None:
            left_out += 1
            continue
        untraced += not turn.is_traced_as_then
        calls.append(Replayed(step, turn.sentence, turn.judged_by(present), turn.judged_by(draft)))
    return Replay(calls, left_out, untraced)


@dataclass(frozen=True)
class Turn:
    """The moment at which a call was proposed, as the rows before it tell of it."""

    story: Story
    past: PastStep
    proposed: Next
    arguments: dict[str, Any]

    @classmethod
    def of(cls, story: Story, step: Step) -> "Turn | None":
        """None where the arguments are not there any more, or fit the tool no more."""
        past = next(one for one in story.past if one.step.pk == step.pk)
        then = _as_it_was(story, step)
        proposed = _proposed(then, step)
        given = past.actions[0].arguments if past.actions else proposed.proposal.arguments
        if step.name not in registry or not isinstance(given, dict):
            return None
        try:
            return cls(then, past, proposed, registry.get(step.name).normalise(given))
        except InvalidArguments:
            return None

    @property
    def sentence(self) -> str:
        actions = self.past.actions
        return actions[0].sentence if actions else registry.get(self.past.step.name).describe(self.arguments)

    @property
    def is_traced_as_then(self) -> bool:
        """Does the task's own version still find the sources that its action keeps?"""
        if not self.past.actions:
            return True
        kept = {one["at"]: one["tainted"] for one in self.past.actions[0].origins}
        return kept == {one.at: one.tainted for one in self._facts(self.story.definition).origins}

    def judged_by(self, definition: AgentDefinition) -> Verdict:
        step, facts = self.past.step, self._facts(definition)
        sure = 1.0 if step.confidence is None else step.confidence
        return judge_action(registry.get(step.name), step.name, self.arguments, sure, definition, facts)

    def _facts(self, definition: AgentDefinition) -> Facts:
        step, task = self.past.step, self.story.task
        then = Story(task, definition, self.story.past)
        actions = (action for past in then.past for action in past.actions)
        used = tallies.used(
            task.agent_id, definition, step.name, self.arguments, step.created_at, actions, replayed=True
        )
        facts = then.facts((), step.created_at, used)
        return traced(facts, then, self.proposed, registry.get(step.name), self.arguments)


def _as_it_was(story: Story, step: Step) -> Story:
    """The story up to the step, which is not part of it."""
    earlier = [past for past in story.past if past.step.number < step.number]
    plans = [one.step for one in earlier if one.step.kind == StepKind.PLAN and (one.step.answer or {}).get("accepted")]
    by_hand = step.proposer.startswith(BY_HAND)
    task = copy.copy(story.task)
    task.steps_taken = step.number - 1
    task.plan = (plans[-1].arguments or {}).get("steps") if plans else None
    task.plan_number = plans[-1].number if plans else 0
    task.guidance = [one for one in task.guidance if one["after_step"] < step.number]
    # Only whether somebody owned it is asked, and who owns a task calls its tools by hand.
    task.by_hand = {} if by_hand else None
    task.owner_id = task.submitted_by_id if by_hand else None
    return Story(task, story.definition, earlier)


def _proposed(then: Story, step: Step) -> Next:
    """The proposal, as the loop had it: the plan's, or asked for."""
    planned = from_plan(then) if step.planned_id else None
    if planned is not None and planned.planned is not None and planned.planned.id == step.planned_id:
        return planned
    sure = 1.0 if step.confidence is None else step.confidence
    said = step.arguments if isinstance(step.arguments, dict) else {}
    return Next(Proposal(step.name, step.purpose, sure, said, step.proposer), planned=None, from_plan=False)
