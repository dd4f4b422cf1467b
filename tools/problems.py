"""What should whoever sent a value change? One sentence for each mistake that jsonschema found.

Each names the field, what was expected and what came, so that a model or a person can act on it.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError, ValidationError

from tools.canonical import child
from tools.names import nearest

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a value. `path` is a JSON Pointer; the empty one is the value as a whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the whole value'}: {self.message}"


def pointer(error: ValidationError | SchemaError) -> str:
    """The JSON Pointer to the value at fault."""
    return functools.reduce(child, error.absolute_path, "")


def explain(error: ValidationError) -> Iterator[Problem]:
    """The problems in one error: a missing field, or an unknown one, is a problem at its own place."""
    path = pointer(error)
    match error.validator:
        case "required":
            yield from _missing(error, path)
        case "additionalProperties" if error.validator_value is False:
            yield from _unknown(error, path)
        case _:
            yield Problem(path, _sentence(error))


def _missing(error: Any, path: str) -> Iterator[Problem]:
    properties = error.schema.get("properties", {})
    for name in error.validator_value:
        if name not in error.instance:
            expected = _expected(properties.get(name))
            yield Problem(child(path, name), f"is missing; expected {expected}")


def _unknown(error: Any, path: str) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    patterns = list(error.schema.get("patternProperties", {}))
    missing = [name for name in known if name not in error.instance]
    for name in error.instance:
        if name in known or any(re.search(pattern, name) for pattern in patterns):
            continue
        guess = nearest(name, missing, limit=1)
        hint = f"did you mean {guess[0]}? " if guess else ""
        fields = f"known fields: {', '.join(known)}" if known else "no fields are expected"
        yield Problem(child(path, name), f"unknown field; {hint}{fields}")


_FORMATS = {
    "date": "a date such as 2026-11-20",
    "date-time": "a date and time with its offset, such as 2026-11-20T09:30:00Z",
    "time": "a time such as 09:30:00",
    "email": "an e-mail address",
    "uuid": "a UUID",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "regex": "a regular expression",
}
_BOUNDS = {
    "minimum": "a number of at least {}",
    "maximum": "a number of at most {}",
    "exclusiveMinimum": "a number greater than {}",
    "exclusiveMaximum": "a number less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} fields",
    "maxProperties": "at most {} fields",
    "pattern": "text that matches the pattern {}",
}
_TYPES = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _sentence(error: Any) -> str:
    got, wanted = shown(error.instance), error.validator_value
    match error.validator:
        case "type":
            return f"expected {_expected({'type': wanted})}, got {got}{_number_hint(wanted, error.instance)}"
        case "format":
            return f"expected {_FORMATS.get(wanted, wanted)}, got {got}"
        case "enum" | "const":
            return f"expected {_expected({error.validator: wanted})}, got {got}"
        case "anyOf" | "oneOf" if error.context:
            return _alternatives(error)
        case "additionalProperties" | "unevaluatedProperties" | "propertyNames" | "not":
            return _clipped(error.message)
        case bound if bound in _BOUNDS:
            return f"expected {_BOUNDS[bound].format(wanted)}, got {got}"
    return _clipped(error.message)


def _alternatives(error: ValidationError) -> str:
    """The choice in words when it is simple, else the mistake in the alternative that came nearest."""
    if all(inner.validator == "type" and not inner.path for inner in error.context or ()):
        return f"expected {_expected({'anyOf': error.validator_value})}, got {shown(error.instance)}"
    best = jsonschema.exceptions.best_match([error])
    where = functools.reduce(child, best.relative_path, "") if best is not error else ""
    detail = _sentence(best) if best is not error else _clipped(error.message)
    return f"fits none of the alternatives; nearest: {where + ': ' if where else ''}{detail}"


def _expected(schema: object) -> str:
    """A schema in a few words: what one should write there."""
    if not isinstance(schema, dict):
        return "a value"
    if "const" in schema:
        return _compact(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(_compact, schema["enum"]))
    if "format" in schema and schema["format"] in _FORMATS:
        return _FORMATS[schema["format"]]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_expected(alternative) for alternative in schema["anyOf"]))
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    return " or ".join(_TYPES.get(name, name) for name in types) or "a value"


_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}")
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def _number_hint(wanted: object, value: object) -> str:
    """People and models write numbers as text; say how it is written here."""
    if wanted not in ("number", "integer") or not isinstance(value, str):
        return ""
    if _DECIMAL_COMMA.fullmatch(value):
        return f"; write {value.replace(',', '.')}, with a point and without quotes"
    if _PLAIN_NUMBER.fullmatch(value):
        return f"; write {value}, without quotes"
    return ""


def shown(value: object) -> str:
    """The value with its type, shortened: `the string "12,50"`, `an object with a, b`."""
    match value:
        case None | bool():
            return _compact(value)
        case str():
            return f"the string {_compact(value)}"
        case int() | float():
            return f"the number {_compact(value)}"
        case list():
            return f"a list of {len(value)} items"
        case dict():
            return _clipped("an object with " + (", ".join(map(str, value)) or "no fields"))
    return f"a Python {type(value).__name__}"


def _compact(value: object) -> str:
    return _clipped(json.dumps(value, ensure_ascii=False))


def _clipped(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
