"""How is a model over OpenAI's protocols asked? Responses at OpenAI itself, chat completions at everybody else's.

https://platform.openai.com/docs/api-reference/responses and …/chat, read with the SDK's own types.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from agents.llm import strict
from agents.llm.abilities import Abilities
from agents.llm.asking import Answer, NotDone, SaidCall, Usage
from agents.llm.envelope import Offered
from agents.llm.failures import Kind, NoAnswer, failure
from agents.llm.messages import Called, Conversation, Entry, Misspoken
from agents.llm.reading import count, members, text_of, whole

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class Responses:
    """The Responses API. Nothing is stored at OpenAI: each request brings the whole past along."""

    client: "openai.OpenAI"
    model: str
    dialect: strict.Dialect = strict.OPENAI

    @property
    def key(self) -> str:
        return self.client.api_key

    def body(self, talk: Conversation, tools: tuple[Offered, ...], abilities: Abilities, most: int) -> dict[str, Any]:
        items = [
            _message("user", talk.opening),
            *(item for entry in talk.entries for item in _items(entry)),
            _message("user", talk.closing),
        ]
        return {
            "model": self.model,
            "instructions": talk.system,
            "input": items,
            "tools": [{"type": "function", **_function(tool), "strict": tool.strict} for tool in tools],
            "max_output_tokens": most,
            "store": False,
            **_choice(abilities),
        }

    def send(self, body: dict[str, Any], seconds: float) -> Answer:
        create = cast(Any, self.client.responses.with_raw_response.create)
        response = create(**body, timeout=seconds).http_response
        said, text = whole(response, self.key)
        return replace(_response(said, self.model), body=text)


@dataclass(frozen=True)
class Chat:
    """Chat completions, which vLLM, Ollama and most gateways speak."""

    client: "openai.OpenAI"
    model: str
    dialect: strict.Dialect = strict.OPENAI

    @property
    def key(self) -> str:
        return self.client.api_key

    def body(self, talk: Conversation, tools: tuple[Offered, ...], abilities: Abilities, most: int) -> dict[str, Any]:
        messages = [
            _message("system", talk.system),
            _message("user", talk.opening),
            *(message for entry in talk.entries for message in _messages(entry)),
            _message("user", talk.closing),
        ]
        return {
            "model": self.model,
            "messages": messages,
            "tools": [_chat_tool(tool) for tool in tools],
            "max_completion_tokens" if abilities.completion_limit else "max_tokens": most,
            **_choice(abilities),
        }

    def send(self, body: dict[str, Any], seconds: float) -> Answer:
        create = cast(Any, self.client.chat.completions.with_raw_response.create)
        response = create(**body, timeout=seconds).http_response
        said, text = whole(response, self.key)
        return replace(_completion(said), body=text)


def _choice(abilities: Abilities) -> dict[str, Any]:
    """Without a forced choice nothing is said of it: some servers refuse the parameter itself."""
    forced = {"tool_choice": "required"} if abilities.forced else {}
    single = {"parallel_tool_calls": False} if abilities.single else {}
    return {**forced, **single}


def _function(tool: Offered) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema}


def _chat_tool(tool: Offered) -> dict[str, Any]:
    function = _function(tool)
    return {"type": "function", "function": {**function, "strict": True} if tool.strict else function}


def _message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _items(entry: Entry) -> Iterable[dict[str, Any]]:
    if isinstance(entry, Called):
        call = {"call_id": entry.call_id, "name": entry.name, "arguments": _json(entry.envelope)}
        yield {"type": "function_call", **call}
        yield {"type": "function_call_output", "call_id": entry.call_id, "output": _outcome(entry)}
    else:
        yield from _plain(entry)


def _messages(entry: Entry) -> Iterable[dict[str, Any]]:
    if isinstance(entry, Called):
        function = {"name": entry.name, "arguments": _json(entry.envelope)}
        calls = [{"id": entry.call_id, "type": "function", "function": function}]
        # Some servers take neither null nor nothing for the content.
        yield {"role": "assistant", "content": "", "tool_calls": calls}
        yield {"role": "tool", "tool_call_id": entry.call_id, "content": _outcome(entry)}
    else:
        yield from _plain(entry)


def _plain(entry: Entry) -> Iterable[dict[str, Any]]:
    if isinstance(entry, Misspoken):
        yield _message("assistant", entry.said)
        yield _message("user", entry.error)
    elif not isinstance(entry, Called):
        yield _message("user", entry.text)


def _outcome(entry: Called) -> str:
    """These protocols have no mark for a failed call, so it is said."""
    return f"The call was refused or failed.\n{entry.result}" if entry.is_error else entry.result


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- What comes back ----------------------------------------------------------------------------------------

_RESPONSE_ERRORS = {
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "invalid_prompt": Kind.REFUSED,
    "bio_policy": Kind.REFUSED,
    "misalignment_policy_violation": Kind.REFUSED,
    "data_residency_mismatch": Kind.WRONG_REQUEST,
}


def _response(body: dict[str, Any], model: str) -> Answer:
    items = body.get("output")
    if not isinstance(items, list) or body.get("status") not in {"completed", "incomplete", "failed"}:
        raise NoAnswer(f"a response of status {text_of(body.get('status'))[:40] or 'none'}")
    usage = _usage(body.get("usage"), "input_tokens", "output_tokens", text_of(body.get("service_tier")))
    if body["status"] == "failed":
        error = body.get("error")
        code = text_of(error.get("code")) if isinstance(error, dict) else ""
        raise NotDone(failure(_RESPONSE_ERRORS.get(code, Kind.UNAVAILABLE), f"openai:{model}", code), usage)
    calls = [SaidCall(str(one.get("name")), one.get("arguments")) for one in members(items, "function_call")]
    parts = [part for one in members(items, "message") for part in one.get("content") or ()]
    refusals = [text_of(part.get("refusal")) for part in members(parts, "refusal")]
    stopped, why = (Kind.REFUSED, " ".join(refusals)) if refusals else (_incomplete(body), "")
    text = "\n".join(text_of(part.get("text")) for part in members(parts, "output_text"))
    return Answer(tuple(calls), text, stopped, why, usage)


def _incomplete(body: dict[str, Any]) -> Kind | None:
    if body["status"] == "completed":
        return None
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return Kind.REFUSED if reason == "content_filter" else Kind.CUT_OFF


_FINISHES = {"length": Kind.CUT_OFF, "content_filter": Kind.REFUSED}


def _completion(body: dict[str, Any]) -> Answer:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if first is None or not isinstance(message, dict):
        raise NoAnswer("a completion without a message")
    said = message.get("tool_calls")
    calls = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    refusal = text_of(message.get("refusal"))
    finish = _FINISHES.get(text_of(first.get("finish_reason")))
    return Answer(
        tuple(_said_call(call) for call in calls),
        text_of(message.get("content")),
        Kind.REFUSED if refusal else finish,
        refusal,
        _usage(body.get("usage"), "prompt_tokens", "completion_tokens", text_of(body.get("service_tier"))),
    )


def _said_call(call: dict[str, Any]) -> SaidCall:
    function = call.get("function")
    if not isinstance(function, dict):
        return SaidCall(text_of(call.get("type")), call)
    # Some servers hand the arguments out parsed, which the protocol does not know.
    return SaidCall(str(function.get("name")), function.get("arguments"))


def _usage(usage: object, into: str, out: str, tier: str) -> Usage | None:
    """The count of the input includes what was cached."""
    if not isinstance(usage, dict):
        return None
    found = usage.get(f"{into}_details")
    details = found if isinstance(found, dict) else {}
    cached, written = count(details.get("cached_tokens")), count(details.get("cache_write_tokens"))
    return Usage(count(usage.get(into)), cached, written, count(usage.get(out)), tier)
