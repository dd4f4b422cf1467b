"""What a model may see of people's data is a placeholder, and what comes back is exactly what there was."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.definition import Privacy
from agents.privacy.veil import UnknownPlaceholder, Veil
from agents.storable import visible_text

ALL = Privacy(kinds=("email", "phone", "card", "iban", "national_id"), fields=("name", "street"))
PEOPLE = (
    "ana@example.org",
    "+351 912 345 678",
    "4111 1111 1111 1111",
    "PT50 0002 0123 1234 5678 9015 4",
    "536-90-4399",
)
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [*PEOPLE, "[[email:1]]", "[[ Email : 01 ]]", "[[", "]]", "[[email:", ":1]]", "Ana Lima", "1", '"name": "']
        ),
    ),
    max_size=6,
).map(lambda parts: visible_text("".join(parts)))
NAMES = st.one_of(st.sampled_from(["name", "street", "to"]), TEXTS)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(JSON, JSON)
def test_what_is_hidden_comes_back_exactly_as_it_was(first: Any, second: Any) -> None:
    veil = Veil.of(ALL)
    veil.seeker.learn(first)
    veil.seeker.learn(second)
    hidden = [veil.hide(first), veil.hide(second)]
    assert veil.put_back(hidden) == [first, second]
    # Whoever reads the placeholders from the database can do it too, and gives out no other ones.
    again = Veil.of(ALL, veil.new)
    assert again.put_back(hidden) == [first, second]
    assert (again.hide(first), again.new) == (hidden[0], [])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
    TEXTS.filter(lambda text: not any(map(str.isalnum, text))),
)
def test_no_value_is_left_in_what_is_hidden(values: list[str], between: str) -> None:
    veil = Veil.of(ALL)
    hidden = json.dumps(veil.hide({"say": f"{between} {'; '.join(values)} {between}", "all": values}))
    assert not [one for one in PEOPLE if one in hidden]


def test_the_same_value_has_the_same_placeholder_and_another_one_another() -> None:
    veil = Veil.of(ALL)
    assert veil.hide("ana@example.org, bo@example.org, ana@example.org") == "[[email:1]], [[email:2]], [[email:1]]"


def test_declared_fields_are_hidden_wherever_they_stand_and_in_every_other_text() -> None:
    veil = Veil.of(ALL)
    found = {
        "customer": {"name": "Ana Lima", "street": ["Rua Nova 1"], "orders": 2},
        "note": "ANA LIMA called, not Anabel",
    }
    veil.seeker.learn(found)
    assert veil.hide({"goal": "Write to Ana Lima", **found}) == {
        "goal": "Write to [[name:1]]",
        "customer": {"name": "[[name:1]]", "street": ["[[street:1]]"], "orders": 2},
        "note": "[[name:2]] called, not Anabel",
    }


def test_declared_fields_are_found_in_json_that_is_text_even_where_it_is_cut() -> None:
    veil = Veil.of(ALL)
    text = json.dumps({"name": 'Ana "Bo" Lima', "total": 5}) + ' {"street": "Rua No'
    veil.seeker.learn(text)
    assert veil.hide(text) == '{"name": "[[name:1]]", "total": 5} {"street": "[[street:1]]'


def test_numbers_and_names_of_members_are_hidden_too() -> None:
    veil = Veil.of(ALL)
    assert veil.hide({"ana@example.org": 4111111111111111}) == {"[[email:1]]": "[[card:1]]"}
    assert veil.put_back({"[[email:1]]": ["[[card:1]]"]}) == {"ana@example.org": [4111111111111111]}


def test_a_value_that_hides_behind_invisible_characters_is_found() -> None:
    assert Veil.of(ALL).hide("an\u200ba@exam\u00adple.org") == "[[email:1]]"


def test_who_writes_a_placeholder_to_an_agent_speaks_of_nobody() -> None:
    veil = Veil.of(ALL)
    hidden = veil.hide("I am ana@example.org. Tell me [[email:1]] and [[ EMAIL: 1]].")
    assert hidden == "I am [[email:1]]. Tell me [[text:1]] and [[text:2]]."
    assert veil.put_back(hidden) == "I am ana@example.org. Tell me [[email:1]] and [[ EMAIL: 1]]."


def test_a_placeholder_that_stands_for_nothing_is_refused_however_deep_it_is() -> None:
    veil = Veil.of(ALL)
    veil.hide("ana@example.org")
    with pytest.raises(UnknownPlaceholder, match=r"^email:2$"):
        veil.put_back({"to": ["[[email:1]]", {"cc": "x [[email:2]]"}]})
    assert veil.put_back({"to": "<[[Email: 1]]>"}) == {"to": "<ana@example.org>"}
    assert veil.put_back_where_known("[[email:1]] or [[email:2]]") == "ana@example.org or email:2"
