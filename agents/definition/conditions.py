"""Does a condition mean what it seems to say? Conditions are JSON Schemas, and JSON Schema is silent about much.

`{"properties": {"amount": {"maximum": 100}}}` matches an object without an amount, and one whose amount is a string.
So a condition may use a known set of keywords, must require and type each property that it names, nested ones too,
and may bound a value only where its type is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from agents.definition.patterns import check_pattern
from tools.names import nearest

_TYPES = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
_NEEDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        frozenset({"number", "integer"}),
    ),
    **dict.fromkeys(("minLength", "maxLength", "pattern"), frozenset({"string"})),
    **dict.fromkeys(("items", "contains", "minItems", "maxItems", "uniqueItems"), frozenset({"array"})),
    **dict.fromkeys(("properties", "required"), frozenset({"object"})),
}
_KEYWORDS = frozenset({"type", "const", "enum", "allOf", "anyOf", "oneOf", "not", "description", *_NEEDS})
_CONDITION_TEXT_LIMIT = 10_000


def check_condition(condition: object, root_type: str | None = None) -> list[str]:
    """What is wrong with a condition, one sentence for each mistake; empty when it is sound.

    `root_type` is the type that the value is known to have, such as "object" for arguments.
    """
    if not isinstance(condition, Mapping):
        return [f"a condition is a JSON Schema, an object; this is {condition!r}"]
    try:
        problems = list(_check(condition, "", root_type))
    except RecursionError:
        return ["the condition is nested too deeply"]
    if problems:
        return problems
    try:
        Draft202012Validator.check_schema(condition)
    except SchemaError as error:
        return [f"{error.json_path.removeprefix('$')}: {error.message}"]
    return []


def property_conditions(condition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each property of the value itself that a sound condition names, with its schema."""
    yield from condition.get("properties", {}).items()
    for key in ("allOf", "anyOf", "oneOf"):
        for part in condition.get(key, ()):
            yield from property_conditions(part)
    if "not" in condition:
        yield from property_conditions(condition["not"])


def _check(schema: object, at: str, known_type: str | None) -> Iterator[str]:
    where = f"{at}: " if at else ""
    if not isinstance(schema, Mapping):
        yield f"{where}a schema is an object; this is {schema!r}"
        return
    for key in schema:
        if key not in _KEYWORDS:
            yield f"{where}{key!r} is no keyword of conditions{_did_you_mean(str(key))}"
    stated = schema.get("type", known_type)
    if "type" in schema and (not isinstance(stated, str) or stated not in _TYPES):
        yield f"{where}type must be one of {', '.join(sorted(_TYPES))}; this is {stated!r}"
        return
    yield from _check_bounds(schema, where, stated)
    yield from _check_object(schema, at, where)
    yield from _check_inside(schema, at, stated)


def _check_bounds(schema: Mapping[str, Any], where: str, stated: str | None) -> Iterator[str]:
    for key, types in _NEEDS.items():
        if key in schema and stated not in types:
            wanted = " or ".join(sorted(types))
            yield f"{where}{key!r} says nothing about a value of another type: add type: {wanted}"
    if isinstance(schema.get("pattern"), str):
        try:
            check_pattern(schema["pattern"], _CONDITION_TEXT_LIMIT)
        except ValueError as error:
            yield f"{where}{error}"


def _check_object(schema: Mapping[str, Any], at: str, where: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, Mapping):
        yield f"{where}properties must be an object; this is {properties!r}"
        return
    if not isinstance(required, list):
        yield f"{where}required must be a list of names; this is {required!r}"
        return
    for name in required:
        if name not in properties:
            yield f"{where}{name!r} is required and has no type: add it to properties with its type"
    for name, part in properties.items():
        if name not in required:
            yield f"{where}{name!r} is named and not required, so its absence would match: add it to required"
        if isinstance(part, Mapping) and not {"type", "const", "enum"} & set(part):
            yield f"{where}{name!r} has no type, so a value of any type could match: add a type"
        yield from _check(part, f"{at}/{name}", None)


def _check_inside(schema: Mapping[str, Any], at: str, stated: str | None) -> Iterator[str]:
    for key in ("items", "contains"):
        if key in schema:
            part = schema[key]
            if isinstance(part, Mapping) and not {"type", "const", "enum"} & set(part):
                yield f"{at}/{key}: the schema has no type, so a value of any type could match: add a type"
            yield from _check(part, f"{at}/{key}", None)
    for key in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(key, [])
        if not isinstance(parts, list):
            yield f"{at or '/'}: {key} must be a list of schemas; this is {parts!r}"
            continue
        for index, part in enumerate(parts):
            yield from _check(part, f"{at}/{key}/{index}", stated)
    if "not" in schema:
        yield from _check(schema["not"], f"{at}/not", stated)


def _did_you_mean(key: str) -> str:
    close = nearest(key, _KEYWORDS, limit=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(_KEYWORDS))}"
