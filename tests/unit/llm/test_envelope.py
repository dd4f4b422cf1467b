"""Each tool is offered inside the envelope, and as strictly as the provider can take it."""

import pytest

from agents.llm.base import ToolOffer, control_offers
from agents.llm.envelope import arguments_said, envelope_schema, offered
from agents.llm.strict import ANTHROPIC, OPENAI
from tests.model_requests import DEFINITION, GET_ORDER, REFUND
from tools.schema import check_schema, validate

ADDRESS = {"type": "object", "required": ["street"], "properties": {"street": {"type": "string"}}}


def tool(name: str = "move", **schema: object) -> ToolOffer:
    return ToolOffer(name, "Moves.", {"type": "object", **schema})


def test_the_envelope_asks_for_reasons_confidence_and_the_tools_own_arguments() -> None:
    schema = envelope_schema(REFUND)
    assert schema["required"] == ["reasoning", "confidence", "arguments"]
    assert schema["properties"]["arguments"] == REFUND.input_schema
    said = {"reasoning": "r", "confidence": 0.5, "arguments": {"order_id": "1", "amount": 2}}
    assert not validate(schema, said)
    assert validate(schema, said | {"confidence": 7})


def test_references_inside_a_tools_schema_still_point_to_the_same_place() -> None:
    offer = tool(
        properties={"to": {"$ref": "#/$defs/Address"}, "like": {"$ref": "#/properties/to"}, "then": {"$ref": "#"}},
        **{"$defs": {"Address": ADDRESS}, "$schema": "https://json-schema.org/draft/2020-12/schema"},
    )
    schema = envelope_schema(offer)
    check_schema(schema)
    said = {"reasoning": "r", "confidence": 1, "arguments": {"like": {"street": "a"}, "then": {"to": {"street": "b"}}}}
    assert not validate(schema, said)
    said["arguments"] = {"then": {"like": {"street": 1}}}
    assert [problem.path for problem in validate(schema, said)] == ["/arguments/then/like/street"]


def test_a_value_that_only_looks_like_a_reference_is_left_alone() -> None:
    offer = tool(properties={"what": {"enum": [{"$ref": "#"}], "default": {"$ref": "#"}}})
    assert envelope_schema(offer)["properties"]["arguments"]["properties"]["what"]["enum"] == [{"$ref": "#"}]


def test_an_array_says_what_is_in_it_even_where_that_is_anything() -> None:
    schema = envelope_schema(tool(properties={"all": {"type": "array"}}))
    assert schema["properties"]["arguments"]["properties"]["all"] == {"type": "array", "items": {}}


def test_the_order_of_the_tools_is_kept_and_a_plan_is_open_ended() -> None:
    tools = offered((GET_ORDER, REFUND, *control_offers(DEFINITION)), OPENAI)
    assert [(one.name, one.strict) for one in tools] == [
        ("get_order", True),
        ("refund", True),
        ("propose_plan", False),
        ("finish", True),
        ("ask", True),
        ("escalate", True),
    ]


@pytest.mark.parametrize("offer", [GET_ORDER, REFUND, *control_offers(DEFINITION)], ids=lambda offer: offer.name)
@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC, None])
def test_every_offered_schema_is_a_schema(offer: ToolOffer, dialect: object) -> None:
    (one,) = offered([offer], dialect)  # type: ignore[arg-type]
    check_schema(one.schema)


def test_a_tool_that_strict_mode_can_not_take_is_offered_without() -> None:
    (one,) = offered([tool(properties={"anything": {}})], OPENAI)
    assert not one.strict
    assert one.schema["properties"]["arguments"]["properties"] == {"anything": {}}


def test_no_request_asks_anthropic_for_more_strictness_than_it_compiles() -> None:
    many = [tool(f"t{number}", properties={"a": {"type": "string"}}, required=["a"]) for number in range(30)]
    assert sum(one.strict for one in offered(many, ANTHROPIC)) == 20
    assert sum(one.strict for one in offered(many, OPENAI)) == 30
    optional = [tool(f"t{n}", properties={letter: {"type": "string"} for letter in "abcde"}) for n in range(10)]
    assert [one.strict for one in offered(optional, ANTHROPIC)].count(True) == 4
    unions = [tool(f"t{n}", properties={"a": {"type": ["string", "null"]}}, required=["a"]) for n in range(20)]
    assert [one.strict for one in offered(unions, ANTHROPIC)].count(True) == 16


def test_a_large_tool_leaves_strictness_to_those_after_it() -> None:
    large = tool("large", properties={f"p{number}": {"type": "string"} for number in range(25)})
    assert [one.strict for one in offered([large, GET_ORDER], ANTHROPIC)] == [False, True]


def test_nulls_that_strict_mode_put_in_are_taken_out_of_the_arguments_only() -> None:
    said = {"reasoning": None, "confidence": 1, "arguments": {"order_id": "1", "amount": 2, "note": None}}
    assert arguments_said(REFUND, said) == {
        "reasoning": None,
        "confidence": 1,
        "arguments": {"order_id": "1", "amount": 2},
    }
    assert arguments_said(REFUND, {"arguments": None}) == {"arguments": None}
