"""The strict form of a schema takes all that the original takes, and the answer comes back as it was meant."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.strict import ANTHROPIC, OPENAI, Untranslatable, strict_schema, without_injected_nulls
from tools.schema import validate


def closed(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or [], **more}


TEXT = {"type": "string"}


def test_an_optional_property_becomes_required_and_nullable_for_openai() -> None:
    assert strict_schema(closed({"id": TEXT, "note": {**TEXT, "description": "Why"}}, ["id"]), OPENAI) == {
        "type": "object",
        "properties": {"id": TEXT, "note": {"type": ["string", "null"], "description": "Why"}},
        "required": ["id", "note"],
        "additionalProperties": False,
    }


def test_an_optional_property_stays_optional_for_anthropic() -> None:
    assert strict_schema(closed({"id": TEXT, "note": TEXT}, ["id"]), ANTHROPIC) == {
        "type": "object",
        "properties": {"id": TEXT, "note": TEXT},
        "required": ["id"],
        "additionalProperties": False,
    }


def test_a_bound_that_strict_mode_lacks_is_told_in_the_description() -> None:
    amount = {"type": "number", "exclusiveMinimum": 0, "maximum": 100, "default": 5, "description": "In euros."}
    told = strict_schema(closed({"amount": amount}, ["amount"]), OPENAI)["properties"]["amount"]
    assert told == {"type": "number", "description": "In euros. (exclusiveMinimum: 0, maximum: 100, default: 5)"}


def test_a_format_that_strict_mode_knows_stays_and_another_is_told() -> None:
    schema = closed({"on": {**TEXT, "format": "date"}, "at": {**TEXT, "format": "iri"}}, ["on", "at"])
    properties = strict_schema(schema, OPENAI)["properties"]
    assert properties == {"on": {**TEXT, "format": "date"}, "at": {**TEXT, "description": '(format: "iri")'}}


def test_definitions_are_translated_where_they_are_used() -> None:
    schema = closed(
        {"home": {"$ref": "#/$defs/Address", "description": "Where"}, "work": {"$ref": "#/$defs/Address"}},
        ["home"],
        **{"$defs": {"Address": closed({"street": TEXT}, ["street"]), "Unused": {}}},
    )
    translated = strict_schema(schema, OPENAI)
    assert translated["$defs"] == {"Address": closed({"street": TEXT}, ["street"], additionalProperties=False)}
    assert translated["properties"]["home"] == {"$ref": "#/$defs/Address"}
    assert translated["properties"]["work"] == {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]}


def test_alternatives_and_constants_are_translated() -> None:
    schema = closed({"how": {"oneOf": [{"const": "card"}, {"enum": [1, None]}]}}, ["how"])
    assert strict_schema(schema, OPENAI)["properties"]["how"] == {
        "anyOf": [{"type": "string", "enum": ["card"]}, {"type": ["integer", "null"], "enum": [1, None]}]
    }


def test_a_single_schema_in_all_of_is_taken_in() -> None:
    schema = closed({"note": {"allOf": [TEXT], "description": "Why"}}, ["note"])
    assert strict_schema(schema, OPENAI)["properties"]["note"] == {**TEXT, "description": "Why"}


TREE = closed(
    {"top": {"$ref": "#/$defs/Node"}},
    ["top"],
    **{"$defs": {"Node": closed({"next": {"$ref": "#/$defs/Node"}})}},
)


def test_a_schema_that_contains_itself_is_strict_at_openai_only() -> None:
    assert strict_schema(TREE, OPENAI)["$defs"]["Node"]["required"] == ["next"]
    with pytest.raises(Untranslatable, match="contains itself"):
        strict_schema(TREE, ANTHROPIC)


@pytest.mark.parametrize(
    "part",
    [
        {},
        True,
        {"description": "anything"},
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "additionalProperties": TEXT},
        {"type": "object", "patternProperties": {"^x": TEXT}, "additionalProperties": False},
        {"type": "object", "properties": {}, "required": ["other"]},
        {"type": "object", "properties": {}, "unevaluatedProperties": False},
        {"type": "array"},
        {"type": "array", "prefixItems": [TEXT], "items": TEXT},
        {"enum": [{"a": 1}]},
        {"allOf": [{"type": "object", "properties": {"a": TEXT}}, {"type": "object", "properties": {"b": TEXT}}]},
        {"anyOf": [TEXT, {"type": "null"}], "properties": {"a": TEXT}},
        {"$ref": "#/properties/part"},
        {"$ref": "#/$defs/Missing"},
    ],
)
@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC])
def test_what_strictness_would_narrow_is_not_translated(part: Any, dialect: Any) -> None:
    with pytest.raises(Untranslatable):
        strict_schema(closed({"part": part}, ["part"]), dialect)


def test_an_injected_null_is_removed_and_a_meant_one_stays() -> None:
    schema = closed(
        {
            "id": TEXT,
            "note": TEXT,
            "until": {"anyOf": [{**TEXT, "format": "date"}, {"type": "null"}]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        },
        ["id"],
        **{"$defs": {"Line": closed({"sku": TEXT, "count": {"type": "integer"}}, ["sku"])}},
    )
    said = {"id": "1", "note": None, "until": None, "lines": [{"sku": "a", "count": None}]}
    assert without_injected_nulls(schema, said) == {"id": "1", "until": None, "lines": [{"sku": "a"}]}


def test_a_null_for_a_required_property_stays_and_is_found_wrong() -> None:
    schema = closed({"id": TEXT}, ["id"])
    assert without_injected_nulls(schema, {"id": None}) == {"id": None}
    assert validate(schema, {"id": None})


def test_nulls_are_removed_inside_the_alternative_that_fits() -> None:
    card = closed({"card": TEXT, "holder": TEXT}, ["card"], additionalProperties=False)
    cash = closed({"cash": {"type": "number"}, "till": TEXT}, ["cash"], additionalProperties=False)
    schema = closed({"by": {"anyOf": [card, cash]}}, ["by"])
    assert without_injected_nulls(schema, {"by": {"cash": 5, "till": None}}) == {"by": {"cash": 5}}


@st.composite
def schemas_with_values(draw: Any, depth: int = 0) -> tuple[dict[str, Any], Any]:
    kinds = ["string", "integer", "boolean", "nullable", "enum", "bounded"] + ["array", "object"] * (depth < 3)
    match draw(st.sampled_from(kinds)):
        case "string":
            return {"type": "string"}, draw(st.text("abc", max_size=5))
        case "integer":
            return {"type": "integer"}, draw(st.integers(-5, 5))
        case "boolean":
            return {"type": "boolean"}, draw(st.booleans())
        case "nullable":
            return {"type": ["string", "null"]}, draw(st.none() | st.text("abc", max_size=5))
        case "enum":
            return {"enum": ["a", "b", 3]}, draw(st.sampled_from(["a", "b", 3]))
        case "bounded":
            return {"type": "number", "minimum": 0, "multipleOf": 0.5}, draw(st.sampled_from([0, 0.5, 7]))
        case "array":
            schema, value = draw(schemas_with_values(depth + 1))
            return {"type": "array", "items": schema}, [value] * draw(st.integers(0, 2))
    return draw(objects_with_values(depth))


@st.composite
def objects_with_values(draw: Any, depth: int = 0) -> tuple[dict[str, Any], Any]:
    parts = {name: draw(schemas_with_values(depth + 1)) for name in draw(st.sets(st.sampled_from("abcd")))}
    required = [name for name in sorted(parts) if draw(st.booleans())]
    given = {name: value for name, (_, value) in parts.items() if name in required or draw(st.booleans())}
    return closed({name: schema for name, (schema, _) in parts.items()}, required), given


def as_strict_mode_says_it(strict: Any, value: Any) -> Any:
    """Every property that is required and was left out, as null."""
    if isinstance(value, list):
        return [as_strict_mode_says_it(strict["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    strict = next((one for one in strict.get("anyOf", ()) if one["type"] == "object"), strict)
    return {
        name: as_strict_mode_says_it(inner(sub), value[name]) if name in value else None
        for name, sub in strict["properties"].items()
    }


def inner(schema: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)


@given(objects_with_values())
def test_what_fits_the_schema_fits_its_strict_form_and_comes_back_unchanged(case: tuple[dict[str, Any], Any]) -> None:
    schema, value = case
    strict = strict_schema(schema, OPENAI)
    said = as_strict_mode_says_it(strict, value)
    assert not validate(schema, value)
    assert not validate(strict, said)
    back = without_injected_nulls(schema, said)
    assert not validate(schema, back)
    assert _only_meant_nulls(back, value)


def _only_meant_nulls(back: Any, value: Any) -> bool:
    """Where the schema takes a null, one that was put in can't be told from one that was meant."""
    if isinstance(back, dict):
        return all(
            _only_meant_nulls(part, value[name]) if name in value else part is None for name, part in back.items()
        ) and set(value) <= set(back)
    if isinstance(back, list):
        return len(back) == len(value) and all(map(_only_meant_nulls, back, value))
    return bool(back == value)
