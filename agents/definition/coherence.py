"""Do the parts of a definition fit together? Each part may be sound alone and still name what is not there.

Works on the raw data, whose parts may be broken in other ways too, so that one look names every mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.definition.coherence_of_rules import check_constraint, did_you_mean
from agents.definition.conditions import check_condition, property_conditions
from agents.definition.marked_yaml import Path
from agents.definition.patterns import check_pattern
from agents.definition.templates import BadTemplate, placeholders, texts
from agents.references import MalformedReference, find_references
from tools.names import nearest
from tools.registry import Tool
from tools.schema import InvalidSchema, check_schema

Finding = tuple[Path, str]

ERROR = "error"
"""The name under which `on_error` sees what went wrong."""


def check_coherence(data: object, tools: Mapping[str, Tool]) -> Iterator[Finding]:
    """Every mistake between the parts, as (path, sentence). `tools` are those that are registered."""
    if not isinstance(data, Mapping):
        return
    named = [name for name in _list(data, "tools") if isinstance(name, str)]
    # A misspelt tool is one mistake, not one more wherever its right name stands.
    meant = [close for name in named if name not in tools for close in nearest(name, tools, limit=1)]
    agent = {name: tools.get(name) for name in (*named, *meant)}
    yield from _check_tools(data, tools)
    yield from _check_schemas(data)
    for index, constraint in enumerate(_list(data, "constraints")):
        if isinstance(constraint, Mapping):
            yield from _check_rule(constraint, ("constraints", index), agent)
            yield from check_constraint(constraint, ("constraints", index), data, agent)
    yield from _check_first_matches(data, "approvals", agent)
    yield from _check_first_matches(data, "deadlines", agent)
    yield from _check_untrusted_inputs(data)
    recipes = [(index, one) for index, one in enumerate(_list(data, "playbook")) if isinstance(one, Mapping)]
    if recipes and "models" in data and "playbook" not in _list(data, "models"):
        yield ("models",), 'there are recipes and the chain has no "playbook", so they would never be used; add it'
    names: set[object] = set()
    for index, recipe in recipes:
        if isinstance(recipe.get("name"), str):
            if recipe["name"] in names:
                yield ("playbook", index, "name"), f"two recipes are called {recipe['name']!r}"
            names.add(recipe["name"])
        yield from _RecipeCheck.of(recipe, ("playbook", index), data, agent).findings()


def _check_tools(data: Mapping[str, Any], tools: Mapping[str, Tool]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(_list(data, "tools")):
        if not isinstance(name, str):
            continue
        if name not in tools:
            yield ("tools", index), f"there is no tool {name!r}" + did_you_mean(name, tools)
        if name in seen:
            yield ("tools", index), f"the tool {name!r} is listed twice"
        seen.add(name)


def _check_schemas(data: Mapping[str, Any]) -> Iterator[Finding]:
    for key in ("input_schema", "result_schema"):
        schema = data.get(key)
        if not isinstance(schema, Mapping):
            continue
        try:
            check_schema(schema)
        except InvalidSchema as error:
            yield (key,), str(error)
            continue
        if key == "input_schema" and schema.get("type") != "object":
            yield (key,), "the inputs of a task are an object: say type: object"


def _check_untrusted_inputs(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A misspelt one would be believed."""
    inputs = _map(_map(data, "input_schema"), "properties")
    for index, name in enumerate(_list(data.get("guard"), "untrusted_inputs")):
        if isinstance(name, str) and inputs and name not in inputs:
            yield ("guard", "untrusted_inputs", index), f"no input is called {name!r}" + did_you_mean(name, inputs)


def _check_first_matches(data: Mapping[str, Any], key: str, agent: Mapping[str, Tool | None]) -> Iterator[Finding]:
    """Rules of which the first that matches applies: one behind a rule that always does is never looked at."""
    always: set[tuple[object, object]] = set()
    for index, rule in enumerate(_list(data, key)):
        if not isinstance(rule, Mapping):
            continue
        path = (key, index)
        yield from _check_rule(rule, path, agent)
        kind, tool = str(rule.get("kind")), str(rule.get("tool"))
        # Without a kind, an approval is about calls, and a deadline about anything.
        kinds = {kind, "None"} if key == "deadlines" else {kind}
        if always & {(one, other) for one in kinds for other in (tool, "None")}:
            yield path, "an earlier rule always applies, so this one never would: put the rules with a `when` first"
        if not rule.get("when"):
            always.add((kind, tool))


def _check_rule(rule: Mapping[str, Any], path: Path, agent: Mapping[str, Tool | None]) -> Iterator[Finding]:
    name = rule.get("tool")
    if isinstance(name, str) and name not in agent:
        yield (*path, "tool"), f"{name!r} is none of the agent's tools" + did_you_mean(name, agent)
        return
    when = rule.get("when", {})
    about = [tool for key, tool in agent.items() if tool and name in (None, key)]
    if not about or check_condition(when, root_type="object"):
        return
    for key, schema in property_conditions(when):
        known = [tool.input_schema.get("properties", {}).get(key) for tool in about]
        where = (*path, "when", "properties", key)
        if not any(isinstance(one, Mapping) for one in known):
            every = {one for tool in about for one in tool.input_schema.get("properties", {})}
            yield where, f"no such argument, so the rule would never apply: {key!r}" + did_you_mean(key, every)
        elif not any(_may_be(one, schema.get("type")) for one in known if isinstance(one, Mapping)):
            yield where, f"the argument {key!r} is never of type {schema['type']}, so the rule would never apply"


def _may_be(argument: Mapping[str, Any], wanted: object) -> bool:
    """May an argument of this schema have that type? Where the schema does not say, it may."""
    stated = argument.get("type")
    if wanted is None or stated is None:
        return True
    types = set(stated) if isinstance(stated, list) else {stated}
    return wanted in types or (wanted == "number" and "integer" in types) or (wanted == "integer" and "number" in types)


@dataclass(frozen=True)
class _RecipeCheck:
    """One recipe, and the names that it may use."""

    recipe: Mapping[str, Any]
    path: Path
    agent: Mapping[str, Tool | None]
    inputs: frozenset[str]
    longest: object
    text_results: bool
    structured_results: bool
    groups: frozenset[str]
    asked_later: frozenset[str]

    @classmethod
    def of(
        cls, recipe: Mapping[str, Any], path: Path, data: Mapping[str, Any], agent: Mapping[str, Tool | None]
    ) -> _RecipeCheck:
        schema = data.get("result_schema")
        kind = schema.get("type") if isinstance(schema, Mapping) else "string"
        limits = data.get("limits")
        return cls(
            recipe=recipe,
            path=path,
            agent=agent,
            inputs=frozenset(_map(_map(data, "input_schema"), "properties")),
            longest=limits.get("max_plan_steps", 20) if isinstance(limits, Mapping) else 20,
            text_results=kind in (None, "string") or (isinstance(kind, list) and "string" in kind),
            structured_results=isinstance(schema, Mapping) and kind != "string",
            groups=_groups(recipe.get("match")),
            asked_later=frozenset(_asked(recipe)),
        )

    @property
    def values(self) -> frozenset[str]:
        asked = _map(self.recipe, "ask")
        parts = (_groups(one.get("match")) for one in asked.values() if isinstance(one, Mapping))
        return frozenset().union(
            self.groups, self.inputs, asked, *parts, _map(self.recipe, "defaults"), self.asked_later
        )

    @property
    def steps(self) -> list[tuple[int, Mapping[str, Any]]]:
        return [(index, one) for index, one in enumerate(_list(self.recipe, "plan")) if isinstance(one, Mapping)]

    def findings(self) -> Iterator[Finding]:
        yield from self._check_names()
        yield from self._check_questions()
        earlier: set[str] = set()
        for index, step in self.steps:
            where = (*self.path, "plan", index)
            yield from self._check_step(step, where, earlier)
            identity = step.get("id")
            if isinstance(identity, str):
                if identity in earlier:
                    yield (*where, "id"), f"two steps are called {identity!r}"
                earlier.add(identity)
        known = self.values | earlier
        for index, branch in enumerate(_list(self.recipe, "outcomes")):
            yield from self._check_branch(branch, (*self.path, "outcomes", index), known)
        yield from self._check_lists(earlier)
        yield from self._check_finish(self.recipe.get("finish"), (*self.path, "finish"), known)

    def _check_names(self) -> Iterator[Finding]:
        ids = {step.get("id") for _, step in self.steps}
        lists = set(_map(self.recipe, "lists"))
        for name in sorted((self.values & ids) | (self.values & lists) | (lists & ids)):
            yield self.path, f"{name!r} names two things (a value, a step or a list); rename one"
        if ERROR in self.values | ids | lists:
            yield self.path, f"{ERROR!r} is the name of what went wrong; use another"
        if isinstance(self.longest, int) and len(self.steps) > self.longest:
            message = (
                f"the plan has {len(self.steps)} steps and max_plan_steps is {self.longest}; shorten it or raise that"
            )
            yield (*self.path, "plan"), message
        given = self.groups | self.inputs | set(_map(self.recipe, "ask"))
        for name in _map(self.recipe, "defaults"):
            if name not in given:
                yield (
                    (*self.path, "defaults", name),
                    f"no pattern or question gives {name!r}" + did_you_mean(name, given),
                )
        for index, name in enumerate(_list(self.recipe, "numbers")):
            if isinstance(name, str) and name not in self.values:
                message = f"no pattern or question gives {name!r}" + did_you_mean(name, self.values)
                yield (*self.path, "numbers", index), message
        for name in sorted(self.asked_later & (self.groups | set(_map(self.recipe, "ask")))):
            yield self.path, f"the question for {name!r} must give a new name: the plan was made with the value before"

    def _check_questions(self) -> Iterator[Finding]:
        for name, question in _map(self.recipe, "ask").items():
            text = question.get("question") if isinstance(question, Mapping) else question
            yield from _check_texts(text, (*self.path, "ask", name), self.values)

    def _check_step(self, step: Mapping[str, Any], where: Path, earlier: set[str]) -> Iterator[Finding]:
        name = step.get("tool")
        if isinstance(name, str) and name not in self.agent:
            yield (*where, "tool"), f"{name!r} is none of the agent's tools" + did_you_mean(name, self.agent)
        known = self.values | earlier
        arguments = step.get("arguments", {})
        if isinstance(arguments, Mapping):
            yield from _check_argument_names(arguments, self.agent.get(str(name)), (*where, "arguments"))
            yield from _check_references(arguments, (*where, "arguments"), earlier)
            yield from _check_texts(arguments, (*where, "arguments"), known)
        for index, branch in enumerate(_list(step, "unless")):
            yield from self._check_branch(branch, (*where, "unless", index), known)
        for index, branch in enumerate(_list(step, "on_error")):
            here = (*where, "on_error", index)
            if isinstance(branch, Mapping) and branch.get("ask") is not None:
                yield (*here, "ask"), "on_error may finish or escalate; asking here would not change what the plan does"
            yield from self._check_branch(branch, here, known | {ERROR})

    def _check_branch(self, branch: object, where: Path, known: Iterable[str]) -> Iterator[Finding]:
        if not isinstance(branch, Mapping):
            return
        for name in _map(branch, "when"):
            if name not in set(known):
                yield (*where, "when", name), f"nothing is called {name!r} at this point" + did_you_mean(name, known)
        if branch.get("finish") is not None:
            yield from self._check_finish(branch["finish"], (*where, "finish"), known)
        yield from _check_texts(branch.get("escalate"), (*where, "escalate"), {*known, *_map(self.recipe, "lists")})
        yield from _check_texts(branch.get("ask"), (*where, "ask"), known)

    def _check_lists(self, steps: set[str]) -> Iterator[Finding]:
        for name, listing in _map(self.recipe, "lists").items():
            where = (*self.path, "lists", name)
            if not isinstance(listing, Mapping):
                continue
            source = str(listing.get("of", "")).split(".")[0]
            if "of" in listing and source not in steps:
                yield (*where, "of"), f"there is no step {source!r}" + did_you_mean(source, steps)
            yield from _check_texts(listing.get("each"), (*where, "each"), None)

    def _check_finish(self, finish: object, where: Path, known: Iterable[str]) -> Iterator[Finding]:
        if isinstance(finish, str) and not self.text_results:
            yield where, "the result schema wants something else than a text; give it in that shape"
        if isinstance(finish, Mapping) and not self.structured_results:
            yield where, "a result that is no text needs a result_schema that allows it"
        yield from _check_texts(finish, where, {*known, *_map(self.recipe, "lists")})


def _check_argument_names(arguments: Mapping[str, Any], tool: Tool | None, where: Path) -> Iterator[Finding]:
    if tool is None:
        return
    properties = tool.input_schema.get("properties", {})
    if tool.input_schema.get("additionalProperties", True) is False:
        for name in arguments:
            if name not in properties:
                yield (*where, name), f"{tool.name} does not take {name!r}" + did_you_mean(name, properties)
    for name in tool.input_schema.get("required", ()):
        if name not in arguments:
            yield where, f"{tool.name} needs {name!r}"


def _check_references(arguments: Mapping[str, Any], where: Path, earlier: set[str]) -> Iterator[Finding]:
    for name, value in arguments.items():
        try:
            references = find_references({name: value})
        except MalformedReference as error:
            yield (*where, name), str(error)
            continue
        for one in references:
            if one.step_id not in earlier:
                yield (*where, name), f"{one} does not point to an earlier step" + did_you_mean(one.step_id, earlier)


def _check_texts(value: object, where: Path, known: Iterable[str] | None) -> Iterator[Finding]:
    """The placeholders of every text in a value; `known` None: any name may be there."""
    for text in texts(value):
        try:
            found = placeholders(text)
        except BadTemplate as error:
            yield where, str(error)
            continue
        for one in found:
            if known is not None and one.name not in set(known):
                yield where, f"nothing gives a value for {one}" + did_you_mean(one.name, known)


def _groups(patterns: object) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for pattern in patterns if isinstance(patterns, list) else ():
        try:
            found |= check_pattern(pattern) if isinstance(pattern, str) else frozenset()
        except ValueError:
            continue  # The definition itself says what is wrong with the pattern.
    return found


def _asked(recipe: Mapping[str, Any]) -> Iterator[str]:
    steps = [one for one in _list(recipe, "plan") if isinstance(one, Mapping)]
    for branches in (_list(recipe, "outcomes"), *(_list(step, "unless") for step in steps)):
        for branch in branches:
            yield from _map(branch, "ask")


def _list(value: object, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) else []


def _map(value: object, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}
