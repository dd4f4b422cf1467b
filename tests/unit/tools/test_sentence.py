"""A person reads what a call will do in one line, whatever a model wrote into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.registry import Tool

REFUND = Tool(
    "issue_refund",
    "Refund.",
    {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "multipleOf": 0.01},
            "reason": {"type": "string"},
            "to": {"type": "object", "properties": {"city": {"type": "string"}}},
            "tags": {"type": "array"},
        },
    },
    run=lambda arguments, context: None,
    sentence="Refund {amount} EUR to {to.city}: {reason}",
)
GOOD = {"amount": 64.9, "reason": "broken", "to": {"city": "Lisbon"}}


def test_the_sentence_is_filled_with_money_in_cents():
    assert REFUND.describe(GOOD) == "Refund 64.90 EUR to Lisbon: broken"
    assert REFUND.describe({**GOOD, "amount": 389}) == "Refund 389.00 EUR to Lisbon: broken"


@pytest.mark.parametrize("reason", ["{amount}", "{to.__class__}", "{{", "%s {0}", "{reason}"])
def test_what_was_filled_in_is_not_filled_again(reason):
    assert REFUND.describe({**GOOD, "reason": reason}) == f"Refund 64.90 EUR to Lisbon: {reason}"


def test_hidden_characters_are_shown_and_lines_are_joined():
    described = REFUND.describe({**GOOD, "reason": "a\u202eb\u200bc\n\n  d\x07"})
    assert described == "Refund 64.90 EUR to Lisbon: a\\u{202e}b\\u{200b}c d\\u{7}"


def test_a_long_value_is_cut_and_says_so():
    described = REFUND.describe({**GOOD, "reason": "x" * 5000})
    assert described.endswith("x… (5,000 characters)")
    assert len(described) < 300


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"amount": 5}, "issue_refund(amount=5)"),
        ({**GOOD, "to": "Lisbon"}, 'issue_refund(amount=64.9, reason="broken", to="Lisbon")'),
        ({}, "issue_refund()"),
        (None, "issue_refund(none)"),
        ([1], "issue_refund([1])"),
    ],
)
def test_arguments_that_do_not_fill_it_are_shown_as_a_call(arguments, said):
    assert REFUND.describe(arguments) == said


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(anything | st.fixed_dictionaries({"amount": anything, "reason": anything, "to": anything}))
def test_any_arguments_are_described_in_one_printable_line(arguments):
    described = REFUND.describe(arguments)
    assert described
    assert described.isprintable()
