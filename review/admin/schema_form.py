"""How does a person edit a call's arguments? In a form made from the tool's input schema, a field for each argument.

What is typed is turned back into JSON of the kind that the schema names; whether it is acceptable, the tool says, and
the form tells it at the field. A value that was not touched comes back exactly as it was.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from agents.templatetags.countersign import as_json, visible
from tools.problems import Problem
from tools.registry import Tool
from tools.schema import InvalidArguments

LONG = 80
"""Characters from which a text gets a larger field."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d{1,3})?", re.ASCII)
_MISSING = object()


@dataclass(frozen=True)
class Argument:
    """One argument, and how it is typed: text, date, number, boolean, choice, or anything else as JSON."""

    name: str
    kind: str
    required: bool
    nullable: bool
    choices: tuple[Any, ...]
    help_text: str
    was: Any
    """What was proposed; `_MISSING` where the call left it out."""

    def shown(self) -> str:
        """The text that stands in the field at first."""
        if self.was is _MISSING or (self.was is None and self.nullable):
            return ""
        if self.kind in ("text", "date") and isinstance(self.was, str):
            return self.was
        return as_json(self.was)

    def read(self, typed: str) -> Any:
        """The value that was typed; `_MISSING` for none. Raises ValueError where JSON is typed and it is none."""
        typed = typed.replace("\r\n", "\n")
        if typed == self.shown().replace("\r\n", "\n"):
            return self.was
        if typed == "" and self.nullable:
            return None
        if self.kind in ("text", "date"):
            return _MISSING if typed == "" and self.was is _MISSING else typed
        if not typed.strip():
            return _MISSING
        if self.kind == "number":
            # What is no number goes to the tool as it was typed: its sentence says how to write one.
            return json.loads(typed.strip()) if _NUMBER.fullmatch(typed.strip()) else typed
        return json.loads(typed, parse_constant=_refuse_constant)


class ArgumentsForm(forms.Form):
    """The form of one call. `is_valid` leaves the normalised arguments in `arguments`."""

    def __init__(self, tool: Tool, was: Mapping[str, Any], data: QueryDict | None = None, now: Any = None) -> None:
        """`now`: arguments to start from instead of those proposed, after an edit that was not sent."""
        super().__init__(data)
        self.tool = tool
        self.rows = tuple(_arguments(tool.input_schema, was))
        self.arguments: dict[str, Any] = {}
        starts = tuple(_arguments(tool.input_schema, now if isinstance(now, Mapping) else was))
        begin = {row.name: row.shown() for row in starts}
        for index, row in enumerate(self.rows):
            self.fields[f"a-{index}"] = _field(row, begin.get(row.name, row.shown()))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for index, row in enumerate(self.rows):
            field = f"a-{index}"
            try:
                value = row.read(self.cleaned_data.get(field, ""))
            except ValueError as error:
                self.add_error(field, f"This is no JSON: {error}.")
                continue
            if value is not _MISSING:
                given[row.name] = value
        if not self.errors:
            self._normalise(given)
        return self.cleaned_data

    def _normalise(self, given: dict[str, Any]) -> None:
        try:
            self.arguments = self.tool.normalise(given)
        except InvalidArguments as invalid:
            for problem in invalid.problems:
                self.tell(problem)

    def tell(self, problem: Problem) -> None:
        """Shows a problem at the field that it is about."""
        first, _, rest = problem.path.removeprefix("/").partition("/")
        name = first.replace("~1", "/").replace("~0", "~")
        found = next((f"a-{index}" for index, row in enumerate(self.rows) if row.name == name), None)
        inside = f"/{rest}: " if rest and found else ""
        message = f"{inside}{problem.message}" if found else str(problem)
        self.add_error(found, message[:1].upper() + message[1:] + ".")


def _field(row: Argument, initial: str) -> forms.Field:
    options: dict[str, Any] = {
        "required": False,
        "initial": initial,
        "label": visible(row.name),
        "help_text": row.help_text,
    }
    if row.kind == "choice":
        empty = [] if row.required and row.was is not _MISSING else [("", "none")]
        choices = [*empty, *((json.dumps(one, ensure_ascii=False), str(one)) for one in row.choices)]
        return forms.CharField(widget=forms.Select(choices=choices), **options)
    return forms.CharField(strip=False, widget=_widget(row, initial), **options)


def _widget(row: Argument, initial: str) -> forms.Widget:
    match row.kind:
        case "json":
            rows = min(max(initial.count("\n") + 1, 3), 16)
            return forms.Textarea(attrs={"rows": rows, "class": "cs-mono", "spellcheck": "false"})
        case "text" if len(initial) > LONG or "\n" in initial:
            return forms.Textarea(attrs={"rows": min(initial.count("\n") + len(initial) // LONG + 2, 14)})
        case "number":
            return forms.TextInput(attrs={"inputmode": "decimal"})
        case "date":
            return forms.TextInput(attrs={"placeholder": "2026-11-20"})
        case _:
            return forms.TextInput()


def _arguments(schema: Mapping[str, Any], was: Mapping[str, Any]) -> Iterator[Argument]:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    extra: dict[str, Any] = {name: {} for name in was if name not in properties}
    for name, declared in {**properties, **extra}.items():
        wanted, nullable = _resolved(declared, schema)
        yield Argument(
            name=name,
            kind=_kind(wanted, was.get(name)),
            required=name in required,
            nullable=nullable,
            choices=_choices(wanted),
            help_text=str(wanted.get("description") or (declared.get("description", "") if declared else "")),
            was=was.get(name, _MISSING),
        )


def _resolved(declared: Any, root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema behind a local reference or an “or null”, and whether null is allowed."""
    if not isinstance(declared, Mapping):
        return {}, False
    if str(declared.get("$ref", "")).startswith("#/$defs/"):
        target = root.get("$defs", {}).get(declared["$ref"].removeprefix("#/$defs/"), {})
        declared = {**target, **{key: value for key, value in declared.items() if key != "$ref"}}
    types = declared.get("type")
    if isinstance(types, list) and "null" in types and len(types) == 2:
        return {**declared, "type": next(one for one in types if one != "null")}, True
    alternatives = declared.get("anyOf", ())
    others = [one for one in alternatives if one.get("type") != "null"]
    if len(others) == 1 and len(alternatives) == 2:
        inner, _ = _resolved(others[0], root)
        return {**inner, **{key: value for key, value in declared.items() if key != "anyOf"}}, True
    return declared, False


def _kind(schema: Mapping[str, Any], was: Any) -> str:
    if "enum" in schema or schema.get("type") == "boolean":
        return "choice"
    match schema.get("type"):
        case "string" if was is None or isinstance(was, str):
            return "date" if schema.get("format") == "date" else "text"
        case "integer" | "number":
            return "number"
    return "json"


def _choices(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    if "enum" in schema:
        return tuple(schema["enum"])
    return (True, False) if schema.get("type") == "boolean" else ()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
