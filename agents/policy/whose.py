"""Whose are the data that a text is about to tell? What is thought to be somebody else's asks for a person.

Looked for are e-mail addresses, phone, card and account numbers and national ids by their form, and values that tools
answered in fields that the agent declares. They may go out

1. if they are nobody's: the agent's own definition says so, or a tool that vouches for all that it answers;
2. if people told them to the task, strangers' text among its inputs included, or the call names them beside its text;
3. if they stand in a record about whom the text is for (`agents.policy.records`): of a message, by what its call names
   beside the text; of a result or a question, by what people's own words name.

A recipe is the house's own and fixed beforehand: what it tells is what its author meant it to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.definition import AgentDefinition
from agents.guard.finding import mark
from agents.policy.provenance import Said
from agents.policy.records import (
    Datum,
    Read,
    Record,
    Whom,
    ids_of,
    marks_of,
    marks_of_arguments,
    personal,
    records_about,
    records_of,
    scalars,
)
from agents.policy.verdict import Reason, Rule
from agents.privacy.veil import Seeker, visible

SOMEBODYS = "outgoing.somebody_else"
NOWHERE = "outgoing.from_nowhere"
_NAMED = 6


@dataclass(frozen=True)
class Told:
    """What a task was told by people, and what it has read since."""

    said: Sequence[Said] = ()
    heard: Sequence[Said] = ()
    """What strangers wrote to it: it may be repeated, but nobody's record is looked up on its word."""
    reads: Sequence[Read] = ()


def check_whose(
    said: Any,
    where: Literal["messages", "results"],
    definition: AgentDefinition,
    told: Told,
    to: Mapping[str, Any] | None = None,
    rule: Rule = "review",
) -> Iterator[Reason]:
    """A reason for each value that may be somebody else's. `to`: what the call of a message has beside its text."""
    if where not in definition.guard.others_data:
        return
    said = visible(said)
    to = to or {}
    data = _data(said, definition, told.reads)
    known = _known(definition, told, to) if data else []
    house = [one for one in told.reads if one.of_house]
    found = [one for one in data if not (any(map(one.is_in, known)) or _is_ours(one, definition, house))]
    if not found:
        return
    records = records_of(told.reads, frozenset(definition.privacy.fields))
    whom = _whom(to, told, records)
    mine = records_about(whom, records)
    holders = {one: [record for record in records if record.holds(one)] for one in found}
    others = [one for one in found if mine.isdisjoint(holders[one])]
    for one in others[:_NAMED]:
        yield _reason(one, said, holders[one], whom, rule)
    if len(others) > _NAMED:
        yield Reason(SOMEBODYS, f"So it is with {len(others) - _NAMED} more values in it.", rule)


def _data(said: Any, definition: AgentDefinition, reads: Sequence[Read]) -> list[Datum]:
    """Everything of a person's in it, each once."""
    seeker = Seeker(fields=frozenset(definition.privacy.fields))
    for one in reads:
        seeker.learn(one.content)
    found: dict[Datum, None] = {}

    def note(label: str, value: Any) -> str:
        found[Datum(label, str(value))] = None
        return ""

    seeker.replaced(said, note)
    return list(found)


def _known(definition: AgentDefinition, told: Told, to: Mapping[str, Any]) -> list[Said]:
    """What may be repeated: people's words, the call's, and the agent's definition."""
    # Whose data an example goal names may be anybody's.
    agent = definition.model_dump(mode="json", exclude={"examples"})
    return [*told.said, *told.heard, Said("the call", to), Said("the agent", agent)]


def _is_ours(datum: Datum, definition: AgentDefinition, house: Sequence[Read]) -> bool:
    """Is it an address at one of the house's own domains, or told by a tool for the house, and not just said back?"""
    domain = datum.key.rpartition("@")[2]
    if datum.label == "email" and any(f".{domain}".endswith(f".{one.casefold()}") for one in definition.guard.ours):
        return True
    return any(datum.is_in(Said("", one.content)) and not datum.is_in(Said("", one.arguments)) for one in house)


def _whom(to: Mapping[str, Any], told: Told, records: Sequence[Record]) -> Whom:
    """Whom the call names. Of whom nothing was read, and people named them: whom these asked about."""
    marks = marks_of_arguments(to)
    emails = frozenset(key for _, value in scalars(to) for key, label in personal(value).items() if label == "email")
    named = Whom(marks, ids_of(to), emails)
    if named.are_named(records) or not all(any(one.holds(value) for one in told.said) for _, value in scalars(to)):
        return named
    return _who_asked(told, records)


def _who_asked(told: Told, records: Sequence[Record]) -> Whom:
    """What people's own words name."""
    addresses = {key for one in told.said for _, value in scalars(one.content) for key in personal(value)}
    leaves = (one for record in records for one in record.leaves)
    ids = {mark for name, value in leaves for mark in marks_of(name, value) if _was_said(value, told)}
    asked = {
        mark
        for record in records
        if record.inside is None
        for name, value in scalars(record.read.arguments)
        if _was_said(value, told)
        for mark in marks_of_arguments({name: value})
    }
    return Whom(frozenset(addresses | ids | asked), asked=True)


def _was_said(value: Any, told: Told) -> bool:
    return any(one.holds(value) for one in told.said)


def _reason(datum: Datum, said: Any, holders: list[Record], whom: Whom, rule: Rule) -> Reason:
    marked = _marked(datum.value, said)
    if not holders:
        why = f"This {datum.noun} stands in nothing that people told or tools answered"
        return Reason(NOWHERE, f"{why}: “{marked}”", rule)
    newest = holders[-1]
    about = "what people asked about" if whom.asked else "whom the message is for"
    if other := whom.is_not(newest):
        because = f"which is about somebody else ({other})"
    elif newest.is_one_of_several():
        because = f"a list that names several people, where nothing says that this one is {about}"
    else:
        because = f"where nothing says that it is about {about}"
    source = f"step {newest.read.step} ({newest.read.name}{newest.at and ' ' + newest.at})"
    why = f"This {datum.noun} may be somebody else's. It is from {source}, {because}"
    return Reason(SOMEBODYS, f"{why}: “{marked}”", rule)


def _marked(value: str, said: Any) -> str:
    """The place, in that text of it where it stands."""
    text = next((text for _, one in scalars(said) if value in (text := str(one))), value)
    return mark(text, place := text.find(value), place + len(value))
