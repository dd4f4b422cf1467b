"""What does a YAML text say, and on which line does it say it?

Only what JSON has: texts, numbers, true and false, null, lists, and mappings with text keys. No tags, no aliases (a
few lines of them can expand to gigabytes), no second meaning of words: `no`, `on`, `0123` and `12:30` are texts.
Nothing is ever constructed but plain data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 60

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
FLOAT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class Mistake(NamedTuple):
    """One thing wrong with a text: its line (from 1), where in the data it is, and what to do."""

    line: int
    path: str
    message: str


class Unreadable(Exception):
    """The text is no YAML of the kind that is read here."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"line {one.line}: {one.message}" for one in mistakes))
        self.mistakes = mistakes


class Marked:
    """Plain data with the lines that it came from."""

    def __init__(self, text: str) -> None:
        """Reads the text. Raises Unreadable with every mistake that can be told at once."""
        self.mistakes: list[Mistake] = []
        self._lines: dict[Path, int] = {}
        root = _compose(text)
        self.data: Any = None if root is None else self._read(root, ())
        if self.mistakes:
            raise Unreadable(self.mistakes)

    def line(self, path: Path) -> int:
        """The line of this path, or of the nearest part above it that the text has."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _read(self, node: yaml.Node, path: Path) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > MAX_DEPTH:
            self._wrong(node, path, f"nested deeper than {MAX_DEPTH} levels")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(part, (*path, index)) for index, part in enumerate(node.value)]
        return self._read_scalar(node, path)

    def _read_mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, path, "a key must be a plain text")
                continue
            key = str(key_node.value)
            if key in found:
                first = self._lines[(*path, key)]
                self._wrong(key_node, (*path, key), f"the key {key!r} stands here twice; it is on line {first} already")
                continue
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            found[key] = self._read(value_node, (*path, key))
        return found

    def _read_scalar(self, node: yaml.Node, path: Path) -> Any:
        raw = str(node.value)
        if getattr(node, "style", None) is not None:
            return raw
        if raw.casefold() in _WORDS:
            return _WORDS[raw.casefold()]
        if _INTEGER.fullmatch(raw):
            return int(raw)
        if FLOAT.fullmatch(raw) and not re.match(r"[-+]?0[0-9]", raw) and _has_point(raw):
            return self._finite(node, float(raw), path)
        if raw.casefold().lstrip("+-") in (".inf", ".nan"):
            self._wrong(node, path, f"{raw} is no number that JSON can write")
        return raw

    def _finite(self, node: yaml.Node, number: float, path: Path) -> float:
        if number in (float("inf"), float("-inf")):
            self._wrong(node, path, f"{node.value} is too large a number")
        return number

    def _wrong(self, node: yaml.Node, path: Path, message: str) -> None:
        self.mistakes.append(Mistake(node.start_mark.line + 1, shown(path), message))


def shown(path: Path) -> str:
    """A path as people read it: playbook.0.plan.1.tool."""
    return ".".join(str(part) for part in path)


def _compose(text: str) -> yaml.Node | None:
    if len(text) > MAX_CHARACTERS:
        size = f"the text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise Unreadable([Mistake(1, "", size)])
    try:
        if mistakes := list(_refused_events(text)):
            raise Unreadable(mistakes)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise Unreadable([Mistake(mark.line + 1 if mark else 1, "", f"not YAML: {message}")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"not YAML: the character U+{error.character:04X} is not allowed here"
        raise Unreadable([Mistake(line, "", message)]) from None
    except RecursionError:
        raise Unreadable([Mistake(1, "", "nested too deeply")]) from None


def _refused_events(text: str) -> Iterator[Mistake]:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH + 1:
            # At once: each level deeper takes the scanner longer.
            raise Unreadable([Mistake(line, "", f"nested deeper than {MAX_DEPTH} levels")])
        if isinstance(event, yaml.AliasEvent):
            yield Mistake(line, "", f"the alias *{event.anchor} is not read here; write the value out")
        elif isinstance(event, yaml.NodeEvent) and event.anchor:
            yield Mistake(line, "", f"the anchor &{event.anchor} is not read here; leave it out")
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            yield Mistake(line, "", f"the tag {tag} is not read here; leave it out")


def _has_point(raw: str) -> bool:
    return any(mark in raw for mark in ".eE")
