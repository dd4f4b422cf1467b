"""Is a regular expression safe to run on text that a stranger wrote?

Python's `re` backtracks, and holds the interpreter's lock while it does: one bad pattern stops a whole process.
Patterns come from definitions that administrators edit, so they are checked when a definition is loaded, and the
text given to them is bounded. The check reads the parsed pattern and estimates, from above and roughly, how many ways
there are to match its parts on the longest text:

- a repeat without an upper bound must not contain another repeat or a choice ("nested quantifiers");
- any other repeat has as many ways as lengths, or one way where the text itself says how far it goes (what may
  follow can't be part of it);
- what follows is tried again for each way, and each place in the text may be a beginning; the product has a limit.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

TEXT_LIMIT = 2_000
"""Characters of text that a pattern is run on; longer text is not for patterns."""
STEPS_LIMIT = 50_000_000
UNBOUNDED = 200
"""A repeat that may go on longer than this counts as having no upper bound."""

_SAMPLE = frozenset(map(chr, range(32, 127))) | frozenset("\n\té٣ß中")
_REPEATS = frozenset({op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT})
_CATEGORIES = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_NOT_DIGIT: lambda char: not char.isdigit(),
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    op.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    op.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}

Node = tuple[Any, Any]


def check_pattern(pattern: str, text_limit: int = TEXT_LIMIT) -> frozenset[str]:
    """The names of the pattern's groups. Raises ValueError for a pattern that is broken or could run for too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            groups = frozenset(re.compile(pattern).groupindex)
            parsed = parser.parse(pattern)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            raise ValueError(f"the pattern {pattern!r} can't be read: {error}") from None
    estimate = _Estimate(_SAMPLE | frozenset(pattern), text_limit, bool(parsed.state.flags & re.DOTALL))
    nodes = list(parsed)
    once = estimate.cost(nodes, _Follow(frozenset(), ends=True), pattern)
    if estimate.starts(nodes, bool(parsed.state.flags & re.MULTILINE)) * once.steps > STEPS_LIMIT:
        raise ValueError(
            f"the pattern {pattern!r} could run for too long: it has parts like .* or optional ones that can share "
            "the same text in too many ways; put fixed text between them or use narrower character sets"
        )
    return groups


@dataclass(frozen=True)
class _Follow:
    """The characters that may come next, and whether the pattern may end here."""

    chars: frozenset[str]
    ends: bool


@dataclass(frozen=True)
class _Cost:
    """Steps to go through all of a part once, and in how many ways it may match at one place."""

    steps: float
    ways: float


@dataclass(frozen=True)
class _Estimate:
    alphabet: frozenset[str]
    text_limit: int
    dot_is_all: bool

    def starts(self, nodes: Sequence[Node], many_lines: bool) -> float:
        """At how many places a search begins in earnest: one if anchored, fewer where fixed text comes first."""
        anchor = nodes[0] if nodes else None
        if anchor == (op.AT, op.AT_BEGINNING_STRING) or (anchor == (op.AT, op.AT_BEGINNING) and not many_lines):
            return 1
        return self.text_limit / (1 + _distinct(nodes))

    def cost(self, nodes: Sequence[Node], after: _Follow, pattern: str) -> _Cost:
        """The parts one after the other: what follows a part is tried again for each way that the part has."""
        total = _Cost(0, 1)
        for index, (kind, value) in reversed(list(enumerate(nodes))):
            rest = nodes[index + 1 :]
            part = self._part(kind, value, rest, self.follow(rest, after), pattern)
            total = _Cost(part.steps + part.ways * (total.steps + 1), part.ways * total.ways)
        return total

    def _part(self, kind: Any, value: Any, rest: Sequence[Node], follow: _Follow, pattern: str) -> _Cost:
        if kind in _REPEATS:
            return self._repeat(value, rest, follow, pattern)
        if kind is op.BRANCH:
            options = [self.cost(list(one), follow, pattern) for one in value[1]]
            firsts = [self.first(list(one)).chars for one in value[1]]
            apart = sum(map(len, firsts)) == len(frozenset().union(*firsts))
            ways = [one.ways for one in options]
            return _Cost(sum(one.steps for one in options), max(ways) if apart else sum(ways))
        inside = [self.cost(body, follow, pattern) for body in _bodies(kind, value)]
        return _Cost(sum(one.steps for one in inside), sum(one.ways for one in inside) or 1)

    def _repeat(self, value: Any, rest: Sequence[Node], follow: _Follow, pattern: str) -> _Cost:
        low, high, body = int(value[0]), int(value[1]), list(value[2])
        inside = self.first(body)
        unbounded = high > UNBOUNDED
        if unbounded and _varies(body):
            raise ValueError(
                f"the pattern {pattern!r} repeats something that itself repeats or chooses, like (a+)* or (a|ab)*; "
                "such nested quantifiers can run for hours, so write it without the inner or the outer repeat"
            )
        around = follow if high == 1 else _Follow(follow.chars | inside.chars, follow.ends)
        once = self.cost(body, around, pattern)
        often = self.text_limit if unbounded else high
        ways = 1.0 if once.ways == 1 else once.ways ** min(often, UNBOUNDED)
        steps = often * (once.steps + 1) * ways
        if follow.ends and not follow.chars:
            return _Cost(0, ways)  # Nothing that follows can fail, so this is gone through once.
        if low == high or not follow.chars & inside.chars:
            return _Cost(steps, ways)
        lengths = often / (1 + _distinct(rest)) if unbounded else high - low + 1
        return _Cost(steps, ways * lengths)

    def follow(self, nodes: Sequence[Node], after: _Follow) -> _Follow:
        first = self.first(nodes)
        return _Follow(first.chars | after.chars, after.ends) if first.ends else first

    def first(self, nodes: Sequence[Node]) -> _Follow:
        """The characters that the nodes may begin with, and whether they may match nothing at all."""
        chars: frozenset[str] = frozenset()
        for kind, value in nodes:
            found = self._first_of(kind, value)
            chars |= found.chars
            if not found.ends:
                return _Follow(chars, ends=False)
        return _Follow(chars, ends=True)

    def _first_of(self, kind: Any, value: Any) -> _Follow:
        if kind in _REPEATS:
            body = self.first(list(value[2]))
            return _Follow(body.chars, body.ends or int(value[0]) == 0)
        if kind is op.BRANCH:
            options = [self.first(list(one)) for one in value[1]]
            return _Follow(frozenset().union(*(one.chars for one in options)), any(one.ends for one in options))
        if kind in (op.SUBPATTERN, op.ATOMIC_GROUP):
            return self.first(_bodies(kind, value)[0])
        if kind is op.AT and value is op.AT_END_STRING:
            return _Follow(frozenset(), ends=False)
        if kind is op.AT and value is op.AT_END:
            return _Follow(frozenset("\n"), ends=False)
        if kind is op.AT:
            # Any other anchor may fail after everything before it matched, whatever stands there.
            return _Follow(self.alphabet, ends=True)
        if kind in (op.ASSERT, op.ASSERT_NOT, op.GROUPREF, op.GROUPREF_EXISTS):
            return _Follow(self.alphabet, ends=True)
        return _Follow(self.characters(kind, value), ends=False)

    def characters(self, kind: Any, value: Any) -> frozenset[str]:
        if kind is op.LITERAL:
            return _both_cases(chr(value))
        if kind is op.NOT_LITERAL:
            return self.alphabet - {chr(value)}
        if kind is op.IN:
            return self._set(value)
        return self.alphabet if self.dot_is_all else self.alphabet - {"\n"}

    def _set(self, items: Sequence[Node]) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        negated = bool(items) and items[0][0] is op.NEGATE
        for kind, value in items:
            if kind is op.LITERAL:
                found |= {chr(value)} if negated else _both_cases(chr(value))
            elif kind is op.RANGE:
                within = frozenset(char for char in self.alphabet if value[0] <= ord(char) <= value[1])
                found |= within if negated else frozenset().union(*map(_both_cases, within))
            elif kind is op.CATEGORY:
                found |= frozenset(char for char in self.alphabet if _CATEGORIES[value](char))
        return self.alphabet - found if negated else found


def _bodies(kind: Any, value: Any) -> list[list[Node]]:
    if kind is op.SUBPATTERN:
        return [list(value[3])]
    if kind is op.ATOMIC_GROUP:
        return [list(value)]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [list(value[1])]
    if kind is op.GROUPREF_EXISTS:
        return [list(one) for one in value[1:] if one is not None]
    return []


def _varies(nodes: Sequence[Node]) -> bool:
    """Is there a repeat of no fixed length, or a choice, anywhere inside?"""
    for kind, value in nodes:
        if kind is op.BRANCH or (kind in _REPEATS and value[0] != value[1]):
            return True
        bodies = [list(value[2])] if kind in _REPEATS else _bodies(kind, value)
        if any(_varies(body) for body in bodies):
            return True
    return False


def _distinct(nodes: Sequence[Node]) -> int:
    """How many different characters stand fixed at the beginning: text that can't begin again at each place."""
    seen: set[int] = set()
    for kind, value in nodes:
        if kind is op.SUBPATTERN and not _varies(list(value[3])):
            seen |= {one for inner, one in value[3] if inner is op.LITERAL}
        elif kind is op.LITERAL:
            seen.add(value)
        elif kind is not op.AT and kind is not op.IN:
            break
    return len(seen)


def _both_cases(char: str) -> frozenset[str]:
    return frozenset({char, char.lower(), char.upper()})
