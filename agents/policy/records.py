"""Whom are the answers of a task's tools about? Each is divided into records, which follow from each other by ids.

A record is an answer, or one object of a list in it. It is about somebody if it holds their address or id, if a call
that was asked with one answered it, or if it stands in such a record. The ids and addresses of a record that is about
somebody lead on to others. A record that holds another id in the same place, or another e-mail address, is about
somebody else; and a list that names several people is about none of them for having been asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.policy.provenance import Said, folded
from agents.privacy.finding import KINDS, find
from agents.privacy.veil import label_of
from tools.canonical import child

TELLING = 4
"""Characters from which on an id with a digit is the same under whatever name it stands."""
OF_ONE = frozenset({"email", "national_id"})
"""Of these nobody is expected to have two in one list."""
_NOUNS = {
    "email": "e-mail address",
    "phone": "phone number",
    "card": "card number",
    "iban": "account number",
    "national_id": "national id",
}
_PHONE_DIGITS = 9
"""The last ones are the same with and without the country's prefix."""
_ID = re.compile(r"(?:^|_)(?:id|no|nr|number|ref|reference|key|uuid)$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Named = tuple[str, Any]
"""A scalar, and the name of the member in which it stands."""


@dataclass(frozen=True)
class Datum:
    """A value of a person's: of one of the kinds, or of a field that the agent declares."""

    label: str
    value: str

    @property
    def key(self) -> str:
        return key_of(self.label, self.value)

    @property
    def noun(self) -> str:
        return _NOUNS.get(self.label, f"value of “{self.label}”")

    def is_in(self, said: Said) -> bool:
        """Does it stand there, however it is written?"""
        if self.label not in KINDS:
            return said.holds(self.value)
        return any(
            self.key == key_of(self.label, str(one)) or self.key in personal(one) for _, one in scalars(said.content)
        )


@dataclass(frozen=True)
class Read:
    """One call of the task, and what its tool answered."""

    step: int
    name: str
    arguments: Mapping[str, Any]
    content: Any
    of_house: bool = False
    """Does the tool vouch for all of it? Then it is the house's own text."""

    @cached_property
    def asked_with(self) -> frozenset[str]:
        return marks_of_arguments(self.arguments)


@dataclass(eq=False)
class Record:
    """An answer without the objects of its lists, or one of these objects."""

    read: Read
    at: str
    inside: Record | None
    beside: list[Record]
    """All objects of its list, itself among them; only itself where it stands in none."""
    fields: frozenset[str]
    """The names that the agent declares to hold people's data."""
    leaves: list[Named] = field(default_factory=list)

    @cached_property
    def marks(self) -> frozenset[str]:
        """Its addresses and ids."""
        return frozenset(mark for one in self.leaves for mark in marks_of(*one))

    @cached_property
    def data(self) -> frozenset[tuple[str, str]]:
        """Label and key of each value of a person's in it."""
        found = {(label, key) for _, value in self.leaves for key, label in personal(value).items()}
        named = ((label_of(name), str(value)) for name, value in self.leaves if name in self.fields)
        declared = {(label, key_of(label, value)) for label, value in named}
        return frozenset(found | declared)

    @cached_property
    def emails(self) -> frozenset[str]:
        return frozenset(key for label, key in self.data if label == "email")

    @cached_property
    def words(self) -> Said:
        return Said("", [value for _, value in self.leaves])

    def holds(self, datum: Datum) -> bool:
        return any(key == datum.key for _, key in self.data) or datum.is_in(self.words)

    def under(self, name: str) -> dict[str, str]:
        """The values that it has under this name, by their form in small letters."""
        return {folded(value): str(value) for one, value in self.leaves if _snake(one) == name}

    def is_one_of_several(self, labels: frozenset[str] | None = None) -> bool:
        """Do the objects of its list differ in people's data: in any, or in those with these labels?"""
        seen: dict[str, str] = {}
        data = (one for record in self.beside for one in record.data if len(self.beside) > 1)
        return any(seen.setdefault(label, key) != key for label, key in data if labels is None or label in labels)


@dataclass(frozen=True)
class Whom:
    """Whom a text is for: by the addresses and ids that are known of them."""

    marks: frozenset[str]
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Their ids by name; empty where several people may be meant."""
    emails: frozenset[str] = frozenset()
    asked: bool = False
    """Are they who gave the task? What is asked for without naming anybody is theirs too."""

    def is_not(self, record: Record) -> str:
        """What says that the record is somebody else's; empty where nothing does."""
        for name, ours in self.ids.items():
            theirs = record.under(name)
            if theirs and not theirs.keys() & ours:
                return f"{name} {next(iter(theirs.values()))}"
        return "another e-mail address" if record.emails and self.emails and not record.emails & self.emails else ""

    def are_named(self, records: Iterable[Record]) -> bool:
        return any(self.marks & (one.marks | one.read.asked_with) for one in records)


def records_of(reads: Iterable[Read], fields: frozenset[str]) -> list[Record]:
    """All records of these answers, each after the one in which it stands."""
    found: list[Record] = []
    for read in reads:
        root = Record(read, "", None, [], fields)
        root.beside.append(root)
        found.append(root)
        _divide(read.content, "", "", root, found.append)
    return found


def records_about(whom: Whom, records: Sequence[Record]) -> set[Record]:
    """Those that are about these people."""
    marks, shared = set(whom.marks), _shared(records)
    named: set[Record] = set()
    mine: set[Record] = set()
    before = -1
    while before < len(mine):
        before = len(mine)
        for record in records:
            if record in mine or whom.is_not(record):
                continue
            if record.marks & marks or (record.inside in named and not record.is_one_of_several(OF_ONE)):
                named.add(record)
            elif not _was_asked_for(record, whom, marks, mine):
                continue
            mine.add(record)
            marks |= record.marks - shared
    return mine


def _was_asked_for(record: Record, whom: Whom, marks: set[str], mine: set[Record]) -> bool:
    if record.inside is not None:
        return record.inside in mine and not record.is_one_of_several()
    asked_with = record.read.asked_with
    return bool(asked_with & marks) or (whom.asked and not asked_with)


def _shared(records: Iterable[Record]) -> set[str]:
    """Ids that stand beside different e-mail addresses, such as a product's: they lead from one person to another."""
    beside: dict[str, frozenset[str]] = {}
    return {
        mark
        for record in records
        if record.emails
        for mark in record.marks
        if not beside.setdefault(mark, record.emails) & record.emails
    }


def _divide(value: Any, name: str, at: str, record: Record, add: Callable[[Record], None]) -> None:
    match value:
        case Mapping():
            if _is_table(value):
                _divide_list(list(value.items()), name, at, record, add)
                return
            for key, part in value.items():
                _divide(part, key, child(at, key), record, add)
        case list() | tuple():
            _divide_list(list(enumerate(value)), name, at, record, add)
        case None | bool() | "":
            return
        case _:
            record.leaves.append((name, value))


def _divide_list(
    items: list[tuple[Any, Any]], name: str, at: str, record: Record, add: Callable[[Record], None]
) -> None:
    beside: list[Record] = []
    for key, part in items:
        where = child(at, key)
        if not isinstance(part, Mapping):
            _divide(part, name, where, record, add)
            continue
        one = Record(record.read, where, record, beside, record.fields)
        if isinstance(key, str):
            one.leaves.append(("id", key))
        beside.append(one)
        add(one)
        _divide(dict(part), name, where, one, add)


def _is_table(value: Mapping[str, Any]) -> bool:
    """Objects by their ids: a list in another form."""
    return (
        len(value) > 1
        and all(isinstance(part, Mapping) for part in value.values())
        and all(any(one.isdigit() or one == "@" for one in key) for key in value)
    )


def marks_of(name: str, value: Any) -> frozenset[str]:
    """The addresses in a value; or the value itself, if its name says that it is an id."""
    found = frozenset(personal(value))
    if found or not _ID.search(_snake(name)):
        return found
    return frozenset({_id(name, value)})


def marks_of_arguments(arguments: Mapping[str, Any]) -> frozenset[str]:
    """What a call names: the addresses, ids and texts among its arguments."""
    return frozenset(mark for one in scalars(arguments) for mark in _marks_of_argument(*one))


def _marks_of_argument(name: str, value: Any) -> frozenset[str]:
    return marks_of(name, value) or (frozenset({_id(name, value)}) if isinstance(value, str) else frozenset())


def scalars(value: Any, name: str = "") -> Iterator[Named]:
    """Every text and number, with the name of the member in which it stands."""
    match value:
        case Mapping():
            for key, part in value.items():
                yield from scalars(part, key)
        case list() | tuple():
            for part in value:
                yield from scalars(part, name)
        case None | bool() | "":
            return
        case _:
            yield name, value


def ids_of(arguments: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The ids among a call's arguments."""
    return {
        _snake(name): frozenset(folded(one) for _, one in scalars(value, name))
        for name, value in arguments.items()
        if _ID.search(_snake(name)) and value is not None
    }


def personal(value: Any) -> dict[str, str]:
    """What is found in a value by its form: the same key however it is written, and its label."""
    text = str(value)
    return {key_of(one.label, text[one.start : one.end]): one.label for one in find(text)}


def key_of(label: str, value: str) -> str:
    """The same for the same value, however it is written."""
    if label not in KINDS:
        return folded(value)
    if label == "email":
        return value.casefold().replace("＠", "@").replace("%40", "@")
    bare = "".join(filter(str.isalnum, value)).casefold()
    return f"phone {bare[-_PHONE_DIGITS:]}" if label == "phone" else bare


def _id(name: str, value: Any) -> str:
    text = folded(value)
    telling = len(text) >= TELLING and any(one.isdigit() for one in text)
    return text if telling else f"{_snake(name)}={text}"


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower().replace("-", "_")
