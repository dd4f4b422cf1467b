"""Digests and approvals rest on this: one value, one canonical form; two values, two."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tools.canonical import NotJson, canonical, digest, plain_json

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def same_json(one: object, other: object) -> bool:
    """Whether two values are one JSON value: written as decimals, and with true and 1 told apart."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and one == other
    if isinstance(one, list) or isinstance(other, list):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same_json(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, dict) or isinstance(other, dict):
        return (
            type(one) is type(other)
            and one.keys() == other.keys()
            and all(same_json(one[key], other[key]) for key in one)
        )
    return as_written(one) == as_written(other)


def as_written(number: object) -> Fraction:
    return Fraction(repr(number) if isinstance(number, float) else number)


@given(values, values)
def test_two_values_share_a_form_only_if_they_are_the_same_json_value(one, other):
    assert (canonical(one) == canonical(other)) == same_json(one, other)


@given(numbers, numbers)
def test_two_numbers_share_a_form_only_if_they_are_equal_as_written(one, other):
    assert (canonical(one) == canonical(other)) == (as_written(one) == as_written(other))


@given(values)
def test_the_form_is_json_that_says_the_same(value):
    again = json.loads(canonical(value), parse_float=Decimal)
    assert same_json(value, again)
    assert canonical(again) == canonical(value)


@given(values)
def test_the_form_survives_the_way_to_the_database_and_back(value):
    plain = plain_json(value)
    stored = json.loads(json.dumps(plain))
    as_jsonb_gives_it = json.loads(canonical(plain))
    assert digest(plain) == digest(stored) == digest(as_jsonb_gives_it)


@given(values)
def test_a_plain_value_stays_as_it_is(value):
    plain = plain_json(value)
    assert plain_json(plain) == plain
    assert canonical(plain_json(plain)) == canonical(plain)


@given(st.dictionaries(texts, scalars, max_size=6))
def test_the_order_of_keys_does_not_matter(value):
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (23.9, "23.9"),
        (Decimal("23.90"), "23.9"),
        (1, "1"),
        (1.0, "1"),
        (Decimal("1.000"), "1"),
        (-0.0, "0"),
        (Decimal("-0"), "0"),
        (-1.5, "-1.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (Decimal("0.1") + Decimal("0.2"), "0.3"),
        (1e21, "1" + "0" * 21),
        (1.5e-7, "0.00000015"),
        (2**200, str(2**200)),
        (Decimal("123456789012345678901234567890.123456789"), "123456789012345678901234567890.123456789"),
        (True, "true"),
        (None, "null"),
        ("1", '"1"'),
        ("é\n🙂", '"é\\n🙂"'),
        ({"b": [1, {}], "a": ""}, '{"a":"","b":[1,{}]}'),
    ],
)
def test_forms(value, form):
    assert canonical(value) == form


def test_values_that_look_alike_are_told_apart():
    alike = ["1", 1, True, "true", None, "null", [], {}, "", 0, False, [1], ["1"], {"1": 1}, [[]], [None]]
    assert len({canonical(value) for value in alike}) == len(alike)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, ""),
        ({"a": [1, math.inf]}, "/a/1"),
        ([Decimal("NaN")], "/0"),
        ([Decimal("sNaN")], "/0"),
        (["\ud800"], "/0"),
        ({"a\0": 1}, ""),
        ({"a/b": "\0"}, "/a~1b"),
        ({1: "one"}, ""),
        ((1, 2), ""),
        ({"when": date(2026, 1, 1)}, "/when"),
        (Decimal("1e999999999"), ""),
        pytest.param(10**5000, "", id="a number of 5001 digits"),
        (b"bytes", ""),
        ({1, 2}, ""),
    ],
)
def test_what_is_not_json_is_refused_at_its_place(value, path):
    with pytest.raises(NotJson) as refused:
        canonical(value)
    assert refused.value.path == path


def test_a_value_nested_without_end_is_refused():
    endless: list = []
    endless.append(endless)
    for function in (canonical, plain_json):
        with pytest.raises(NotJson, match="nested deeper"):
            function(endless)


def test_the_digest_is_sha256_of_the_form():
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


class Colour(StrEnum):
    RED = "red"


class Point(BaseModel):
    x: Decimal


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("389.00"), 389),
        (Decimal("64.90"), 64.9),
        (Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
        (Decimal("1e99999"), "1E+99999"),
        (Decimal("sNaN"), "sNaN"),
        (7.0, 7),
        (math.inf, "inf"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-20T10:00:00Z"),
        (datetime(2026, 11, 20, 12, tzinfo=UTC), "2026-11-20T12:00:00Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(days=1), "P1D"),
        (Colour.RED, "red"),
        (Point(x=Decimal("1.50")), {"x": 1.5}),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2,)), [1, [2]]),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
        ("\ud83d\ude42", "🙂"),
        ({"k\0": True}, {"k\ufffd": True}),
    ],
)
def test_python_values_become_plain_json(value, plain):
    became = plain_json(value)
    assert became == plain
    assert type(became) is type(plain)


@pytest.mark.parametrize("value", [object(), {1: 2}, [lambda: None], {"a": {"b": object()}}])
def test_an_object_without_a_json_form_is_refused(value):
    with pytest.raises(NotJson):
        plain_json(value)
