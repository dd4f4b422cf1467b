"""What does the playbook propose? A recipe fits the goal, and its plan is carried out step by step.

The playbook is a proposer like a model: same request, same envelope, same control tools. It keeps no state: which
values are known, which steps are done and what went wrong is read from the request each time. What it does not
understand goes to the next proposer of the chain if there is one, and else to a person, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.definition import JSON, Branch, Question, Recipe, RecipeStep
from agents.definition.patterns import TEXT_LIMIT
from agents.definition.templates import MissingValue, fill, placeholders, readable, sentence, texts
from agents.llm.base import (
    Guidance,
    NoProposal,
    PastCall,
    Proposal,
    ProposalRequest,
    error_of,
    read_envelope,
)
from agents.references import KEY, UnresolvedReference, find_references, resolve
from tools.schema import validate

GO_ON = frozenset({"go on", "continue", "retry", "try again", "try it again"})
"""The only guidance in words that a playbook understands: to try the same step once more."""

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,6})?", re.ASCII)


class Playbook:
    """The deterministic proposer of an agent's recipes. Its confidence is 1.0."""

    name = "playbook"

    def propose(self, request: ProposalRequest) -> Proposal:
        recipe, values = _recognise(request)
        return _Turn(request, recipe, values).proposal()


def _recognise(request: ProposalRequest) -> tuple[Recipe, dict[str, str]]:
    """The first recipe in order with a pattern that is found in the goal, and what its groups caught."""
    if not request.agent.playbook:
        raise NoProposal("The agent has no playbook.")
    if len(request.goal) > TEXT_LIMIT:
        raise NoProposal(f"The goal is longer than the {TEXT_LIMIT} characters that a playbook reads.")
    for recipe in request.agent.playbook:
        for pattern in recipe.match:
            found = re.search(pattern, request.goal)
            if found:
                return recipe, _caught(found)
    raise NoProposal("No recipe of the playbook fits this goal.")


def _caught(found: re.Match[str]) -> dict[str, str]:
    return {name: text.strip() for name, text in found.groupdict().items() if text and text.strip()}


class _Stuck(Exception):
    """The recipe can't go on; the message says why."""


@dataclass(frozen=True)
class _Turn:
    """One turn of one recipe."""

    request: ProposalRequest
    recipe: Recipe
    caught: dict[str, str]

    def proposal(self) -> Proposal:
        """What comes next:

        1. Somebody said or did something that no recipe foresees: it is handed on.
        2. The last call failed: what the step says of errors.
        3. A value is missing: the submitter is asked.
        4. No plan is in force: the plan for what is not done yet.
        5. The next step's turn: what its `unless` says, or its call.
        6. Nothing is left to do: the outcome.
        """
        try:
            self._check_company()
            failed = self._failed()
            if failed:
                return self._after_error(failed)
            values = self._values()
            question = self._missing(values)
            if question:
                return self._ask(*question)
            return self._next(values)
        except (_Stuck, MissingValue, UnresolvedReference) as why:
            return self._hand_on(str(why.args[0]))

    def _next(self, values: Mapping[str, JSON]) -> Proposal:
        left = [step for step in self.recipe.plan if step.id not in self._results]
        if not left:
            return self._said(self.recipe.outcomes, values) or self._finish(self.recipe.finish, values)
        if self.request.turn == "plan":
            return self._plan(left, values)
        step = left[0]
        return self._said(step.unless, values) or self._call(step, values)

    def _check_company(self) -> None:
        for entry in self._news:
            if isinstance(entry, Guidance):
                raise _Stuck(
                    f"{entry.by or 'A person'} wrote: {entry.text!r}. A playbook does not understand free text; it "
                    'understands only "go on", which tries the step again.'
                )
            if self._others_follow and entry.proposer and not entry.proposer.startswith("playbook:"):
                raise _Stuck("Another proposer has taken this task up.")
        own = {(step.id, step.tool) for step in self.recipe.plan}
        if any((step.id, step.tool) not in own for step in self.request.plan):
            raise _Stuck(f"The plan in force is not that of the recipe {self.recipe.name!r}.")

    @property
    def _news(self) -> Sequence[PastCall | Guidance]:
        """The history since a person last said that the task goes on; what came before is settled by that."""
        history = self.request.history
        settled = [index for index, entry in enumerate(history) if isinstance(entry, Guidance) and _goes_on(entry)]
        return history[settled[-1] + 1 :] if settled else history

    @property
    def _calls(self) -> Iterator[PastCall]:
        return (entry for entry in self.request.history if isinstance(entry, PastCall))

    @property
    def _results(self) -> dict[str, JSON]:
        """The newest result of each step that is done."""
        tools = {step.id: step.tool for step in self.recipe.plan}
        return {
            call.planned_id: call.result
            for call in self._calls
            if not call.is_error and tools.get(call.planned_id) == call.name
        }

    def _failed(self) -> PastCall | None:
        last = self._news[-1] if self._news else None
        if not isinstance(last, PastCall):
            return None
        if last.name == "escalate" and not last.is_error:
            raise _Stuck("A person gave the task back, and the playbook has nothing new to try.")
        return last if last.is_error else None

    def _after_error(self, failed: PastCall) -> Proposal:
        error = error_of(failed)
        values = {**self._values(), "error": error}
        for step in self.recipe.plan:
            if step.tool == failed.name and failed.planned_id in (step.id, ""):
                said = self._said(step.on_error, values)
                if said:
                    return said
        why = f"{failed.name} did not go through ({error['code']}): {error['message']}"
        feedback = str(error.get("feedback") or "").strip()
        raise _Stuck(why if feedback in why else f"{why} A reviewer said: {feedback}")

    def _values(self) -> dict[str, JSON]:
        """Everything that has a name: results by step, and values from the goal, the inputs, answers and defaults."""
        answers = dict(self._answers())
        values: dict[str, JSON] = {name: part for name, part in self.request.inputs.items() if _is_scalar(part)}
        values.update(self.caught)
        values.update({name: text for name, text in answers.items() if text})
        for name, default in self.recipe.defaults.items():
            if name not in values and (name not in self.recipe.ask or name in answers):
                values[name] = default
        for name, question in self.recipe.ask.items():
            if isinstance(question, Question) and question.match and name in values:
                parts = _parts(question, str(values[name]))
                if parts is None:
                    del values[name]
                else:
                    values.update(parts)
        values.update({name: _number(name, values[name]) for name in self.recipe.numbers if name in values})
        return {**values, **self._results}

    def _answers(self) -> Iterator[tuple[str, str]]:
        names = {*self.recipe.ask, *(name for branch in _branches(self.recipe) for name in branch.ask or ())}
        reasons = {_needs(name): name for name in names}
        for call in self._calls:
            if call.name == "ask" and call.reasoning in reasons and isinstance(call.result, Mapping):
                answer = call.result.get("answer")
                if isinstance(answer, str):
                    yield reasons[call.reasoning], answer.strip()

    def _missing(self, values: Mapping[str, JSON]) -> tuple[str, str] | None:
        answers = dict(self._answers())
        for name, question in self.recipe.ask.items():
            if name in values:
                continue
            if answers.get(name):
                raise _Stuck(f"The answer {answers[name]!r} can't be read as a value for {name!r}.")
            if name in answers:
                raise _Stuck(f"The submitter was asked for {name!r} and gave no answer.")
            text = question.question if isinstance(question, Question) else question
            return name, sentence(text, values)
        return None

    def _plan(self, left: Sequence[RecipeStep], values: Mapping[str, JSON]) -> Proposal:
        steps = [self._planned(step, values) for step in left]
        return self._say("propose_plan", {"steps": steps}, f"The goal fits the recipe {self.recipe.name!r}.")

    def _planned(self, step: RecipeStep, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """The step as the plan shows it: without arguments where something has to be looked at first."""
        planned: dict[str, JSON] = {"id": step.id, "tool": step.tool, "purpose": step.purpose}
        if step.unless:
            return planned
        named = {one.name for text in texts(step.arguments) for one in placeholders(text)}
        if named & {other.id for other in self.recipe.plan} or not named <= set(values):
            return planned
        return {**planned, "arguments": _settled(fill(step.arguments, values), self._results)}

    def _call(self, step: RecipeStep, values: Mapping[str, JSON]) -> Proposal:
        # References first: what is filled in afterwards is data, and never followed.
        arguments = _resolved_templates(step.arguments, values, self._results)
        return self._say(step.tool, arguments, step.purpose)

    def _said(self, branches: Sequence[Branch], values: Mapping[str, JSON]) -> Proposal | None:
        """What the first branch that holds says; an answered question is passed by."""
        for branch in branches:
            if not _holds(branch, values):
                continue
            if branch.ask is None:
                return self._ending(branch, values)
            ((name, question),) = branch.ask.items()
            if name not in values:
                return self._ask(name, sentence(question, values))
        return None

    def _ending(self, branch: Branch, values: Mapping[str, JSON]) -> Proposal:
        if branch.finish is not None:
            return self._finish(branch.finish, values)
        reason = sentence(branch.escalate or "", self._with_lists(values))
        return self._say("escalate", {"reason": reason}, f"The recipe {self.recipe.name!r} leaves this to a person.")

    def _finish(self, template: str | dict[str, JSON], values: Mapping[str, JSON]) -> Proposal:
        shown = self._with_lists(values)
        result = sentence(template, shown) if isinstance(template, str) else fill(template, shown)
        return self._say("finish", {"result": result}, f"The recipe {self.recipe.name!r} is done.")

    def _with_lists(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        shown = dict(values)
        for name, listing in self.recipe.lists.items():
            try:
                found = fill("{" + listing.of + "}", values)
            except MissingValue:
                continue
            if isinstance(found, list) and all(isinstance(one, Mapping) for one in found):
                shown[name] = "\n".join(sentence(listing.each, one) for one in found) or listing.empty
        return shown

    def _ask(self, name: str, question: str) -> Proposal:
        return self._say("ask", {"question": question}, _needs(name))

    def _hand_on(self, why: str) -> Proposal:
        if self._others_follow:
            raise NoProposal(why)
        reason = f"The playbook can't go on with {self.recipe.name!r}. {why}"[:4000]
        return self._say("escalate", {"reason": reason}, "No recipe says what to do here.")

    @property
    def _others_follow(self) -> bool:
        """Is there a proposer after the playbook, that may understand what the playbook does not?"""
        models = self.request.agent.models
        return "playbook" in models and models.index("playbook") < len(models) - 1

    def _say(self, name: str, arguments: JSON, reasoning: str) -> Proposal:
        envelope = {"reasoning": reasoning, "confidence": 1.0, "arguments": arguments}
        return read_envelope(name, envelope, self.request, f"playbook:{self.recipe.name}")


def _goes_on(guidance: Guidance) -> bool:
    return guidance.verb == "extend" or guidance.text.strip().strip(".!").casefold() in GO_ON


def _needs(name: str) -> str:
    # The history gives the reasoning back, and by it the answer finds its name again.
    return f"The playbook needs a value for {name!r}."


def _branches(recipe: Recipe) -> Iterator[Branch]:
    yield from recipe.outcomes
    for step in recipe.plan:
        yield from step.unless
        yield from step.on_error


def _holds(branch: Branch, values: Mapping[str, JSON]) -> bool:
    return all(name in values and not validate(schema, values[name]) for name, schema in branch.when.items())


def _parts(question: Question, text: str) -> dict[str, str] | None:
    """The parts of a value by the first pattern that it fits; None if it fits none, or is too long to be tried."""
    if len(text) > TEXT_LIMIT:
        return None
    found = (re.search(pattern, text) for pattern in question.match)
    return next((_caught(one) for one in found if one), None)


def _number(name: str, value: JSON) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value).replace(",", ".") if str(value).count(",") == 1 and "." not in str(value) else str(value)
    if not _NUMBER.fullmatch(text):
        raise _Stuck(f"The value for {name!r} should be a number and is {readable(value)!r}.")
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _settled(arguments: dict[str, JSON], results: Mapping[str, JSON]) -> dict[str, JSON]:
    """The arguments with references to steps that are done already replaced; a new plan need not know of them."""
    return {
        key: resolve({key: value}, results)[key]
        if all(reference.step_id in results for reference in find_references({key: value}))
        else value
        for key, value in arguments.items()
    }


def _resolved_templates(value: Any, values: Mapping[str, JSON], results: Mapping[str, JSON]) -> Any:
    if isinstance(value, Mapping):
        if KEY in value:
            return resolve({"value": value}, results)["value"]
        return {key: _resolved_templates(part, values, results) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolved_templates(part, values, results) for part in value]
    return fill(value, values)


def _is_scalar(value: JSON) -> bool:
    return isinstance(value, str | int | float | bool)
