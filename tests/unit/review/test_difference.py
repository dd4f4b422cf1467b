"""An edit is kept as a JSON Patch (RFC 6902): applied to what was proposed, it gives what the person wrote."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from review.difference import difference

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~ä", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def applied(patch: list[dict[str, Any]], value: Any) -> Any:
    """As RFC 6902 says it, for the operations that are used."""
    value = copy.deepcopy(value)
    for one in patch:
        if one["path"] == "":
            value = one["value"]
            continue
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
        inside = value
        for part in way:
            inside = inside[part]
        assert (last in inside) == (one["op"] != "add")
        if one["op"] == "remove":
            assert inside.pop(last) == one["old"]
        else:
            assert one["op"] == "add" or inside[last] == one["old"]
            inside[last] = one["value"]
    return value


@given(VALUES, VALUES)
def test_the_patch_leads_from_what_was_to_what_is(was: Any, now: Any) -> None:
    assert repr(_sorted(applied(difference(was, now), was))) == repr(_sorted(now))


@given(VALUES)
def test_nothing_changed_is_no_patch(value: Any) -> None:
    assert difference(value, copy.deepcopy(value)) == []


def _sorted(value: Any) -> Any:
    """Told apart by `repr`, since True == 1 in Python; the order of keys says nothing."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
