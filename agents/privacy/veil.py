"""How do stand-ins get into a JSON value, and the person's data back? Pure: nothing is looked up or stored here.

A `Seeker` finds the places and puts anything there; a `Veil` puts placeholders there that a model copies faithfully,
such as `[[email:1]]`, and takes them back. Text that happens to look like a placeholder gets one too, so that putting
back always gives what there was, and nobody who writes to an agent can speak of a value that they don't know.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agents.definition import Privacy
from agents.privacy.finding import KINDS, Place, find, without_overlaps
from agents.storable import visible_text

Scalar: TypeAlias = "str | int | float"
StandIn: TypeAlias = Callable[[str, Scalar], Any]
"""What is put in the place of a value: of its label and the value."""

LITERAL = "text"
"""The label of text that looks like a placeholder and is none."""
TELLING = 4
"""Characters from which on a known value is looked for in other texts than its own field."""
_PLACEHOLDER = re.compile(
    r"\[\[\s{0,3}([a-z][a-z_]{0,39})\s{0,3}:\s{0,3}(\d{1,6})\s{0,3}\]\]", re.ASCII | re.IGNORECASE
)
_LONG = 200


class UnknownPlaceholder(Exception):
    """A placeholder that stands for nothing."""


@dataclass
class Seeker:
    """Finds what is to be hidden: by its form, by the name of its field, and what is known from before."""

    kinds: tuple[str, ...] = KINDS
    fields: frozenset[str] = frozenset()
    """Names of members whose values are hidden, wherever they stand."""
    known: dict[str, str] = field(default_factory=dict, repr=False)
    """Values and their labels, in small letters."""
    literals: bool = False
    """Is text that looks like a placeholder looked for as well?"""
    whole_words: bool = True

    def learn(self, value: Any) -> None:
        """Remembers the values of declared fields in this value, so that they are found in any text."""
        if self.fields:
            for label, one in self._declared(value):
                self.know(label, one)

    def finds_any(self, *values: Any) -> bool:
        """Is anything in these values to be hidden? Cheap where nothing is: all of their texts are read as one."""
        if self.fields or self.known:
            return True
        text = visible_text("\n".join(_texts(values)))
        return bool(find(text, self.kinds)) or (self.literals and _PLACEHOLDER.search(text) is not None)

    def know(self, label: str, value: Scalar) -> None:
        text = str(value).strip()
        if len(text) >= TELLING and not isinstance(value, bool) and text.casefold() not in self.known:
            self.known[text.casefold()] = label
            self.__dict__.pop("_known_form", None)

    def replaced(self, value: Any, by: StandIn) -> Any:
        """The value with what is found in it, names of members included, replaced."""
        match value:
            case str():
                return self._text(value, by)
            case bool() | None:
                return value
            case int() | float():
                return self._number(value, by)
            case dict():
                return self._members(value, by)
            case list() | tuple():
                return [self.replaced(one, by) for one in value]
        return value

    def _members(self, value: dict[str, Any], by: StandIn) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, inner in value.items():
            label = label_of(name) if name in self.fields else ""
            shown = self._text(name, by)
            while shown in result:
                shown += "′"
            result[shown] = self._each_scalar(inner, label, by) if label else self.replaced(inner, by)
        return result

    def _each_scalar(self, value: Any, label: str, by: StandIn) -> Any:
        """The value of a declared field: all of it is hidden."""
        match value:
            case "" | bool() | None:
                return value
            case dict():
                return {self._text(name, by): self._each_scalar(inner, label, by) for name, inner in value.items()}
            case list() | tuple():
                return [self._each_scalar(one, label, by) for one in value]
        return by(label, value)

    def _text(self, text: str, by: StandIn) -> str:
        result, at = [], 0
        for place in self._places(text):
            result += [text[at : place.start], str(by(place.label, text[place.start : place.end]))]
            at = place.end
        return "".join([*result, text[at:]]) if at else text

    def _number(self, value: int | float, by: StandIn) -> Any:
        text = str(value)
        places = self._places(text) if len(text) >= TELLING else []
        return by(places[0].label, value) if places and places[0].end - places[0].start == len(text) else value

    def _places(self, text: str) -> list[Place]:
        found = list(_found(text, self.kinds) if len(text) > _LONG else find(text, self.kinds))
        if self.literals and "[[" in text:
            found += (Place(*one.span(), LITERAL) for one in _PLACEHOLDER.finditer(text))
        if self.known:
            form = self._known_form
            found += (
                Place(*one.span(), self.known.get(one[0].casefold(), LITERAL)) for one in form.finditer(text) if one[0]
            )
        if self.fields:
            found += (place for place, _ in self._in_json_text(text))
        return without_overlaps(found) if len(found) > 1 else found

    @functools.cached_property
    def _known_form(self) -> re.Pattern[str]:
        words = "|".join(re.escape(one) for one in sorted(self.known, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if self.whole_words else words, re.IGNORECASE)

    @functools.cached_property
    def _field_form(self) -> re.Pattern[str]:
        names = "|".join(re.escape(json.dumps(one, ensure_ascii=False)) for one in sorted(self.fields))
        return re.compile(rf'({names})\s*:\s*(?:"((?:[^"\\]|\\.)+)(?:"|$)|(-?\d[\d.]*))')

    def _in_json_text(self, text: str) -> Iterator[tuple[Place, str]]:
        """Declared fields in a text that is JSON, or the beginning of some."""
        if '"' in text and ":" in text:
            for one in self._field_form.finditer(text):
                group = 2 if one[2] is not None else 3
                yield Place(*one.span(group), label_of(json.loads(one[1]))), one[group]

    def _declared(self, value: Any) -> Iterator[tuple[str, Scalar]]:
        match value:
            case dict():
                for name, inner in value.items():
                    if name in self.fields:
                        yield from ((label_of(name), one) for one in _scalars(inner))
                    else:
                        yield from self._declared(inner)
            case list() | tuple():
                for inner in value:
                    yield from self._declared(inner)
            case str() if self.fields:
                yield from ((place.label, one) for place, one in self._in_json_text(value))


@dataclass
class Veil:
    """The placeholders of one task."""

    seeker: Seeker
    values: dict[str, Scalar] = field(default_factory=dict, repr=False)
    """By their placeholders."""
    new: list[tuple[str, int, Scalar]] = field(default_factory=list, repr=False)
    """Label, number and value of those that were given out since."""
    _placeholders: dict[str, str] = field(default_factory=dict, repr=False)
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, privacy: Privacy, known: Iterable[tuple[str, int, Scalar]] = ()) -> Veil:
        """For an agent that hides these, with label, number and value of what its task has hidden before."""
        veil = cls(Seeker(privacy.kinds, frozenset(privacy.fields), literals=True))
        for label, number, value in known:
            veil._keep(label, number, value)
            if label != LITERAL:
                veil.seeker.know(label, value)
        return veil

    def hide(self, value: Any) -> Any:
        """The value as a model may see it: with placeholders, and nothing invisible in which more could hide."""
        return self.seeker.replaced(visible(value), self._placeholder)

    def put_back(self, value: Any) -> Any:
        """The value with what the placeholders in it stand for. Raises UnknownPlaceholder."""
        match value:
            case str():
                whole = _PLACEHOLDER.fullmatch(value)
                return self._value(whole) if whole else _PLACEHOLDER.sub(lambda one: str(self._value(one)), value)
            case dict():
                return {str(self.put_back(name)): self.put_back(inner) for name, inner in value.items()}
            case list():
                return [self.put_back(one) for one in value]
        return value

    def put_back_where_known(self, text: str) -> str:
        """The text with what its placeholders stand for; one that stands for nothing loses its form."""

        def said(one: re.Match[str]) -> str:
            name = _canonical(one)
            return str(self.values[name]) if name in self.values else name.strip("[]")

        return _PLACEHOLDER.sub(said, text)

    def _value(self, found: re.Match[str]) -> Scalar:
        name = _canonical(found)
        if name not in self.values:
            raise UnknownPlaceholder(name.strip("[]"))
        return self.values[name]

    def _placeholder(self, label: str, value: Scalar) -> str:
        known = self._placeholders.get(_key(value))
        if known is not None:
            return known
        number = self._numbers.get(label, 0) + 1
        self.new.append((label, number, value))
        return self._keep(label, number, value)

    def _keep(self, label: str, number: int, value: Scalar) -> str:
        name = f"[[{label}:{number}]]"
        self.values[name] = value
        self._placeholders[_key(value)] = name
        self._numbers[label] = max(number, self._numbers.get(label, 0))
        return name


def label_of(name: str) -> str:
    """What a placeholder for the value of this field is called."""
    return re.sub(r"[^a-z]+", "_", name.lower()).strip("_")[:40] or "value"


@functools.lru_cache(maxsize=128)
def _found(text: str, kinds: tuple[str, ...]) -> tuple[Place, ...]:
    """A task's past is read again at each turn."""
    return tuple(find(text, kinds))


def _canonical(found: re.Match[str]) -> str:
    return f"[[{found[1].lower()}:{int(found[2])}]]"


def _key(value: Scalar) -> str:
    return json.dumps(value)


def _scalars(value: Any) -> Iterator[Scalar]:
    match value:
        case "" | bool() | None:
            return
        case dict():
            for inner in value.values():
                yield from _scalars(inner)
        case list() | tuple():
            for inner in value:
                yield from _scalars(inner)
        case _:
            yield value


def _texts(value: Any) -> Iterator[str]:
    """Every text, number and name of a member."""
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case dict():
            yield from value
            for inner in value.values():
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
        case _:
            yield str(value)


def visible(value: Any) -> Any:
    """The JSON value without characters that no reader would see."""
    match value:
        case str():
            return visible_text(value)
        case dict():
            return {visible_text(name): visible(inner) for name, inner in value.items()}
        case list() | tuple():
            return [visible(one) for one in value]
    return value
