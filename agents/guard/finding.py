"""Where in a text does a rule apply? The place is marked, and what must not be repeated is covered."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agents.definition.patterns import TEXT_LIMIT
from agents.storable import visible_text

LOOKED_THROUGH = 60_000
"""Characters of one text that are looked through: beginning and end of a longer one."""
OVERLAP = 200
"""Patterns run on pieces of the length that they were checked for; a piece begins with the end of the one before."""
AROUND = 60
"""Characters that are shown on each side of a place."""


@dataclass(frozen=True)
class Rule:
    """What to look for: any of these patterns, which `check_pattern` accepts, or whole words in any case."""

    code: str
    why: str
    match: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    covered: bool = False
    """What was found is not shown again."""

    @functools.cached_property
    def compiled(self) -> tuple[re.Pattern[str], ...]:
        words = [rf"(?<!\w){re.escape(_plain(word))}(?!\w)" for word in self.words]
        return tuple(re.compile(one, re.IGNORECASE) for one in (*self.match, *words))


@dataclass(frozen=True)
class Finding:
    """A rule that applies, and where."""

    code: str
    why: str
    marked: str
    """The words around the place, which stands in ⟦…⟧."""

    def __str__(self) -> str:
        return f"{self.why}: “{self.marked}”"


def find(text: str, rules: Iterable[Rule]) -> Iterator[Finding]:
    """The first place of each rule that applies to the text, as people would read it."""
    read = _plain(text)
    pieces = list(_pieces(read))
    for rule in rules:
        found = next((one for piece in pieces for pattern in rule.compiled if (one := pattern.search(piece))), None)
        if found:
            yield Finding(rule.code, rule.why, mark(found.string, found.start(), found.end(), rule.covered))


def mark(text: str, start: int, end: int, covered: bool = False) -> str:
    """The words around a place, with the place in marks."""
    hit = text[start:end]
    shown = f"{hit[:3]}…" if covered else hit[: 2 * AROUND]
    after = "" if covered else text[end : end + AROUND]  # A secret may go on there.
    before = text[max(start - AROUND, 0) : start]
    left, right = "…" if start > AROUND else "", "…" if end + len(after) < len(text) else ""
    return " ".join(f"{left}{before}⟦{shown}⟧{after}{right}".split())


def _plain(text: str) -> str:
    """One form for letters that look alike, nothing invisible, straight quotes."""
    return unicodedata.normalize("NFKC", visible_text(text)).replace("’", "'").replace("‘", "'")


def _pieces(text: str) -> Iterator[str]:
    if len(text) > LOOKED_THROUGH:
        text = text[: LOOKED_THROUGH // 2] + "\n" + text[-LOOKED_THROUGH // 2 :]
    step = TEXT_LIMIT - OVERLAP
    for start in range(0, max(len(text) - OVERLAP, 1), step):
        yield text[start : start + TEXT_LIMIT]
