"""Do a constraint's facts and arguments exist? What it names is looked for in the agent's tools and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.definition.conditions import check_condition, property_conditions
from agents.definition.marked_yaml import Path
from agents.definition.rules import TASK_FACTS
from tools.names import nearest
from tools.registry import Tool

SUBMITTER = ("name", "groups", "teams")
_NUMBERS = {"number", "integer"}


def check_constraint(
    constraint: Mapping[str, Any], path: Path, data: Mapping[str, Any], agent: Mapping[str, Tool | None]
) -> Iterator[tuple[Path, str]]:
    """Every mistake in `facts`, `must` and `limit`, as (path, sentence)."""
    inputs = _inputs(data)
    if isinstance(constraint.get("facts"), Mapping):
        yield from _check_facts(constraint["facts"], (*path, "facts"), inputs)
    tool = agent.get(str(constraint.get("tool")))
    if isinstance(must := constraint.get("must"), Mapping):
        yield from _check_must(must, (*path, "must"), tool, agent, inputs)
    if isinstance(limit := constraint.get("limit"), Mapping):
        for key in ("sum", "each"):
            if limit.get(key):
                yield from _check_argument(limit[key], (*path, "limit", key), tool, _NUMBERS if key == "sum" else None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known: the nearest that is, or all of them."""
    names = sorted(set(known))
    close = nearest(name, names, limit=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names[:20])}" if names else ""


def _check_facts(facts: Mapping[str, Any], path: Path, inputs: set[str]) -> Iterator[tuple[Path, str]]:
    if check_condition(facts, root_type="object"):
        return
    for name, part in property_conditions(facts):
        where = (*path, "properties", name)
        if name not in TASK_FACTS:
            yield where, f"there is no fact {name!r}{did_you_mean(name, TASK_FACTS)}"
            continue
        known = set(SUBMITTER) if name == "submitter" else inputs
        for key, _ in property_conditions(part):
            if known and key not in known:
                yield (*where, "properties", key), f"{name} has no {key!r}{did_you_mean(key, known)}"


def _check_must(
    must: Mapping[str, Any], path: Path, tool: Tool | None, agent: Mapping[str, Tool | None], inputs: set[str]
) -> Iterator[tuple[Path, str]]:
    ordered = must.get("operator") in ("at_most", "at_least", "below", "above")
    yield from _check_argument(must.get("argument"), (*path, "argument"), tool, _NUMBERS if ordered else None)
    source, _, pointer = str(must.get("fact", "")).partition("#")
    first = pointer.split("/")[1] if "/" in pointer else ""
    known = {"submitter": set(SUBMITTER), "inputs": inputs}.get(source, set())
    if source not in TASK_FACTS and source not in agent:
        yield (
            (*path, "fact"),
            f"{source!r} is none of the agent's tools, and no fact" + did_you_mean(source, {*agent, *TASK_FACTS}),
        )
    elif known and first not in known:
        yield (*path, "fact"), f"{source} has no {first!r}{did_you_mean(first, known)}"
    same = must.get("same")
    for name in same if isinstance(same, Mapping) else ():
        yield from _check_argument(name, (*path, "same", name), tool, None)


def _check_argument(name: object, path: Path, tool: Tool | None, types: set[str] | None) -> Iterator[tuple[Path, str]]:
    if tool is None or not isinstance(name, str):
        return
    arguments = tool.input_schema.get("properties", {})
    if name not in arguments:
        yield path, f"{tool.name} does not take {name!r}{did_you_mean(name, arguments)}"
        return
    stated = arguments[name].get("type") if isinstance(arguments[name], Mapping) else None
    if types and isinstance(stated, str) and stated not in types:
        yield path, f"{name!r} is a {stated}; a sum and an order are of numbers"


def _inputs(data: Mapping[str, Any]) -> set[str]:
    schema = data.get("input_schema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return set(properties) if isinstance(properties, Mapping) else set()
