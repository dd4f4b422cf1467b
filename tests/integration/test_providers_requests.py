"""What goes out is legal on all three protocols: one call and its result, the same tools each time, one forced call."""

import json
from typing import Any

import pytest

from agents.llm.base import Guidance, PlanStep
from tests.model_requests import KEY, PROTOCOLS, asked, called, envelope, in_turn, refuses, request, says

FINISH = ("finish", envelope(result="Done."))
STEP = PlanStep("s1", "get_order", "Look it up", None)
REFUSED = {"error": {"code": "envelope.not_json", "message": "Not JSON."}}
HISTORY = [
    called(1, "propose_plan", {"accepted": True}),
    called(2, "envelope.not_json", REFUSED, is_error=True, raw='get_order({"broken'),
    Guidance("rita", "Look it up first."),
    called(3, result={"total": 12.5}, planned_id="s1"),
    called(4, "refund", {"error": {"code": "denied", "message": "Over the limit."}}, is_error=True),
]


def sent(protocol: str, *args: Any, **changes: Any) -> dict[str, Any]:
    over = asked(protocol, in_turn(says(protocol, FINISH)))
    over.model.propose(request(*args, **changes))
    return over.sent[0]


def test_anthropic_gets_user_and_assistant_in_turn_and_each_call_with_its_result() -> None:
    messages = sent("anthropic", HISTORY, [STEP], STEP)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 4 + ["user"]
    assert [[block["type"] for block in message["content"]] for message in messages] == [
        ["text"],
        ["tool_use"],
        ["tool_result"],
        ["text"],
        ["text", "text"],
        ["tool_use"],
        ["tool_result"],
        ["tool_use"],
        ["tool_result", "text"],
    ]
    assert messages[1]["content"][0]["id"] == messages[2]["content"][0]["tool_use_id"] == "step_7_1"
    assert messages[8]["content"][0]["is_error"] is True
    assert "is_error" not in messages[6]["content"][0]


def test_chat_completions_get_a_tool_message_right_after_each_call() -> None:
    messages = sent("chat", HISTORY, [STEP], STEP)["messages"]
    roles = [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    assert [message["role"] for message in messages] == [*roles, "user"]
    (call,) = messages[7]["tool_calls"]
    assert call["id"] == messages[8]["tool_call_id"] == "step_7_3"
    assert json.loads(call["function"]["arguments"])["confidence"] == 0.9
    assert messages[10]["content"].startswith("The call was refused or failed.")


def test_responses_get_an_output_right_after_each_call_and_store_nothing() -> None:
    body = sent("responses", HISTORY, [STEP], STEP)
    kinds = [item.get("type") or item["role"] for item in body["input"]]
    call = ["function_call", "function_call_output"]
    assert kinds == ["user", *call, "assistant", "user", "user", *call, *call, "user"]
    assert body["input"][6]["call_id"] == body["input"][7]["call_id"] == "step_7_3"
    assert body["store"] is False


def test_one_call_is_forced_and_parallel_calls_are_off() -> None:
    assert sent("anthropic")["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    for protocol in ("responses", "chat"):
        body = sent(protocol)
        assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


def test_anthropic_is_not_asked_to_think_since_a_call_is_forced() -> None:
    assert "thinking" not in sent("anthropic")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_tools_are_the_same_in_the_same_order_at_every_turn(protocol: str) -> None:
    only = frozenset({"ask", "escalate"})
    first, later = sent(protocol), sent(protocol, HISTORY, [STEP], STEP, allowed=only | {"finish"})
    assert first["tools"] == later["tools"]
    names = [tool.get("name") or tool["function"]["name"] for tool in first["tools"]]
    assert names == ["get_order", "refund", "propose_plan", "finish", "ask", "escalate"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_later_request_begins_with_the_earlier_one(protocol: str) -> None:
    items = {"anthropic": "messages", "chat": "messages", "responses": "input"}[protocol]
    told = [without_marks(sent(protocol, HISTORY[:count])[items]) for count in (3, 5)]
    blocks = [[part for message in one for part in parts(message)] for one in told]
    assert blocks[1][: len(blocks[0]) - 1] == blocks[0][:-1]


def without_marks(messages: Any) -> Any:
    return json.loads(json.dumps(messages).replace(', "cache_control": {"type": "ephemeral"}', ""))


def parts(message: dict[str, Any]) -> list[Any]:
    return message["content"] if isinstance(message.get("content"), list) else [message]


def test_anthropics_cache_has_breakpoints_after_the_rules_the_goal_and_the_past() -> None:
    body = sent("anthropic", HISTORY)
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    marked = [
        (index, place)
        for index, message in enumerate(body["messages"])
        for place, block in enumerate(message["content"])
        if "cache_control" in block
    ]
    assert marked == [(0, 0), (8, 0)]
    assert json.dumps(body).count("cache_control") <= 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_schemas_are_strict_where_they_can_be(protocol: str) -> None:
    tools = sent(protocol)["tools"]
    strict = [bool((tool.get("function") or tool).get("strict")) for tool in tools]
    assert strict == [True, True, False, True, True, True]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_null_that_strict_mode_put_in_is_no_argument(protocol: str) -> None:
    said = envelope(order_id="1001", amount=12.5, note=None)
    proposal = asked(protocol, in_turn(says(protocol, ("refund", said)))).model.propose(request())
    assert proposal.arguments == {"order_id": "1001", "amount": 12.5}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_call_becomes_a_proposal_and_its_tokens_are_counted(protocol: str) -> None:
    over = asked(protocol, in_turn(says(protocol, ("get_order", envelope(order_id="1001")), text="Let me see.")))
    proposal = over.model.propose(request())
    assert (proposal.name, proposal.arguments, proposal.confidence) == ("get_order", {"order_id": "1001"}, 0.93)
    assert proposal.proposer == over.model.name
    (opening,), (settled,) = over.ledger.openings, over.ledger.settlements
    assert settled.usage is not None
    assert (settled.usage.input_tokens, settled.usage.cached_tokens) == (800, 700)
    assert (settled.usage.output_tokens, settled.error_kind, settled.answered) == (20, None, True)
    assert opening.input_tokens_at_most >= 800
    assert (opening.output_tokens_at_most, opening.attempt) == (8000, 1)


def test_anthropics_input_is_what_was_fresh_cached_and_written() -> None:
    over = asked("anthropic", in_turn(says("anthropic", FINISH)))
    over.model.propose(request())
    usage = over.ledger.settlements[0].usage
    assert usage is not None
    assert (usage.fresh_tokens, usage.cached_tokens, usage.written_tokens) == (10, 700, 90)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_travels_in_a_header_and_nowhere_else(protocol: str) -> None:
    def handler(received: Any) -> Any:
        assert KEY in received.headers["authorization"]
        assert KEY.encode() not in received.content
        assert KEY not in str(received.url)
        return says(protocol, FINISH)

    over = asked(protocol, handler)
    over.model.propose(request())
    assert KEY not in repr(over.ledger)


# --- What a model does not take -----------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_choice_that_can_not_be_forced_is_left_to_the_model_from_then_on(protocol: str) -> None:
    no = refuses(400, {"message": "Thinking may not be enabled when tool_choice forces tool use."})
    over = asked(protocol, in_turn(no, says(protocol, FINISH)))
    over.model.propose(request())
    over.model.propose(request())
    assert len(over.sent) == 3
    for body in over.sent[1:]:
        assert body.get("tool_choice", {}) in ({}, {"type": "auto", "disable_parallel_tool_use": True})
    assert [settled.error_kind for settled in over.ledger.settlements] == ["wrong_request", None, None]
    assert not over.pauses


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "message",
    ["The compiled grammar is too large.", "Invalid schema for function 'refund'.", "Unknown parameter: 'strict'."],
)
def test_schemas_that_can_not_be_strict_are_sent_as_they_are(protocol: str, message: str) -> None:
    over = asked(protocol, in_turn(refuses(400, {"message": message}), says(protocol, FINISH)))
    over.model.propose(request())
    first = over.sent[1]["tools"][1]
    schema = first.get("input_schema") or first.get("parameters") or first["function"]["parameters"]
    assert not (first.get("function") or first).get("strict")
    assert schema["properties"]["arguments"]["properties"]["amount"] == {"type": "number", "exclusiveMinimum": 0}


def test_a_server_that_does_not_know_a_parameter_is_asked_without_it() -> None:
    over = asked(
        "chat",
        in_turn(
            refuses(400, {"message": "Unrecognized request argument supplied: parallel_tool_calls"}),
            refuses(400, {"message": "Extra inputs are not permitted", "param": "max_completion_tokens"}),
            says("chat", FINISH),
        ),
    )
    over.model.propose(request())
    last = over.sent[2]
    assert "parallel_tool_calls" not in last
    assert "max_completion_tokens" not in last
    assert last["max_tokens"] == 8000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_learned_for_one_set_of_tools_holds_for_that_set_only(protocol: str) -> None:
    over = asked(protocol, in_turn(refuses(400, {"message": "tool_choice"}), says(protocol, FINISH)))
    over.model.propose(request())
    over.model.propose(request(offers=request().offers[1:]))
    assert "tool_choice" in over.sent[2]
    assert over.sent[2]["tool_choice"] == over.sent[0]["tool_choice"]
