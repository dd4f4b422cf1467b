"""How does a playbook's sentence get its values? `{name}`, `{step.part.of.its.result}`, and `{…:money}`.

One pass, nothing is looked up on Python objects, and what is filled in is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"([a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)*)(?::(money))?")


class BadTemplate(ValueError):
    """A text has braces that are no placeholder."""


class MissingValue(LookupError):
    """A placeholder has no value that could be shown."""


@dataclass(frozen=True)
class Placeholder:
    """`path` begins with the name of a value or a step; `money` asks for two decimals."""

    path: tuple[str, ...]
    money: bool = False

    @property
    def name(self) -> str:
        return self.path[0]

    def __str__(self) -> str:
        return "{" + ".".join(self.path) + (":money" if self.money else "") + "}"


def placeholders(text: str) -> list[Placeholder]:
    """The placeholders of a text in order. Raises BadTemplate where a brace is none."""
    return [part for part in _parse(text) if isinstance(part, Placeholder)]


def sentence(text: str, values: Mapping[str, Any]) -> str:
    """The text with its values filled in, as people read them. Raises MissingValue, never shows a gap."""
    return "".join(part if isinstance(part, str) else _shown(part, _value(part, values)) for part in _parse(text))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """A JSON value with every text in it filled. A text that is one placeholder alone becomes the value itself, so
    that a number stays a number. Objects with the one key `$from` are left as they are."""
    if isinstance(value, str):
        parts = _parse(value)
        if len(parts) == 1 and isinstance(parts[0], Placeholder) and not parts[0].money:
            return _value(parts[0], values)
        return sentence(value, values)
    if isinstance(value, Mapping):
        return {key: part if key == "$from" else fill(part, values) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [fill(part, values) for part in value]
    return value


def texts(value: Any) -> list[str]:
    """Every text inside a JSON value that is a template."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, part in value.items() if key != "$from" for text in texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in texts(part)]
    return []


def readable(value: Any) -> str:
    """A JSON value as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case float():
            return f"{Decimal(repr(value)):f}"
        case str():
            return value
        case Mapping():
            return (
                ", ".join(f"{str(key).replace('_', ' ')} {readable(part)}" for key, part in value.items()) or "nothing"
            )
        case list() | tuple() if any(isinstance(part, Mapping) for part in value):
            return "; ".join(readable(part) for part in value)
        case list() | tuple():
            return ", ".join(readable(part) for part in value) or "nothing"
        case _:
            return "nothing"


def _parse(text: str) -> list[str | Placeholder]:
    parts: list[str | Placeholder] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() > end:
            parts.append(text[end : token.start()])
        parts.append(_read(token))
        end = token.end()
    if end < len(text):
        parts.append(text[end:])
    return parts


def _read(token: re.Match[str]) -> str | Placeholder:
    if token[0] in ("{{", "}}"):
        return token[0][0]
    field = _FIELD.fullmatch(token[1] or "")
    if field is None:
        raise BadTemplate(
            f"{token[0]!r} is no placeholder: write {{name}}, {{step.part}} or {{step.part:money}}, "
            "and {{ for a brace"
        )
    return Placeholder(tuple(field[1].split(".")), money=field[2] is not None)


def _value(placeholder: Placeholder, values: Mapping[str, Any]) -> Any:
    value: Any = values
    for part in placeholder.path:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(value):
            value = value[int(part)]
        else:
            raise MissingValue(f"there is no value for {placeholder}")
    return value


def _shown(placeholder: Placeholder, value: Any) -> str:
    if value is None:
        raise MissingValue(f"the value for {placeholder} is empty")
    return _money(placeholder, value) if placeholder.money else readable(value)


def _money(placeholder: Placeholder, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MissingValue(f"the value for {placeholder} is {readable(value)!r}, which is no amount")
    exact = Decimal(repr(value))
    rounded = exact.quantize(Decimal("0.01")) if abs(exact) < 10**15 else exact
    return f"{rounded if rounded == exact else exact:f}"
