"""Requests, a ledger and clients for tests of the providers: the SDKs' own transport, with answers put in below it."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import openai

from agents.definition import AgentDefinition
from agents.llm.abilities import Learned
from agents.llm.anthropic import Messages
from agents.llm.asking import Bounds, Model, Opening, Settlement, Wire
from agents.llm.base import (
    CONTROL_TOOLS,
    Guidance,
    PastCall,
    PlanStep,
    ProposalRequest,
    ToolOffer,
    control_offers,
)
from agents.llm.openai import Chat, Responses
from agents.llm.providers import http_client

KEY = "sk-test-0123456789abcdef"
DEFINITION = AgentDefinition(
    name="desk", title="The desk", prompt="You are the desk.", tools=("get_order", "refund"), handover="A person helps."
)
GET_ORDER = ToolOffer(
    "get_order",
    "Looks an order up.",
    {
        "type": "object",
        "required": ["order_id"],
        "properties": {"order_id": {"type": "string", "pattern": "^[0-9]{4}$"}},
    },
)
REFUND = ToolOffer(
    "refund",
    "Pays money back.",
    {
        "type": "object",
        "required": ["order_id", "amount"],
        "additionalProperties": False,
        "properties": {
            "order_id": {"type": "string"},
            "amount": {"type": "number", "exclusiveMinimum": 0},
            "note": {"type": "string"},
        },
    },
)
PROTOCOLS = ("anthropic", "responses", "chat")
Handler = Callable[[httpx2.Request], httpx2.Response]


def request(
    history: Sequence[PastCall | Guidance] = (),
    plan: Sequence[PlanStep] = (),
    planned: PlanStep | None = None,
    goal: str = "Refund order 1001",
    **changes: Any,
) -> ProposalRequest:
    offers = changes.pop("offers", (GET_ORDER, REFUND, *control_offers(DEFINITION)))
    values: dict[str, Any] = {
        "agent": DEFINITION,
        "goal": goal,
        "inputs": {},
        "offers": offers,
        "history": tuple(history),
        "plan": tuple(plan),
        "turn": "act" if plan else "plan",
        "planned": planned,
        "allowed": frozenset(offer.name for offer in offers) | CONTROL_TOOLS,
    }
    return ProposalRequest(**(values | changes))


def called(number: int, name: str = "get_order", result: Any = None, **values: Any) -> PastCall:
    standard: dict[str, Any] = {
        "reasoning": "It has to be known.",
        "confidence": 0.9,
        "arguments": {"order_id": "1001"},
    }
    return PastCall(
        f"step_7_{number}", name, result={"total": 12.5} if result is None else result, **(standard | values)
    )


def envelope(**arguments: Any) -> dict[str, Any]:
    return {"reasoning": "Because.", "confidence": 0.93, "arguments": arguments}


@dataclass
class Ledger:
    """What was asked, and what came of it."""

    openings: list[Opening] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)

    def opened(self, opening: Opening) -> int:
        self.openings.append(opening)
        return len(self.openings)

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def settled(self, call: int, settlement: Settlement) -> None:
        assert call == len(self.openings)
        self.settlements.append(settlement)


@dataclass
class Asked:
    """A model over one protocol, whose provider is a function; and everything that it was sent."""

    model: Model
    ledger: Ledger
    sent: list[dict[str, Any]]
    pauses: list[float]


def wire(protocol: str, client: httpx2.Client, base_url: str = "https://provider.test/v1") -> Wire:
    if protocol == "anthropic":
        return Messages(
            anthropic.Anthropic(api_key=KEY, base_url=base_url, max_retries=0, http_client=client), "claude-sonnet-5"
        )
    over = openai.OpenAI(api_key=KEY, base_url=base_url, max_retries=0, http_client=client)
    return Chat(over, "gpt-5.5") if protocol == "chat" else Responses(over, "gpt-5.5")


def asked(protocol: str, handler: Handler, **bounds: Any) -> Asked:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content))
        return handler(request)

    ledger, pauses = Ledger(), []
    provider = "anthropic" if protocol == "anthropic" else "openai"
    model = Model(
        name=f"{provider}:test",
        wire=wire(protocol, http_client(transport=httpx2.MockTransport(answer))),
        recorder=ledger,
        bounds=Bounds(**bounds),
        learned=Learned(),
        pause=pauses.append,
    )
    return Asked(model, ledger, sent, pauses)


def says(protocol: str, *calls: tuple[str, Any], text: str = "", **changes: Any) -> httpx2.Response:
    """A whole answer in one protocol: calls with their input (an object, or text as it stands), and text."""
    body = {"anthropic": _message, "responses": _response, "chat": _completion}[protocol](calls, text)
    return httpx2.Response(200, json=body | changes)


def in_turn(*answers: httpx2.Response | Exception) -> Handler:
    """A provider that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    def handler(request: httpx2.Request) -> httpx2.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


def refuses(status: int, error: Any = None, headers: dict[str, str] | None = None) -> httpx2.Response:
    if isinstance(error, str):
        return httpx2.Response(status, text=error, headers=headers)
    return httpx2.Response(status, json={"type": "error", "error": error or {"message": "no"}}, headers=headers)


def _message(calls: Sequence[tuple[str, Any]], text: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for number, (name, said) in enumerate(calls):
        said = {"INVALID_JSON": said} if isinstance(said, str) else said
        content.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": said})
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 700,
        "cache_creation_input_tokens": 90,
        "output_tokens": 20,
        "service_tier": "standard",
    }
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "usage": usage,
    }


def _response(calls: Sequence[tuple[str, Any]], text: str) -> dict[str, Any]:
    output: list[dict[str, Any]] = [{"type": "reasoning", "id": "rs_1", "summary": []}]
    if text:
        part = {"type": "output_text", "text": text, "annotations": []}
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]})
    for number, (name, said) in enumerate(calls):
        arguments = said if isinstance(said, str) else json.dumps(said)
        output.append({"type": "function_call", "call_id": f"call_{number}", "name": name, "arguments": arguments})
    usage = {
        "input_tokens": 800,
        "input_tokens_details": {"cached_tokens": 700, "cache_write_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 820,
    }
    return {"id": "resp_1", "object": "response", "status": "completed", "output": output, "usage": usage}


def _completion(calls: Sequence[tuple[str, Any]], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": said if isinstance(said, str) else json.dumps(said)},
            }
            for number, (name, said) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {
        "prompt_tokens": 800,
        "completion_tokens": 20,
        "total_tokens": 820,
        "prompt_tokens_details": {"cached_tokens": 700},
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage}
