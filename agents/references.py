"""How does a planned step use the result of an earlier one? `{"$from": "s1#/total"}`: a step and a JSON Pointer.

The pointer is RFC 6901. Policy checks the shape with the plan; the engine resolves it before the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KEY = "$from"
MAX_DEPTH = 64

_REFERENCE = re.compile(r"([a-zA-Z0-9_-]{1,40})#((?:/(?:[^~/]|~[01])*)*)")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class MalformedReference(ValueError):
    """A value looks like a reference and cannot be one."""


class UnresolvedReference(LookupError):
    """A well-formed reference points to nothing: the step has no result, or the result has no such part."""


@dataclass(frozen=True)
class Reference:
    """`step_id` and `pointer` are where the value comes from; `at` is the JSON Pointer where it goes to."""

    step_id: str
    pointer: str
    at: str

    def __str__(self) -> str:
        return f"{self.step_id}#{self.pointer}"


def is_reference(value: object) -> bool:
    """Is the value an object with exactly the key `$from`? Says nothing of whether it is well-formed."""
    return isinstance(value, dict) and set(value) == {KEY}


def find_references(arguments: Mapping[str, Any]) -> list[Reference]:
    """Every reference inside the arguments, in reading order. Raises MalformedReference for the first broken one."""
    return [_read(value, at) for value, at in _walk(arguments, "", 0)]


def resolve(arguments: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with each reference replaced by what it points to in `results` (step id → its result).

    Raises UnresolvedReference where a pointer leads to nothing, MalformedReference where it is none.
    The inserted values are inert: a `$from` inside a result is not followed.
    """
    return {key: _resolved(value, results, f"/{_escape(key)}", 1) for key, value in arguments.items()}


def look_up(document: Any, pointer: str) -> Any:
    """What an RFC 6901 pointer selects in a document. Raises LookupError, saying which part is missing."""
    value = document
    for token in pointer.split("/")[1:]:
        part = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise LookupError(f"there is no {part!r} in {_kind(value)}")
    return value


def _resolved(value: Any, results: Mapping[str, Any], at: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise MalformedReference(f"{at[:80]}…: the arguments are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict) and KEY in value:
        return _follow(_read(value, at), results)
    if isinstance(value, dict):
        return {key: _resolved(part, results, f"{at}/{_escape(key)}", depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolved(part, results, f"{at}/{index}", depth + 1) for index, part in enumerate(value)]
    return value


def _follow(reference: Reference, results: Mapping[str, Any]) -> Any:
    if reference.step_id not in results:
        raise UnresolvedReference(
            f"{reference.at}: {reference} points to the step {reference.step_id!r}, which has no result"
        )
    try:
        return look_up(results[reference.step_id], reference.pointer)
    except LookupError as error:
        raise UnresolvedReference(f"{reference.at}: {reference} points to nothing: {error.args[0]}") from None


def _walk(value: Any, at: str, depth: int) -> Iterator[tuple[dict[str, Any], str]]:
    if depth > MAX_DEPTH:
        raise MalformedReference(f"{at[:80]}…: the arguments are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if at and KEY in value:
            yield dict(value), at
            return
        for key, part in value.items():
            yield from _walk(part, f"{at}/{_escape(str(key))}", depth + 1)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _walk(part, f"{at}/{index}", depth + 1)


def _read(value: dict[str, Any], at: str) -> Reference:
    if set(value) != {KEY}:
        others = ", ".join(sorted(str(key) for key in value if key != KEY))
        raise MalformedReference(f'{at}: a reference has the one key "{KEY}"; this one also has {others}')
    text = value[KEY]
    match = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise MalformedReference(
            f'{at}: {text!r} is no reference; write a step id, "#" and a JSON Pointer, like "s1#/total"'
        )
    return Reference(step_id=match[1], pointer=match[2], at=at)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"an object with {', '.join(sorted(map(str, value))[:12]) or 'no properties'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}" if value is not None else "null"
