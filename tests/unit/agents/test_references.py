from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.references import (
    MalformedReference,
    UnresolvedReference,
    find_references,
    is_reference,
    look_up,
    resolve,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
plain = json_values.filter(lambda value: "$from" not in str(value))


def pointers(value, at=""):
    yield at, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from pointers(part, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from pointers(part, f"{at}/{index}")


@given(json_values)
def test_every_part_of_a_result_can_be_pointed_to(result):
    for at, part in pointers(result):
        assert look_up(result, at) == part
        assert resolve({"x": {"$from": f"s1#{at}"}}, {"s1": result}) == {"x": part}


@given(st.dictionaries(st.text().filter(lambda key: key != "$from"), plain, max_size=4))
def test_arguments_without_references_stay_as_they_are(arguments):
    assert resolve(arguments, {}) == arguments
    assert find_references(arguments) == []


@given(st.dictionaries(st.text(), json_values, max_size=3), json_values)
def test_whatever_is_given_the_answer_is_a_value_or_one_of_two_errors(arguments, result):
    with suppress(MalformedReference, UnresolvedReference):
        assert isinstance(resolve(arguments, {"s1": result}), dict)


def test_references_are_found_wherever_they_stand():
    found = find_references({"a": [{"b/c": {"$from": "s1#/x"}}], "d": {"$from": "s2#"}})
    assert [(one.step_id, one.pointer, one.at) for one in found] == [("s1", "/x", "/a/0/b~1c"), ("s2", "", "/d")]


@pytest.mark.parametrize("text", ["s1", "#/x", "s1#x", "s1#/a~2", "s 1#/x", "", None, 7, ["s1#/x"], "é#/x"])
def test_a_malformed_reference_is_named(text):
    with pytest.raises(MalformedReference, match="/amount"):
        find_references({"amount": {"$from": text}})


def test_a_reference_beside_other_keys_is_malformed():
    assert not is_reference({"$from": "s1#", "or": 5})
    with pytest.raises(MalformedReference, match="also has or"):
        resolve({"a": {"$from": "s1#", "or": 5}}, {"s1": 1})


@pytest.mark.parametrize(
    ("pointer", "said"),
    [("s2#/a", "no result"), ("s1#/b", "no 'b'"), ("s1#/list/3", "a list of 2"), ("s1#/list/-", "no '-'"),
     ("s1#/list/01", "no '01'"), ("s1#/a/b", "no 'b'")],
)  # fmt: skip
def test_a_pointer_to_nothing_says_what_is_missing(pointer, said):
    with pytest.raises(UnresolvedReference, match=said):
        resolve({"x": {"$from": pointer}}, {"s1": {"a": 1, "list": [1, 2]}})


def test_what_is_filled_in_is_not_followed():
    assert resolve({"x": {"$from": "s1#/a"}}, {"s1": {"a": {"$from": "s2#"}}}) == {"x": {"$from": "s2#"}}


def test_absurd_depth_is_refused():
    deep: dict = {}
    for _ in range(3000):
        deep = {"a": deep}
    for read in (find_references, lambda arguments: resolve(arguments, {})):
        with pytest.raises(MalformedReference, match="deeper"):
            read({"x": deep})
