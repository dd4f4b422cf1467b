"""What is known about a task when its next step is due? Read from the rows, each time."""

import functools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from agents import kill_switches, tallies
from agents.changes import Change
from agents.definition import AgentDefinition
from agents.engine.leases import Lease
from agents.llm.base import (
    CONTROL_TOOLS,
    Guidance,
    PastCall,
    PlanStep,
    ProposalRequest,
    ToolOffer,
    control_offers,
)
from agents.models import Action, AgentTask, Step
from agents.policy import Denial, Facts, stopped_now
from agents.states import ActionStatus, StepKind, StepStatus
from tools.registry import Effect, Tool, registry


@dataclass
class PastStep:
    """A step with its actions, the newest last."""

    step: Step
    actions: list[Action]
    _call: PastCall | None = field(default=None, repr=False, compare=False)

    @property
    def action(self) -> Action | None:
        return self.actions[-1] if self.actions else None

    @property
    def result(self) -> Any:
        """What the proposer is told: the answer given to the step, or the result of its action."""
        if self.step.answer is not None:
            return self.step.answer
        return self.action.result if self.action else None

    @property
    def call(self) -> PastCall:
        """The step as proposers are told of it: one object from when it is settled, so that it is written down once."""
        if self._call is None or self._call.result is not self.result or self.step.status == StepStatus.OPEN:
            self._call = _past_call(self)
        return self._call


@dataclass
class Story:
    """A task with its steps: read as one, and kept up to date by the changes that the holder of its lease makes."""

    task: AgentTask
    definition: AgentDefinition
    past: list[PastStep]
    looked_at: int = 0
    """The newest step of which somebody has looked at what it brought."""
    _plan: tuple[Any, tuple[PlanStep, ...]] = field(default=(None, ()), repr=False)
    """The task's plan as it was last read, and what it said."""

    @contextmanager
    def change(self, lease: Lease, *, at_once: bool = False, put_off: bool = False) -> Iterator[Change]:
        """One transaction of the loop on this task; what it added is part of the story afterwards.

        `at_once` for what is mostly one statement, and `put_off` for what need not be written before it is built on:
        see `Lease.change`.
        """
        with lease.change(self.task, at_once=at_once, put_off=put_off) as change:
            yield change
        self.past.extend(PastStep(step, []) for step in change.steps)
        for action in change.actions:
            next(one for one in reversed(self.past) if one.step == action.step).actions.append(action)

    def read_again(self, condition: Q) -> bool:
        """Replaces everything by what the rows say now; False when the task does not meet the condition any more."""
        now = read_story(self.task.pk, condition)
        if now is None:
            return False
        self.task, self.past = now.task, now.past
        return True

    @property
    def plan(self) -> tuple[PlanStep, ...]:
        if self._plan[0] is not self.task.plan:
            steps = (
                PlanStep(one["id"], one["tool"], one.get("purpose", ""), one.get("arguments"))
                for one in self.task.plan or []
            )
            self._plan = (self.task.plan, tuple(steps))
        return self._plan[1]

    @property
    def results(self) -> dict[str, Any]:
        """The results of finished planned steps by their id; where two plans used one id, the newer result."""
        return {
            one.step.planned_id: one.result
            for one in self.past
            if one.step.planned_id and one.step.status == StepStatus.DONE
        }

    @property
    def next_planned(self) -> PlanStep | None:
        """The first step of the plan in force that has not been done."""
        done = {
            one.step.planned_id
            for one in self.past
            if one.step.plan_number == self.task.plan_number and one.step.status == StepStatus.DONE
        }
        return next((one for one in self.plan if one.id not in done), None)

    @property
    def plan_goes_on(self) -> bool:
        """May the plan's next step run without asking? Not after an error, an answer or a person's guidance."""
        if not self.past or self.past[-1].step.status != StepStatus.DONE:
            return False
        last = self.past[-1].step
        guided = any(one["after_step"] >= last.number for one in self.task.guidance)
        return not guided and (last.kind == StepKind.PLAN or bool(last.planned_id))

    @property
    def effects_since_plan(self) -> Iterator[Action]:
        """What has changed something since the plan in force was proposed, by the plan or not."""
        for past in self.past:
            if past.step.number > self.task.plan_number:
                done = (one for one in past.actions if one.status == ActionStatus.SUCCEEDED)
                yield from (one for one in done if one.effect != Effect.READ)

    @property
    def nothing_open(self) -> bool:
        """Is every step settled, and no action under way or in doubt?"""
        settled = all(one.step.status != StepStatus.OPEN for one in self.past)
        return settled and self.task.current_action is None

    @property
    def _keeps_to_plan(self) -> bool:
        """Is a plan in force? Not for a person who took the task over: the plan was the agent's."""
        return bool(self.plan) and self.task.owner_id is None

    @property
    def handed_back(self) -> dict[str, Any]:
        """What was said with giving the task back, until a plan made since is in force; else nothing."""
        said = [one for one in self.task.guidance if one["verb"] == "give_back"]
        return said[-1] if said and self.task.plan_number <= said[-1]["after_step"] else {}

    @property
    def plan_confidence(self) -> float:
        """What the proposer said of the plan in force as a whole; its steps are run on that."""
        found = (one.step.confidence for one in self.past if one.step.number == self.task.plan_number)
        return next((one for one in found if one is not None), 1.0)

    def history(self) -> tuple[PastCall | Guidance, ...]:
        """Every step as one call with its result, and what people said where they said it."""
        entries: list[PastCall | Guidance] = []
        said = sorted(self.task.guidance, key=lambda one: one["after_step"])
        for past in self.past:
            entries += [_guidance(one) for one in _take(said, past.step.number)]
            entries.append(past.call)
        return (*entries, *(_guidance(one) for one in said))

    def facts(
        self,
        denials: tuple[Denial, ...] | None = None,
        now: datetime | None = None,
        used: dict[int, Decimal] | None = None,
    ) -> Facts:
        """What policy needs to know; unless others are given, the denials are those in force at this moment."""
        newest = [past.actions[-1] for past in self.past if past.actions]
        made = [action for action in newest if action.started_at is not None]
        rejected = {
            one.call_digest: past.step.number
            for past in self.past
            for one in past.actions
            if one.status == ActionStatus.REJECTED
        }
        guided_after = max((one["after_step"] for one in self.task.guidance), default=-1)
        return Facts(
            steps_left=self.task.max_steps - self.task.steps_taken,
            plan_tools=frozenset(one.tool for one in self.plan) if self._keeps_to_plan else None,
            past_calls=Counter(action.call_digest for action in made),
            rejected_calls=frozenset(rejected),
            guided_since_rejection=frozenset(digest for digest, number in rejected.items() if guided_after >= number),
            denials=kill_switches.in_force(self.task.agent_id) if denials is None else denials,
            submitter=self.task.submitted_by.get_username(),
            known_steps=frozenset(self.results),
            about={"inputs": self.task.inputs} | self._submitter,
            results=tuple((one.tool, one.result) for one in made if one.status == ActionStatus.SUCCEEDED),
            now=now or timezone.now(),
            used=used or {},
            handed_back_by=self.handed_back.get("by", ""),
            call_sequence=tuple(action.call_digest for action in made),
            steps_without_news=self._steps_without_news(guided_after),
            plan_lengths=tuple(
                one.step.answer["steps"]
                for one in self.past
                if one.step.kind == StepKind.PLAN
                and one.step.status == StepStatus.DONE
                and one.step.number > guided_after
                and one.step.answer
                and "steps" in one.step.answer
            ),
        )

    def stopped_by(self, facts: Facts) -> Denial | None:
        """The kill switch that holds the task in the queue. Who took a task over is told of the denial instead."""
        return stopped_now(facts) if self.task.owner_id is None else None

    def facts_about(
        self,
        tool: str,
        arguments: dict[str, Any],
        now: datetime | None = None,
        denials: tuple[Denial, ...] | None = None,
    ) -> Facts:
        """The facts for one call: with what is used of the limits that it counts in."""
        now = now or timezone.now()
        actions = (action for past in self.past for action in past.actions)
        return self.facts(
            denials, now, tallies.used(self.task.agent_id, self.definition, tool, arguments, now, actions)
        )

    @functools.cached_property
    def _submitter(self) -> dict[str, Any]:
        """Who submitted it, with groups and teams; looked up only where a rule asks for it."""
        if not self.definition.asks_who_submitted:
            return {}
        person = self.task.submitted_by
        return {
            "submitter": {
                "name": person.get_username(),
                "groups": sorted(person.groups.values_list("name", flat=True)),
                "teams": sorted(person.teams.values_list("name", flat=True)),
            }
        }

    def _steps_without_news(self, guided_after: int) -> int:
        """How many of the last steps brought no result that was not there before; what people say is news."""
        seen: list[Any] = []
        without = 0
        for past in self.past:
            result, asked = past.result, past.step.kind == StepKind.ASK
            new = past.step.status == StepStatus.DONE and (asked or result not in seen)
            without = 0 if new or past.step.number <= guided_after else without + 1
            if new:
                seen.append(result)
        return without

    @functools.cached_property
    def _offers(self) -> tuple[ToolOffer, ...]:
        tools = (registry.get(name) for name in self.definition.tools if name in registry)
        return (*map(_offer, tools), *control_offers(self.definition))

    def request(self) -> ProposalRequest:
        """The proposer's request, built from the explicit state alone."""
        names = frozenset(self.definition.tools)
        return ProposalRequest(
            agent=self.definition,
            goal=self.task.goal,
            inputs=self.task.inputs,
            offers=self._offers,
            history=self.history(),
            plan=self.plan,
            turn="act" if self.plan else "plan",
            planned=self.next_planned,
            allowed=names | frozenset(CONTROL_TOOLS),
        )


def read_story(task_id: int, condition: Q) -> Story | None:
    """Reads the task, its steps and their actions; None when the task does not meet the condition (any more)."""
    tasks = AgentTask.objects.select_related("version__agent", "submitted_by").defer("version__definition")
    task = tasks.filter(condition, pk=task_id).first()
    return story_of(task) if task else None


def story_of(task: AgentTask) -> Story:
    """Reads the steps and their actions to a task that was read just now."""
    if not task.steps_taken:
        return Story(task, task.version.read(), [])
    past = {step.pk: PastStep(step, []) for step in Step.objects.filter(task=task).order_by("number")}
    for action in Action.objects.filter(task=task).order_by("step_id", "number"):
        action.step = past[action.step_id].step
        past[action.step_id].actions.append(action)
        if action.pk == task.current_action_id:
            task.current_action = action
    return Story(task, task.version.read(), list(past.values()))


@functools.lru_cache(maxsize=256)
def _offer(tool: Tool) -> ToolOffer:
    return ToolOffer(tool.name, tool.description, tool.input_schema)


def _take(said: list[dict[str, Any]], before_step: int) -> list[dict[str, Any]]:
    taken = []
    while said and said[0]["after_step"] < before_step:
        taken.append(said.pop(0))
    return taken


def _guidance(said: dict[str, Any]) -> Guidance:
    return Guidance(said["by"], said["text"], said["verb"], said.get("summary", ""))


def _past_call(past: PastStep) -> PastCall:
    step, action = past.step, past.action
    arguments = action.arguments if action else step.arguments
    return PastCall(
        call_id=f"step_{step.task_id}_{step.number}",
        name=step.name,
        reasoning=step.purpose,
        confidence=1.0 if step.confidence is None else step.confidence,
        arguments=arguments if isinstance(arguments, dict) else {},
        result=past.result,
        is_error=step.status == StepStatus.REFUSED,
        planned_id=step.planned_id,
        proposer=step.proposer,
        raw=step.raw if step.kind == StepKind.INVALID else "",
    )
