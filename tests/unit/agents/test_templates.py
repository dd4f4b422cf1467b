import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.definition.templates import BadTemplate, MissingValue, fill, placeholders, readable, sentence


def test_values_and_parts_of_results_are_filled_in():
    values = {"who": "Ana", "order": {"lines": [{"name": "Kettle"}], "total": 64.9, "paid": 65}}
    assert sentence("{who}: {order.lines.0.name}, {order.total:money} of {order.paid:money} EUR", values) == (
        "Ana: Kettle, 64.90 of 65.00 EUR"
    )


@given(st.text())
def test_what_is_filled_in_is_never_read_as_a_template(text):
    assert sentence("<{who}>", {"who": text, "other": "secret"}) == f"<{text}>"


@pytest.mark.parametrize("text", ["{0.__class__}", "{who.__class__.__mro__}", "{who.upper}", "{__class__}"])
def test_no_attribute_of_a_value_is_reached(text):
    with pytest.raises(MissingValue):
        sentence(text, {"who": "Ana"})


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{a!r}", "{a:>10}", "{a[0]}", "{a.}", "{{a}", "{a{b}}"])
def test_braces_that_are_no_placeholder_are_refused(text):
    with pytest.raises(BadTemplate):
        placeholders(text)


def test_doubled_braces_are_braces():
    assert sentence("{{who}} {who}", {"who": "x"}) == "{who} x"


@pytest.mark.parametrize("value", [None, "five", True, [1]])
def test_what_is_no_amount_is_not_shown_as_money(value):
    with pytest.raises(MissingValue):
        sentence("{a:money}", {"a": value})


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(5, "5.00"), (64.9, "64.90"), (0.125, "0.125"), (-3.5, "-3.50"), (1e22, "10000000000000000000000")],
)
def test_money_has_two_decimals_and_is_never_rounded(amount, shown):
    assert sentence("{a:money}", {"a": amount}) == shown


def test_a_text_that_is_one_placeholder_keeps_the_type_of_its_value():
    assert fill({"n": "{n}", "t": "n={n}", "l": ["{l}"]}, {"n": 5, "l": [1, None]}) == {
        "n": 5,
        "t": "n=5",
        "l": [[1, None]],
    }


def test_references_are_left_as_they_are():
    assert fill({"a": {"$from": "s1#/{x}"}}, {}) == {"a": {"$from": "s1#/{x}"}}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (1e-7, "0.0000001"),
        ([], "nothing"),
        ({}, "nothing"),
        (["a", 2], "a, 2"),
        ([{"order_id": "1", "paid": False}, {}], "order id 1, paid no; nothing"),
    ],
)
def test_values_are_written_as_people_read_them(value, shown):
    assert readable(value) == shown
