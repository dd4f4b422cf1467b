"""What agent does a YAML file describe? A definition, or every mistake in the file, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from agents.definition import (
    AgentDefinition,
    ApprovalRule,
    Bands,
    Branch,
    BudgetLimits,
    Ceiling,
    Comparison,
    Constraint,
    Deadline,
    Guard,
    Hours,
    Limits,
    Listing,
    ModelsFor,
    Question,
    Recipe,
    RecipeStep,
    Trigger,
    Wording,
)
from agents.definition.coherence import Finding, check_coherence
from agents.definition.marked_yaml import FLOAT, Marked, Mistake, Path, Unreadable, shown
from tools.canonical import NotJson, canonical
from tools.names import nearest
from tools.registry import Tool, registry

# What stands at a path, by the last name in it.
_PARTS: dict[str, type[BaseModel]] = {
    "constraints": Constraint,
    "must": Comparison,
    "limit": Ceiling,
    "outside": Hours,
    "approvals": ApprovalRule,
    "deadlines": Deadline,
    "limits": Limits,
    "budget": BudgetLimits,
    "models_for": ModelsFor,
    "confidence": Bands,
    "guard": Guard,
    "own_triggers": Trigger,
    "never_say": Wording,
    "blocks": Wording,
    "off_topic": Wording,
    "playbook": Recipe,
    "plan": RecipeStep,
    "unless": Branch,
    "on_error": Branch,
    "outcomes": Branch,
    "ask": Question,
    "lists": Listing,
}


class DefinitionErrors(ValueError):
    """A file describes no agent; `problems` are all its mistakes as (line, path, message), by line."""

    def __init__(self, source: str, problems: list[Mistake]) -> None:
        self.source = source
        self.problems = sorted(dict.fromkeys(problems))
        super().__init__("\n".join(_one_line(source, problem) for problem in self.problems))


def parse(text: str, source: str = "agent.yaml", tools: Mapping[str, Tool] | None = None) -> AgentDefinition:
    """The definition that a YAML text describes. `tools` are the known ones; by default, those registered.

    Raises DefinitionErrors. Nothing in the text is executed, expanded or fetched.
    """
    known = {tool.name: tool for tool in registry.all()} if tools is None else tools
    try:
        marked = Marked(text)
    except Unreadable as error:
        raise DefinitionErrors(source, error.mistakes) from None
    findings: list[Finding] = []
    definition = None
    if isinstance(marked.data, Mapping):
        try:
            definition = AgentDefinition.model_validate(marked.data)
        except ValidationError as error:
            findings += _shape_findings(error, marked.data)
        findings += check_coherence(marked.data, known)
        findings += _storable_findings(marked.data)
    else:
        findings.append(((), "an agent is a mapping of keys such as name, title, prompt and tools"))
    if definition is None or findings:
        mistakes = [Mistake(marked.line(path), shown(path), message) for path, message in findings]
        raise DefinitionErrors(source, mistakes)
    return definition


def dump(definition: AgentDefinition) -> str:
    """The definition as YAML that `parse` reads back to the same; what has its default is left out."""
    return dump_data(definition.model_dump(mode="json", exclude_defaults=True))


def dump_data(data: dict[str, Any]) -> str:
    """The YAML of a definition's data, sound or not."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


_ESCAPED = re.compile("[^\n -~\xa0-\u2027\u202a-\ufefe\uff00-\U0010ffff]")


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Characters that YAML takes for the end of a line, or that nobody sees, are written as escapes. A text such as 1e3
    # is a number to whoever reads it, and none to whoever writes it.
    style = '"' if _ESCAPED.search(text) or FLOAT.fullmatch(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _one_line(source: str, problem: Mistake) -> str:
    where = f"{problem.path}: " if problem.path else ""
    return f"{source}:{problem.line}: {where}{problem.message}"


def _storable_findings(data: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        canonical(dict(data))
    except NotJson as error:
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in error.path.split("/")[1:])
        yield tuple(int(part) if part.isdigit() else part for part in path), error.message


def _shape_findings(error: ValidationError, data: object) -> Iterator[Finding]:
    for one in error.errors(include_url=False):
        path, labels = _locate(one["loc"], data)
        value = _at(data, path)
        if one["type"] == "missing":
            yield path, f"{labels[-1]!r} is missing"
        elif one["type"] == "extra_forbidden":
            yield path, f"unknown key {path[-1]!r}" + _nearest_key(path)
        elif not _beside_the_point(labels, value):
            yield path, _sentence(one, value)


def _locate(location: tuple[str | int, ...], data: object) -> tuple[Path, list[str]]:
    """The path in the data, and the parts of the location that the data does not have: names of union members,
    and a key that is missing."""
    path: list[str | int] = []
    labels: list[str] = []
    here = data
    for part in location:
        inside = isinstance(here, Mapping) and part in here
        if inside or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]  # type: ignore[index]
            path.append(part)
        else:
            labels.append(str(part))
    return tuple(path), labels


def _beside_the_point(labels: list[str], value: object) -> bool:
    """Where a text or an object may stand, is this what the other one would have had to be?"""
    if not labels:
        return False
    return isinstance(value, Mapping) if labels[0] == "str" else isinstance(value, str)


def _nearest_key(path: Path) -> str:
    names = [part for part in path[:-1] if isinstance(part, str)]
    part = next((name for name in reversed(names) if name in _PARTS), None)
    model = _PARTS[part] if part else AgentDefinition
    close = nearest(str(path[-1]), model.model_fields, limit=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(model.model_fields)}"


def _sentence(error: Any, value: object) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error":
        return message
    written = repr(value)
    return f"{message[:1].lower()}{message[1:]}; it is {written if len(written) <= 80 else written[:79] + '…'}"


def _at(data: object, path: Path) -> object:
    here: Any = data
    for part in path:
        here = here[part]
    return here
