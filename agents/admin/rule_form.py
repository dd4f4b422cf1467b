"""How does a person write a constraint without YAML? A form with the fields of each kind, and what they stand for."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from agents.admin.forms import VerbatimField
from agents.definition import AgentDefinition, Constraint
from agents.definition.rules import DAYS
from agents.definition.wording import OPERATORS

KINDS = (
    ("value", "compares an argument with a value"),
    ("must", "an argument has to keep to a fact"),
    ("limit", "limits calls, or a sum"),
    ("outside", "knows business hours"),
    ("schema", "is always so, or what the JSON Schema below says"),
)
_BOUNDS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "const": "exactly",
    "pattern": "matches the pattern",
}


class JsonField(forms.JSONField):
    """A JSON object, or nothing."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 5, "class": "cs-mono", "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        if found is not None and not isinstance(found, dict):
            raise forms.ValidationError("This is a JSON object: it begins with { and ends with }.")
        return found or {}


class RuleForm(forms.Form):
    """One constraint. Only the fields of its kind count."""

    tool = forms.ChoiceField(required=False, help_text="The tool that it is about.")
    verdict = forms.ChoiceField(choices=[("deny", "Deny it"), ("review", "Ask a person first")])
    why = VerbatimField(
        widget=forms.TextInput, max_length=500, help_text="The agent, the reviewer and the journal get this sentence."
    )
    kind = forms.ChoiceField(choices=KINDS, label="This constraint")

    argument = forms.CharField(required=False, max_length=100)
    bound = forms.ChoiceField(required=False, choices=list(_BOUNDS.items()), label="is")
    value = forms.CharField(required=False, help_text="A number, or a text; in quotes, a number is a text too.")

    must_argument = forms.CharField(required=False, max_length=100, label="Argument")
    operator = forms.ChoiceField(required=False, choices=list(OPERATORS.items()), label="has to be")
    fact = forms.CharField(
        required=False,
        max_length=300,
        help_text="get_order#/paid: “paid” in a result of get_order. inputs#/limit, submitter#/name: the task’s own.",
    )
    same = forms.CharField(
        required=False,
        max_length=300,
        help_text="Which result: order_id=/order_id takes the newest one that names the order of this call.",
    )

    most = forms.DecimalField(required=False, min_value=0, label="At most")
    sum = forms.CharField(required=False, max_length=100, help_text="The argument that is summed. Empty: calls count.")
    within = forms.ChoiceField(required=False, choices=[("task", "one task"), ("day", "a day"), ("ever", "ever")])
    each = forms.CharField(
        required=False,
        max_length=100,
        help_text="The argument each of whose values has its own limit, such as a customer.",
    )

    opens = forms.CharField(required=False, max_length=5, initial="08:00")
    closes = forms.CharField(required=False, max_length=5, initial="18:00")
    days = forms.MultipleChoiceField(
        required=False,
        choices=[(day, day.capitalize()) for day in DAYS],
        widget=forms.CheckboxSelectMultiple,
        initial=DAYS[:5],
    )
    zone = forms.CharField(required=False, max_length=60, initial="UTC", help_text="Such as Europe/Lisbon.")

    when = JsonField(label="Only calls whose arguments fit", help_text="A JSON Schema. Empty: all calls.")
    facts = JsonField(
        label="Only tasks whose facts fit", help_text="A JSON Schema over submitter and inputs. Empty: all."
    )

    SECTIONS = {
        "value": ("argument", "bound", "value"),
        "must": ("must_argument", "operator", "fact", "same"),
        "limit": ("most", "sum", "within", "each"),
        "outside": ("opens", "closes", "days", "zone"),
    }

    def __init__(self, *args: Any, definition: AgentDefinition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tools = [(name, name) for name in definition.tools]
        self.fields["tool"].choices = [("", "Any tool"), *tools]  # type: ignore[attr-defined]

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of each kind, under its name."""
        return [(kind, [self[name] for name in names]) for kind, names in self.SECTIONS.items()]

    def data_of_rule(self) -> dict[str, Any]:
        """The constraint as the definition has it; whether it is sound, loading says."""
        given = self.cleaned_data
        rule = {"tool": given["tool"] or None, "verdict": given["verdict"], "why": given["why"]}
        return rule | {"when": given["when"], "facts": given["facts"]} | _DATA[given["kind"]](given)


def initial_of(constraint: Constraint) -> dict[str, Any]:
    """The fields that stand for a constraint."""
    data = constraint.model_dump(mode="json")
    found = {key: data[key] or "" for key in ("tool", "verdict", "why", "when", "facts")}
    if constraint.must:
        same = ", ".join(f"{name}={pointer}" for name, pointer in constraint.must.same.items())
        must = {"must_argument": constraint.must.argument, "operator": constraint.must.operator}
        return found | must | {"kind": "must", "fact": constraint.must.fact, "same": same}
    for kind in ("limit", "outside"):
        if data[kind]:
            return found | {"kind": kind} | data[kind]
    simple = _as_value(constraint.when)
    return found | ({"kind": "value", "when": ""} | simple if simple else {"kind": "schema"})


def _value(given: Mapping[str, Any]) -> dict[str, Any]:
    bound, value = given["bound"], _read_value(given["value"], given["bound"])
    kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else "string"
    part = {"const": value} if bound == "const" else {"type": kind, bound: value}
    one = {"required": [given["argument"]], "properties": {given["argument"]: part}}
    return {"when": {"allOf": [one, given["when"]]} if given["when"] else one}


def _must(given: Mapping[str, Any]) -> dict[str, Any]:
    pairs = [part.partition("=") for part in given["same"].split(",") if part.strip()]
    same = {name.strip(): pointer.strip() for name, _, pointer in pairs}
    must = {"argument": given["must_argument"], "operator": given["operator"], "fact": given["fact"], "same": same}
    return {"must": must}


def _limit(given: Mapping[str, Any]) -> dict[str, Any]:
    most = given["most"]
    limit = {key: given[key] for key in ("sum", "within", "each")}
    return {"limit": limit | {"most": None if most is None else f"{most:f}"}}


def _outside(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"outside": {key: given[key] for key in ("opens", "closes", "days", "zone")}}


def _schema(given: Mapping[str, Any]) -> dict[str, Any]:
    return {}


_DATA = {"value": _value, "must": _must, "limit": _limit, "outside": _outside, "schema": _schema}


def _read_value(text: str, bound: str) -> Any:
    """What was typed, as a number where it is one."""
    if bound == "pattern":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | str) else text


def _as_value(when: Mapping[str, Any]) -> dict[str, Any] | None:
    """The three fields of a condition on one argument with one bound; None for any other."""
    properties = when.get("properties", {})
    if set(when) != {"required", "properties"} or len(properties) != 1:
        return None
    ((argument, part),) = properties.items()
    bounds = set(part) - {"type"}
    if len(bounds) != 1 or not bounds <= set(_BOUNDS) or part.get("type") not in (None, "number", "string"):
        return None
    (bound,) = bounds
    value = part[bound]
    shown = value if bound == "pattern" else json.dumps(value, ensure_ascii=False)
    return {"argument": argument, "bound": bound, "value": shown}
