"""How is a model of Anthropic's asked? The Messages API.

https://platform.claude.com/docs/en/api/messages, read with the SDK's own types.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from agents.llm import strict
from agents.llm.abilities import Abilities
from agents.llm.asking import Answer, SaidCall, Usage
from agents.llm.envelope import Offered
from agents.llm.failures import Kind, NoAnswer
from agents.llm.messages import Called, Conversation, Entry, Misspoken
from agents.llm.reading import count, members, text_of, whole

if TYPE_CHECKING:
    import anthropic

CACHED = {"type": "ephemeral"}
"""A breakpoint: what stands before it is written to the cache, and read from there by the next turn."""

_STOPS = {
    "refusal": Kind.REFUSED,
    "max_tokens": Kind.CUT_OFF,
    "model_context_window_exceeded": Kind.CONTEXT_TOO_LONG,
}


@dataclass(frozen=True)
class Messages:
    """The Messages API by one client, for one model."""

    client: "anthropic.Anthropic"
    model: str
    dialect: strict.Dialect = strict.ANTHROPIC

    @property
    def key(self) -> str:
        return self.client.api_key or ""

    def body(self, talk: Conversation, tools: tuple[Offered, ...], abilities: Abilities, most: int) -> dict[str, Any]:
        """The request. Three breakpoints: tools and rules, the goal, and the newest part of the past.

        Thinking is not asked for: it can't be had with a forced call.
        """
        choice: dict[str, Any] = {"type": "any" if abilities.forced else "auto"}
        if abilities.single:
            choice["disable_parallel_tool_use"] = True
        return {
            "model": self.model,
            "max_tokens": most,
            "system": [{"type": "text", "text": talk.system, "cache_control": CACHED}],
            "tools": [_tool(tool) for tool in tools],
            "tool_choice": choice,
            "messages": list(_messages(talk)),
        }

    def send(self, body: dict[str, Any], seconds: float) -> Answer:
        create = cast(Any, self.client.messages.with_raw_response.create)
        response = create(**body, timeout=seconds).http_response
        said, text = whole(response, self.key)
        return replace(_answer(said), body=text)


def _tool(tool: Offered) -> dict[str, Any]:
    offered: dict[str, Any] = {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
    return {**offered, "strict": True} if tool.strict else offered


def _messages(talk: Conversation) -> Iterable[dict[str, Any]]:
    """User and assistant in turn; what is new at every turn comes last, behind the last breakpoint."""
    said: list[tuple[str, list[dict[str, Any]]]] = [("user", [_text(talk.opening) | {"cache_control": CACHED}])]
    for entry in talk.entries:
        for role, block in _blocks(entry):
            if said[-1][0] == role:
                said[-1][1].append(block)
            else:
                said.append((role, [block]))
    if talk.entries:
        said[-1][1][-1]["cache_control"] = CACHED
    said[-1][1].append(_text(talk.closing))
    return ({"role": role, "content": blocks} for role, blocks in said)


def _blocks(entry: Entry) -> list[tuple[str, dict[str, Any]]]:
    """An entry ends with the user's words, so that a task's past never ends with the assistant."""
    if isinstance(entry, Called):
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": entry.call_id, "content": entry.result}
        if entry.is_error:
            result["is_error"] = True
        call = {"type": "tool_use", "id": entry.call_id, "name": entry.name, "input": entry.envelope}
        return [("assistant", call), ("user", result)]
    if isinstance(entry, Misspoken):
        return [("assistant", _text(entry.said)), ("user", _text(entry.error))]
    return [("user", _text(entry.text))]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _answer(body: dict[str, Any]) -> Answer:
    blocks = body.get("content")
    if body.get("type") != "message" or not isinstance(blocks, list):
        raise NoAnswer("a message without content")
    calls = [SaidCall(str(one.get("name")), _input(one.get("input"))) for one in members(blocks, "tool_use")]
    details = body.get("stop_details")
    why = text_of(details.get("explanation")) if isinstance(details, dict) else ""
    return Answer(
        tuple(calls),
        "\n".join(text_of(one.get("text")) for one in members(blocks, "text")),
        _STOPS.get(text_of(body.get("stop_reason"))),
        why,
        _usage(body.get("usage")),
    )


def _input(said: object) -> object:
    """What can't be parsed arrives as an object with this one key."""
    if isinstance(said, dict) and set(said) == {"INVALID_JSON"}:
        return text_of(said["INVALID_JSON"])
    return said


def _usage(usage: object) -> Usage | None:
    """`input_tokens` counts only what was neither read from the cache nor written to it."""
    if not isinstance(usage, dict):
        return None
    fresh, read, written, out = (
        count(usage.get(name))
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    )
    return Usage(fresh + read + written, read, written, out, text_of(usage.get("service_tier")))
