"""Does a value fit a JSON Schema, and if not, what should whoever sent it do?

jsonschema (Draft 2020-12) decides, and tools.problems says it in sentences. References never leave the
schema: nothing is ever fetched.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from tools.canonical import JSON, NotJson, canonical, digest, plain_json
from tools.problems import Problem, explain, pointer, shown

__all__ = [
    "JSON",
    "InvalidArguments",
    "InvalidSchema",
    "NotJson",
    "Problem",
    "canonical",
    "check_schema",
    "digest",
    "normalise",
    "plain_json",
    "validate",
]

MAX_PROBLEMS = 20


class InvalidArguments(Exception):
    """Arguments that do not fit a tool; `problems` says each mistake."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class InvalidSchema(ValueError):
    """A JSON Schema that cannot be used: no Draft 2020-12 schema, or one that refers to what it lacks."""


def validate(schema: dict[str, Any], value: object) -> tuple[Problem, ...]:
    """Everything wrong with the value, in the order of its fields (at most MAX_PROBLEMS); empty if it fits.

    Raises InvalidSchema if the schema itself is unusable.
    """
    try:
        canonical(value)
    except NotJson as error:
        return (Problem(error.path, error.message),)
    try:
        errors = sorted(_validator_of(schema).iter_errors(value), key=lambda error: pointer(error))
    except Unresolvable as error:
        raise InvalidSchema(f"The schema refers to something that it does not contain: {error}") from None
    except RecursionError:
        raise InvalidSchema("The schema refers to itself without end.") from None
    problems = dict.fromkeys(problem for error in errors for problem in explain(error))
    return tuple(problems)[:MAX_PROBLEMS]


def check_schema(schema: object) -> None:
    """Raises InvalidSchema unless this is a Draft 2020-12 schema that refers to nothing outside itself."""
    if not isinstance(schema, dict):
        raise InvalidSchema(f"A schema is an object, not {shown(schema)}.")
    _check_json(schema)
    _validator_of(schema)
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise InvalidSchema(f"The reference {reference!r} leaves the schema; copy its target into $defs.")
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise InvalidSchema(f"The reference {reference!r} points to nothing in the schema.") from None
    validate(schema, {})  # raises for a schema that never comes to an end


def normalise(schema: dict[str, Any], arguments: object) -> dict[str, Any]:
    """The arguments with the schema's defaults filled in and every number in one form.

    For tools that come with a JSON Schema and nothing else. Raises InvalidArguments.
    """
    filled = _with_defaults(schema, arguments)
    if problems := validate(schema, filled):
        raise InvalidArguments(problems)
    plain = plain_json(filled)
    assert isinstance(plain, dict)  # a tool's schema is of type object
    return plain


def _with_defaults(schema: object, value: object) -> object:
    if not isinstance(schema, dict) or not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    filled = {name: _with_defaults(properties.get(name), member) for name, member in value.items()}
    for name, sub in properties.items():
        if name not in filled and isinstance(sub, dict) and "default" in sub:
            filled[name] = sub["default"]
    return filled


def _exact_multiple_of(
    validator: Any, divisor: float, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """`multipleOf` on the decimals as written: by float division 0.29 would be no multiple of 0.01."""
    if _is_number(None, instance) and _fraction(instance) % _fraction(divisor):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor}")


def _fraction(number: int | float) -> Fraction:
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _is_number(checker: object, instance: object) -> bool:
    """What JSON parsing gives; a Decimal would pass here and lose digits on its way to the database."""
    return isinstance(instance, int | float) and not isinstance(instance, bool)


_Validator = jsonschema.validators.extend(
    Draft202012Validator,
    {"multipleOf": _exact_multiple_of},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)
_formats = jsonschema.FormatChecker(formats=["email", "ipv4", "ipv6", "uuid", "regex"])

_ISO_DATE = r"\d{4}-\d{2}-\d{2}"
_ISO_TIME = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_OFFSET = r"(Z|[+-]\d{2}:\d{2})"


def _iso_format(name: str, pattern: str, parse: Callable[[str], object]) -> None:
    shape = re.compile(pattern, re.ASCII | re.IGNORECASE)

    @_formats.checks(name, raises=ValueError)
    def check(instance: object) -> bool:
        return not isinstance(instance, str) or bool(shape.fullmatch(instance) and parse(instance) is not None)


_iso_format("date", _ISO_DATE, date.fromisoformat)
_iso_format("date-time", f"{_ISO_DATE}[T ]{_ISO_TIME}{_OFFSET}", datetime.fromisoformat)
_iso_format("time", f"{_ISO_TIME}{_OFFSET}?", time.fromisoformat)


_json = json.JSONEncoder(sort_keys=True).encode


def _validator_of(schema: object) -> Any:
    """One validator for one schema, known by its text: that is made many times faster than the canonical form."""
    try:
        text = _json(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidSchema(f"The schema is not JSON: {error}") from None
    return _validator(text)


def _check_json(schema: object) -> None:
    try:
        canonical(schema)
    except NotJson as error:
        raise InvalidSchema(f"The schema is not JSON: {error}") from None


@functools.lru_cache(maxsize=1024)
def _validator(schema_text: str) -> Any:
    schema = json.loads(schema_text)
    _check_json(schema)
    try:
        _Validator.check_schema(schema)
    except SchemaError as error:
        where = pointer(error) or "the schema"
        raise InvalidSchema(f"Not a Draft 2020-12 schema: {where}: {error.message}") from None
    # An empty registry: jsonschema's own default would fetch a foreign $ref over the network.
    return _Validator(schema, registry=Registry(), format_checker=_formats)


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for key in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(key), str):
                yield schema[key]
    if isinstance(schema, dict | list):
        for member in schema.values() if isinstance(schema, dict) else schema:
            yield from _references(member)
