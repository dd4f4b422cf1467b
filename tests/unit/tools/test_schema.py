"""Whoever sends a wrong value is told which field, what was expected, and what came."""

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.schema import InvalidArguments, InvalidSchema, check_schema, normalise, validate

REFUND = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "pattern": r"^\d{4}$"},
        "amount": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01},
        "day": {"type": "string", "format": "date"},
        "kind": {"enum": ["full", "part"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
    "required": ["order_id", "amount"],
    "additionalProperties": False,
}


def said(**changes: object) -> list[str]:
    return [str(problem) for problem in validate(REFUND, {"order_id": "1042", "amount": 1, **changes})]


def test_a_fitting_value_has_no_problems():
    assert said(day="2026-11-20", kind="full", note=None, lines=[{"sku": "KET-100"}]) == []


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (
            "amount",
            "12,50",
            '/amount: expected a number, got the string "12,50"; write 12.50, with a point and without quotes',
        ),
        ("amount", "12.5", '/amount: expected a number, got the string "12.5"; write 12.5, without quotes'),
        ("amount", "much", '/amount: expected a number, got the string "much"'),
        ("amount", True, "/amount: expected a number, got true"),
        ("amount", None, "/amount: expected a number, got null"),
        ("amount", 0, "/amount: expected a number greater than 0, got the number 0"),
        ("amount", 0.005, "/amount: expected a multiple of 0.01, got the number 0.005"),
        ("amount", float("inf"), "/amount: not a number that JSON can write: NaN, or past any limit"),
        ("amount", {"value": 1}, "/amount: expected a number, got an object with value"),
        ("order_id", 1042, "/order_id: expected a string, got the number 1042"),
        ("order_id", "#1", r'/order_id: expected text that matches the pattern ^\d{4}$, got the string "#1"'),
        ("day", "20.11.2026", '/day: expected a date such as 2026-11-20, got the string "20.11.2026"'),
        ("day", "2026-02-30", '/day: expected a date such as 2026-11-20, got the string "2026-02-30"'),
        ("kind", "all", '/kind: expected one of "full", "part", got the string "all"'),
        ("note", 1, "/note: expected a string or null, got the number 1"),
        ("lines", [{"sku": "a"}, {"sku": []}], "/lines/1/sku: expected a string, got a list of 0 items"),
        ("note", "a\0", "/note: contains the character NUL, which cannot be stored"),
    ],
)
def test_each_mistake_is_said_in_a_sentence(field, value, sentence):
    assert said(**{field: value}) == [sentence]


def test_a_missing_and_an_unknown_field_are_said_at_their_own_places_with_the_nearest_name():
    assert [str(problem) for problem in validate(REFUND, {"order": "1042", "amount": 1})] == [
        "/order: unknown field; did you mean order_id? known fields: amount, day, kind, lines, note, order_id",
        "/order_id: is missing; expected a string",
    ]


def test_all_mistakes_are_said_at_once_but_not_without_end():
    assert len(said(amount="x", kind="all", day="soon")) == 3
    assert len(validate(REFUND, {f"field{i}": 1 for i in range(1000)})) == 20


def test_a_long_value_is_not_repeated_whole():
    assert len(said(kind="x" * 100_000)[0]) < 200


def test_the_nearest_alternative_explains_a_choice_that_fits_none():
    schema = {
        "anyOf": [
            {"type": "object", "properties": {"card": {"type": "string"}}, "required": ["card"]},
            {"type": "object", "properties": {"iban": {"type": "string"}}, "required": ["iban"]},
        ]
    }
    (problem,) = validate(schema, {"card": 5})
    assert "alternatives" in problem.message
    assert "string" in problem.message


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_every_amount_in_cents_is_a_multiple_of_a_cent(cents):
    assert validate({"type": "number", "multipleOf": 0.01}, float(f"{cents // 100}.{cents % 100:02d}")) == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_value_is_answered_with_problems_and_never_with_an_error(value):
    for problem in validate(REFUND, value):
        assert str(problem)
        json.dumps(problem.message)


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("date-time", "2026-11-20T09:30:00Z", "2026-11-20T09:30:00"),
        ("date-time", "2026-11-20T09:30:00.5+01:00", "yesterday"),
        ("date", "2024-02-29", "2023-02-29"),
        ("date", "2024-02-29", "20240229"),
        ("time", "09:30", "25:00"),
        ("email", "a@example.org", "example.org"),
        ("uuid", "00000000-0000-0000-0000-000000000001", "1"),
    ],
)
def test_formats_are_checked(format, good, bad):
    schema = {"type": "string", "format": format}
    assert validate(schema, good) == ()
    assert len(validate(schema, bad)) == 1


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"type": "objekt"}, "/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/properties/a/minimum"),
        ({"$ref": "https://example.org/schema.json"}, "leaves the schema"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "leaves the schema"),
        ({"$ref": "#/$defs/nothing"}, "points to nothing"),
        ({"$ref": "#"}, "without end"),
        ({"const": float("nan")}, "not JSON"),
        ("object", "is an object, not the string"),
    ],
)
def test_an_unusable_schema_is_refused_with_its_place(schema, sentence):
    with pytest.raises(InvalidSchema, match=sentence.replace("$", r"\$")):
        check_schema(schema)


def test_a_schema_that_contains_itself_is_usable():
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    check_schema(tree)
    assert validate(tree, {"children": [{"children": []}]}) == ()
    assert validate(tree, {"children": [{"children": 1}]})[0].path == "/children/0/children"


def test_nothing_is_fetched_for_a_reference(monkeypatch):
    def no_network(*arguments: object, **named: object) -> None:
        raise AssertionError("a schema reached for the network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(InvalidSchema, match="does not contain"):
        validate({"$ref": "http://example.org/schema.json"}, 1)


def test_defaults_are_filled_in_and_numbers_get_one_form():
    schema = {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "default": 10},
            "page": {"type": "object", "properties": {"size": {"type": "number", "default": 2.5}}},
        },
    }
    assert normalise(schema, {"page": {}}) == {"limit": 10, "page": {"size": 2.5}}
    normal = normalise(schema, {"limit": 3.0, "page": {"size": -0.0}})
    assert json.dumps(normal) == '{"limit": 3, "page": {"size": 0}}'


def test_arguments_that_do_not_fit_are_refused_with_every_problem():
    with pytest.raises(InvalidArguments) as refused:
        normalise(REFUND, {"order_id": 1, "amount": "x"})
    assert [problem.path for problem in refused.value.problems] == ["/amount", "/order_id"]
    assert "/order_id: expected a string" in str(refused.value)
