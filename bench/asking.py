"""How do all systems ask the model? With the same clients: a light one, or the official SDK; plain or with asyncio.

The light one is HTTP/1.1 over a kept connection and nothing else, so that what is measured is the system around it.
It sends the goal and the number of the turn. The SDK sends the whole conversation with its tools, as an agent does.
"""

import asyncio
import functools
import json
import os
import socket
from typing import Any
from urllib.parse import urlsplit

Turn = dict[str, Any]
"""One call and what its tool said: `name`, `arguments`, and `result` when it was carried out."""

PROMPT = "You look things up, one after the other, with your tools. Propose a plan first, then go step by step."


def ended(past: list[Turn]) -> bool:
    return bool(past) and past[-1]["name"] == "finish"


class Light:
    """Kept connections, shared by all threads; as many as there are calls at once."""

    def __init__(self, url: str) -> None:
        self.address = _address(url)
        self._idle: list[socket.socket] = []

    def ask(self, goal: str, past: list[Turn]) -> Turn:
        return turn_of(json.loads(self.post(_request(goal, past))))

    def post(self, request: bytes) -> bytes:
        try:
            line = self._idle.pop()
        except IndexError:
            line = socket.create_connection(self.address)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(request)
        body = _read(line)
        self._idle.append(line)
        return body


class AsyncLight:
    """The same over asyncio; the connections of each event loop are its own."""

    def __init__(self, url: str) -> None:
        self.address = _address(url)
        self._kept: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def ask(self, goal: str, past: list[Turn]) -> Turn:
        idle = self._kept.setdefault(asyncio.get_running_loop(), [])
        reader, writer = idle.pop() if idle else await asyncio.open_connection(*self.address)
        writer.write(_request(goal, past))
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        idle.append((reader, writer))
        return turn_of(json.loads(body))


class Sdk:
    """The official SDK, chat completions, with its connections kept."""

    def __init__(self, url: str) -> None:
        import openai  # not in every environment, and slow to load

        self._client = openai.OpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0)

    def ask(self, goal: str, past: list[Turn]) -> Turn:
        made: Any = self._client.chat.completions.create
        return _turn_of_sdk(made(**conversation(goal, past)))


class AsyncSdk:
    """The same over asyncio."""

    def __init__(self, url: str) -> None:
        import openai

        self._client = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0)

    async def ask(self, goal: str, past: list[Turn]) -> Turn:
        made: Any = self._client.chat.completions.create
        return _turn_of_sdk(await made(**conversation(goal, past)))


def model() -> Light | Sdk:
    """The plain client that BENCH_CLIENT names."""
    return (Sdk if os.environ["BENCH_CLIENT"] == "sdk" else Light)(os.environ["BENCH_MODEL_URL"])


def async_model() -> AsyncLight | AsyncSdk:
    """The asyncio client that BENCH_CLIENT names."""
    return (AsyncSdk if os.environ["BENCH_CLIENT"] == "sdk" else AsyncLight)(os.environ["BENCH_MODEL_URL"])


def turn_of(body: dict[str, Any]) -> Turn:
    """The call in an answer."""
    called = body["choices"][0]["message"]["tool_calls"][0]["function"]
    return {"name": called["name"], "arguments": json.loads(called["arguments"])["arguments"]}


def _turn_of_sdk(completion: Any) -> Turn:
    called = completion.choices[0].message.tool_calls[0].function
    return {"name": called.name, "arguments": json.loads(called.arguments)["arguments"]}


def carried_out(turn: Turn) -> Turn:
    """The turn with its tool's result: the tool of the bench is one line."""
    return turn | {"result": {"order": turn["arguments"].get("order"), "total": 42}}


def conversation(goal: str, past: list[Turn]) -> dict[str, Any]:
    """The request of a turn: what an agent sends again and again, and each time a little more."""
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": goal}]
    for number, turn in enumerate(past):
        envelope = {"reasoning": "Next in turn.", "confidence": 0.95, "arguments": turn["arguments"]}
        function = {"name": turn["name"], "arguments": json.dumps(envelope)}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(turn.get("result"))})
    return {"model": "stub", "messages": messages, "tools": tools(), "tool_choice": "required"}


@functools.cache
def tools() -> list[dict[str, Any]]:
    """Five tools in the same envelope, about as many bytes as Countersign's own."""
    text = {"type": "string"}
    arguments = {
        "look_up": "order",
        "propose_plan": "steps",
        "finish": "result",
        "ask": "question",
        "escalate": "reason",
    }
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "Propose, look up, finish, ask or escalate; one call at a time, with the reason for it.",
                "parameters": {
                    "type": "object",
                    "required": ["reasoning", "confidence", "arguments"],
                    "properties": {
                        "reasoning": {"type": "string", "description": "Why, in one or two sentences."},
                        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                        "arguments": {"type": "object", "properties": {given: text if name != "propose_plan" else {}}},
                    },
                },
            },
        }
        for name, given in arguments.items()
    ]


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def _request(goal: str, past: list[Turn]) -> bytes:
    return request({"model": "stub", "goal": goal, "turn": len(past)})


def request(body: dict[str, Any]) -> bytes:
    sent = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: stub\r\nContent-Length: {len(sent)}\r\n\r\n"
    return head.encode() + sent


def _read(line: socket.socket) -> bytes:
    data = line.recv(65536)
    while b"\r\n\r\n" not in data:
        data += _more(line)
    head, _, body = data.partition(b"\r\n\r\n")
    length = _length(head)
    while len(body) < length:
        body += _more(line)
    return body


def _more(line: socket.socket) -> bytes:
    more = line.recv(65536)
    if not more:
        raise ConnectionError("The stub model closed the connection.")
    return more


def _length(head: bytes) -> int:
    for one in head.split(b"\r\n"):
        name, _, value = one.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ConnectionError("The stub model's answer has no length.")
