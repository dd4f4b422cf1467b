"""How does a constraint read to a person? One sentence that says what it does, made from the data that is enforced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.definition.rules import Ceiling, Comparison, Constraint, Hours

_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "const": "",
    "multipleOf": "a multiple of",
}
OPERATORS = {
    "at_most": "at most",
    "at_least": "at least",
    "below": "below",
    "above": "above",
    "equals": "equal to",
    "differs": "different from",
}
_WITHIN = {"task": "in one task", "day": "in a day", "ever": "ever"}


def sentence(constraint: Constraint) -> str:
    """“Deny issue_refund when amount is above 100.”"""
    verb = "Deny" if constraint.verdict == "deny" else "Ask a person about"
    conditions = [_condition(constraint.when, ""), _condition(constraint.facts, "")]
    about = " and ".join(filter(None, conditions))
    parts = [f"{verb} {constraint.tool or 'any tool'}", f"when {about}" if about else "", _test(constraint)]
    return " ".join(filter(None, parts)) + "."


def _test(constraint: Constraint) -> str:
    if constraint.must:
        return _comparison(constraint.must)
    if constraint.limit:
        return _ceiling(constraint.limit)
    if constraint.outside:
        return _hours(constraint.outside)
    return "" if constraint.when or constraint.facts else "always"


def _comparison(must: Comparison) -> str:
    path = ".".join(must.pointer.split("/")[1:]) or "whole value"
    fact = f"the {must.source}’s {path}" if must.source in ("submitter", "inputs") else f"{path} of {must.source}"
    same = " and ".join(f"the same {name}" for name in must.same)
    with_same = f" (its newest result with {same})" if same else ""
    return f"unless {must.argument} is {OPERATORS[must.operator]} {fact}{with_same}"


def _ceiling(limit: Ceiling) -> str:
    what = f"of {limit.sum} in sum" if limit.sum else "calls" if limit.most != 1 else "call"
    each = f" for each {limit.each}" if limit.each else ""
    return f"beyond {limit.most.normalize():f} {what} {_WITHIN[limit.within]}{each}"


def _hours(hours: Hours) -> str:
    return f"outside {hours.opens} to {hours.closes} on {', '.join(hours.days)} ({hours.zone})"


def _condition(schema: Mapping[str, Any], name: str) -> str:
    return " and ".join(_parts(schema, name))


def _parts(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    for key, part in schema.get("properties", {}).items():
        inner = f"{name}.{key}" if name else str(key)
        yield _condition(part, inner) or f"{inner} is given"
    for key, words in _BOUNDS.items():
        if key in schema:
            yield f"{name} is {words} {_value(schema[key])}".replace("  ", " ")
    if "enum" in schema:
        yield f"{name} is one of {', '.join(map(_value, schema['enum']))}"
    if "pattern" in schema:
        yield f"{name} matches {schema['pattern']}"
    for key, words in (("minLength", "at least"), ("maxLength", "at most")):
        if key in schema:
            yield f"{name} has {words} {schema[key]} characters"
    for key, words in (("minItems", "at least"), ("maxItems", "at most")):
        if key in schema:
            yield f"{name} has {words} {schema[key]} entries"
    if "contains" in schema:
        yield f"an entry of {name} fits ({_condition(schema['contains'], 'it') or 'anything'})"
    if "items" in schema:
        yield f"every entry of {name} fits ({_condition(schema['items'], 'it') or 'anything'})"
    if "not" in schema:
        yield f"not ({_condition(schema['not'], name) or 'ever'})"
    yield from _combined(schema, name)


def _combined(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    for key, word in (("allOf", " and "), ("anyOf", " or "), ("oneOf", " or else ")):
        if key in schema:
            yield "(" + word.join(_condition(part, name) or "always" for part in schema[key]) + ")"


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
