import pytest
from pydantic import ValidationError

from agents.definition.conditions import check_condition
from tests.unit.policy.making import OVER_100, definition

NUMBER = {"type": "number", "maximum": 5}


@pytest.mark.parametrize(
    "when",
    [
        {},
        OVER_100["when"],
        {"required": ["a"], "properties": {"a": {"const": "x"}}},
        {"required": ["a"], "properties": {"a": {"enum": ["x", None]}}},
        {
            "required": ["a"],
            "properties": {"a": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}},
        },
        {"required": ["a"], "properties": {"a": {"type": "string", "not": {"pattern": "^DE"}}}},
        {
            "anyOf": [
                OVER_100["when"],
                {"required": ["note"], "properties": {"note": {"type": "string", "minLength": 9}}},
            ]
        },
        {"required": ["a"], "properties": {"a": {"type": "array", "contains": {"type": "number", "minimum": 3}}}},
    ],
)
def test_a_sound_condition_is_taken(when):
    assert check_condition(when, root_type="object") == []


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"properties": {"a": NUMBER}}, "not required"),
        ({"required": ["a"], "properties": {"a": {"maximum": 5}}}, "has no type"),
        ({"required": ["a"], "properties": {"a": {}}}, "has no type"),
        ({"required": ["a"]}, "required and has no type"),
        ({"required": ["a"], "properties": {"a": {"type": "string", "maximum": 5}}}, "another type"),
        ({"required": ["a"], "properties": {"a": {"enum": [1], "maximum": 5}}}, "another type"),
        ({"required": ["a"], "properties": {"a": {"type": ["number", "string"], "maximum": 5}}}, "type must be one of"),
        ({"required": ["a"], "properties": {"a": {"type": "number", "maximun": 5}}}, "did you mean 'maximum'"),
        (
            {"required": ["a"], "properties": {"a": {"type": "object", "properties": {"b": NUMBER}}}},
            "/a: 'b' is named and not required",
        ),
        ({"anyOf": [{"properties": {"a": NUMBER}}]}, "not required"),
        ({"not": {"required": ["a"], "properties": {"a": {"maximum": 5}}}}, "has no type"),
        ({"required": ["a"], "properties": {"a": {"type": "array", "items": {"maximum": 5}}}}, "has no type"),
        ({"patternProperties": {"a": NUMBER}}, "no keyword"),
        ({"$ref": "#/x"}, "no keyword"),
        ({"if": {}, "then": {}}, "no keyword"),
        ({"required": ["a"], "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}, "nested quantifiers"),
        ({"required": ["a"], "properties": {"a": {"type": "string", "minLength": "x"}}}, "minLength"),
        ({"required": "a"}, "must be a list"),
    ],
)
def test_a_condition_that_could_match_silently_is_refused(when, said):
    problems = check_condition(when, root_type="object")
    assert said in " ".join(problems)
    with pytest.raises(ValidationError):
        definition(constraints=[{"tool": "pay", "verdict": "deny", "why": "no", "when": when}])


def test_a_condition_on_a_result_says_that_it_is_an_object():
    when = {"required": ["status"], "properties": {"status": {"const": "paid"}}}
    assert "add type: object" in " ".join(check_condition(when))
    assert check_condition({"type": "object", **when}) == []


def test_a_condition_nested_without_end_is_refused():
    when: dict = {}
    for _ in range(5000):
        when = {"not": when}
    assert check_condition(when) == ["the condition is nested too deeply"]
