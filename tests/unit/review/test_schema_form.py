"""The form that a tool's schema makes: what is typed becomes JSON of the right kind, or is told at its field."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from django.http import QueryDict

from review.admin.schema_form import ArgumentsForm
from tools.registry import Registry, Tool, tool

own = Registry()


@tool(name="everything", into=own)
def everything(
    order_id: str,
    amount: Decimal,
    count: int = 1,
    urgent: bool = False,
    speed: Literal["slow", "fast"] = "slow",
    on: date | None = None,
    lines: list[dict[str, Any]] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Everything that a form must be able to edit.

    Args:
        order_id: Which order.
        amount: How much, in EUR.
        count: How many.
        urgent: Is it urgent?
        speed: How fast.
        on: On which day.
        lines: What is in it.
        note: For the books.
    """
    return {"done": order_id}


EVERYTHING = own.get("everything")
WAS = EVERYTHING.normalise(
    {"order_id": "1042", "amount": 64.9, "lines": [{"sku": "KET-100"}], "on": "2026-11-20", "note": "two\nlines"}
)


def form(was: dict[str, Any] = WAS, tool: Tool = EVERYTHING, **typed: str) -> ArgumentsForm:
    """The form as a browser sends it: everything as it stood, and what was typed instead."""
    blank = ArgumentsForm(tool, was)
    data = QueryDict(mutable=True)
    for name, field in blank.fields.items():
        # Browsers send the lines of a text with CR and LF.
        data[name] = typed.pop(field.label, field.initial).replace("\n", "\r\n")
    assert not typed, "a field that the form does not have"
    return ArgumentsForm(tool, was, data)


def test_what_is_not_touched_comes_back_as_it_was():
    sent = form()

    assert sent.is_valid(), sent.errors
    assert sent.arguments == WAS


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("order_id", "1043", "1043"),
        ("amount", "60", 60),
        ("amount", "12.50", 12.5),
        ("count", "3", 3),
        ("urgent", "true", True),
        ("speed", '"fast"', "fast"),
        ("on", "2026-12-01", "2026-12-01"),
        ("on", "", None),
        ("lines", '[{"sku": "X", "n": 2}]', [{"sku": "X", "n": 2}]),
        ("lines", "", None),
        ("note", "", ""),
        ("note", " kept \nas typed", " kept \nas typed"),
    ],
)
def test_what_is_typed_becomes_the_value_that_the_schema_names(name: str, typed: str, value: Any):
    sent = form(**{name: typed})

    assert sent.is_valid(), sent.errors
    assert sent.arguments[name] == value
    assert type(sent.arguments[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("amount", "12,50", "12.50"),
        ("amount", "a lot", "number"),
        ("amount", "", "missing"),
        ("amount", "NaN", "number"),
        ("count", "1.5", "whole number"),
        ("speed", '"warp"', "one of"),
        ("on", "tomorrow", "date"),
        ("lines", "[1, 2", "no JSON"),
        ("lines", "NaN", "no JSON"),
        ("lines", '"text"', "list"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(name: str, typed: str, said: str):
    sent = form(**{name: typed})

    assert not sent.is_valid()
    (field,) = sent.errors
    assert sent.fields[field].label == name
    assert said in sent.errors[field][0]


def test_a_hidden_character_in_nested_json_is_seen_and_kept():
    was = WAS | {"lines": [{"name": "pay \u202e001 \U000e0041"}]}
    blank = ArgumentsForm(EVERYTHING, was)
    shown = next(field.initial for field in blank.fields.values() if field.label == "lines")

    assert "\u202e" not in shown
    assert json.loads(shown) == was["lines"]
    assert form(was, note="other").is_valid()


def test_a_tool_with_a_bare_schema_is_edited_as_json():
    bare = Tool(name="bare", description="", input_schema={"type": "object"}, run=lambda arguments, context: {})
    sent = form({"anything": {"deep": 1}}, bare, anything='{"deep": 2}')

    assert sent.is_valid(), sent.errors
    assert sent.arguments == {"anything": {"deep": 2}}
