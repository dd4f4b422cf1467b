"""Where does each value of a call come from, and may text from outside have had a say in it?

The model of it, in words:

1. **Whom we believe.** The submitter (goal, inputs, answers), people who gave guidance, the house (recipes, defaults
   of a tool's schema), and those parts of a tool's answers that the tool vouches for (`trusted`). Inputs that the
   agent declares as somebody else's text (`untrusted_inputs`) are believed as little as an answer of a tool.
2. **The moment.** Once a model has read something that nobody vouches for, whatever it says afterwards may be the
   writer's of that text: not only what it copies, also what it composes, encodes, counts or chooses. So everything
   that it says from then on is *tainted*, however sure it is; what it said before is not.
3. **What stays clean.** A value that stands in what the submitter or a person wrote (whole words, the same number).
   A value of the plan that was fixed before the moment, for the same tool and in the same place: written out, or a
   reference to a part that its tool vouches for. A default. A reference to anything else is decided by a clean plan,
   but what flows through it is the stranger's: tainted. So is a value that takes the place of another one which the
   clean plan has written out, wherever it stands.
4. **What it is for.** Tainted values matter only in a call that reaches out of the task (`agents.policy.taint`), where
   they ask for a person. A recipe of a playbook is the house's own and fixed beforehand: its calls don't ask for that
   reason; where their values flow from is shown all the same.

What it doesn't do: it knows values, not what they mean. Where the clean plan has a call and leaves an argument open, a
compromised model may fill it with a word or number that the submitter wrote for something else; constraints, stakes
and verifiers are for that, and plans that give what is known. When a model acts, and how often, can tell somebody who
sees it a few bits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import islice
from typing import Any, Literal

from agents.references import is_reference, look_up
from tools.canonical import child
from tools.registry import Tool

Source = Literal["said", "plan", "house", "answer", "model", "person"]

LOOKED_THROUGH = 20_000
"""Values of earlier answers in which the source of one is looked for."""
TELLING = 6
"""Characters from which on a text inside another is no coincidence."""

_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Origin:
    """Where one value of a call comes from. `at` is the JSON Pointer to it among the arguments."""

    at: str
    source: Source
    tainted: bool
    words: str
    """For a reviewer: where it comes from."""

    @property
    def argument(self) -> str:
        return self.at.split("/")[1].replace("~1", "/").replace("~0", "~")

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at, "source": self.source, "tainted": self.tainted, "words": self.words}


@dataclass(frozen=True)
class Said:
    """Something that people wrote: a text, or JSON with texts in it."""

    where: str
    """Such as "the goal"."""
    content: Any

    @cached_property
    def text(self) -> str:
        return folded("\n".join(_text(value) for _, value in _leaves(self.content, "", None)))

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        return frozenset(number for found in _NUMBER.findall(self.text) for number in _readings(found))

    def holds(self, value: Any) -> bool:
        """Does it say this very text or number?"""
        if isinstance(value, bool):
            return False
        if isinstance(value, str):
            wanted = folded(value)
            return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", self.text) is not None
        return Decimal(str(value)) in self.numbers


@dataclass(frozen=True)
class Answered:
    """What one step's tool answered."""

    step: int
    tool: Tool | None
    """None: nobody of that name is registered any more."""
    name: str
    content: Any

    def vouches_for(self, pointer: str) -> bool:
        return self.tool is not None and self.tool.vouches_for(pointer)


@dataclass(frozen=True)
class Known:
    """What the values of one call are held against, read from the task's rows."""

    said: Sequence[Said] = ()
    answers: Sequence[Answered] = ()
    planned: Sequence[Mapping[str, Any]] = ()
    """The arguments that the clean plan has for this tool, with its references."""
    by_step: Mapping[str, Answered] = field(default_factory=dict)
    """The answers by the id of the planned step, for references."""
    exposed: bool = False
    """Had the proposer read something that nobody vouches for when it said this call's values?"""
    recipe: bool = False
    """Is it a recipe's call?"""


def trace(tool: Tool, arguments: Mapping[str, Any], known: Known) -> tuple[Origin, ...]:
    """The origin of each value of the normalised arguments, and of each name in them that the schema does not have."""
    declared = frozenset(_names(tool.input_schema))
    return tuple(
        _origin(tool, at, value, known) for at, value in _leaves(arguments, "", declared) if value not in (None, "")
    )


def after_edit(origins: Sequence[Mapping[str, Any]], was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Any]:
    """The origins, as JSON, when a person has put other values in place of some."""
    before, known = dict(_leaves(was, "", None)), {one["at"]: one for one in origins}
    return [
        known[at]
        if at in known and _same(before.get(at), value)
        else Origin(at, "person", False, "a reviewer's").as_json()
        for at, value in _leaves(now, "", None)
        if origins and value not in (None, "")
    ]


def _origin(tool: Tool, at: str, value: Any, known: Known) -> Origin:
    written, reference, other = _in_plan(at, value, known)
    if written:
        return Origin(at, "plan", False, "written in the plan before anything from outside was read")
    if other and known.exposed:
        return Origin(at, "model", True, "not what the plan said before text from outside was read")
    for said in known.said:
        if said.holds(value):
            return Origin(at, "said", False, f"in {said.where}")
    if reference is not None:
        return _flow(at, *reference)
    if _is_default(tool, at, value):
        return Origin(at, "house", False, "what the tool takes if nothing is said")
    found = _find(value, known.answers)
    if found is not None:
        answer, pointer, how = found
        words = f"{how} the answer of step {answer.step} ({answer.name}{pointer and ' ' + pointer})"
        return Origin(at, "answer", known.exposed or (known.recipe and not answer.vouches_for(pointer)), words)
    if known.recipe:
        return Origin(at, "house", False, "from the recipe")
    after = ", after it had read text from outside" if known.exposed else ""
    return Origin(at, "model", known.exposed, f"the agent's own words{after}")


def _flow(at: str, answer: Answered, pointer: str) -> Origin:
    tainted = not answer.vouches_for(pointer)
    words = f"by reference from the answer of step {answer.step} ({answer.name} {pointer or 'as a whole'})"
    return Origin(at, "answer", tainted, words if tainted else f"{words}, which the tool vouches for")


def _in_plan(at: str, value: Any, known: Known) -> tuple[bool, tuple[Answered, str] | None, bool]:
    """Does the clean plan have this value in this place, written out; or by a reference, and to what; or another?"""
    flows, other = None, False
    for arguments in known.planned:
        here: Any = arguments
        parts = at.split("/")[1:]
        while parts and not is_reference(here):
            here = _look(here, f"/{parts.pop(0)}")
        if not is_reference(here):
            if _same(here, value):
                return True, None, False
            other = other or here is not None
            continue
        identity, _, pointer = str(here["$from"]).partition("#")
        pointer += "".join(f"/{part}" for part in parts)
        answer = known.by_step.get(identity)
        if answer is not None and _same(_look(answer.content, pointer), value):
            flows = (answer, pointer)
    return False, flows, other and flows is None


def _find(value: Any, answers: Sequence[Answered]) -> tuple[Answered, str, str] | None:
    """The newest answer that has this very value, or a part of it."""
    leaves = (
        (answer, pointer, one) for answer in reversed(answers) for pointer, one in _leaves(answer.content, "", None)
    )
    near: tuple[Answered, str, str] | None = None
    for answer, pointer, one in islice(leaves, LOOKED_THROUGH):
        if _same(one, value):
            return answer, pointer, "in"
        if near is None and isinstance(one, str) and isinstance(value, str):
            ours, theirs = folded(value), folded(one)
            if len(theirs) >= TELLING and theirs in ours:
                near = answer, pointer, "holds text from"
            elif len(ours) >= TELLING and ours in theirs:
                near = answer, pointer, "a part of"
    return near


def _leaves(value: Any, at: str, declared: frozenset[str] | None) -> Iterator[tuple[str, Any]]:
    """Every scalar with its pointer. With `declared`, names below the top that are not among them count as values."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if declared is not None and at and key not in declared:
                yield child(at, key), key
            yield from _leaves(part, child(at, key), declared)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _leaves(part, child(at, index), declared)
    else:
        yield at, value


def _names(schema: Any) -> Iterator[str]:
    """Every property that a schema names, however deep."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for part in schema.values():
            yield from _names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _names(part)


def _is_default(tool: Tool, at: str, value: Any) -> bool:
    name = at.removeprefix("/").replace("~1", "/").replace("~0", "~")
    schema = tool.input_schema.get("properties", {}).get(name)
    return isinstance(schema, Mapping) and "default" in schema and _same(schema["default"], value)


def _look(value: Any, pointer: str) -> Any:
    try:
        return look_up(value, pointer)
    except LookupError:
        return None


def _same(one: Any, other: Any) -> bool:
    """The same value, as far as normalising may have changed how it is written."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, str | int | float) and isinstance(other, str | int | float):
        return one == other or folded(one) == folded(other)
    return False


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    return "" if value is None or isinstance(value, bool) else str(value)


def folded(value: Any) -> str:
    """The text of a scalar, the same however it is written."""
    return " ".join(unicodedata.normalize("NFKC", _text(value)).casefold().split())


def _readings(written: str) -> Iterator[Decimal]:
    """A number as people write it, with a comma or a point for the decimals."""
    for text in (written.replace(",", ""), written.replace(".", "").replace(",", ".")):
        try:
            yield Decimal(text)
        except InvalidOperation:
            continue
