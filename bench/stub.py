"""What does a model cost that costs nothing? A stub on loopback that says what a bench task's next call is.

It speaks OpenAI's chat completions, answers from the request alone (`bench.goals` says how a goal reads), and takes
about 0.05 ms of CPU for an answer, so that it is not what is measured.

    POST /v1/chat/completions    the next call, after the latency
    GET  /reset?latency=1.0      counts from zero, with this latency in seconds
    GET  /wait?calls=200         what was counted, as soon as so many calls have been answered
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qs, urlsplit

from bench.goals import Goal


@dataclass
class Tally:
    """What was counted since the last reset; times are monotonic seconds, which all processes of a host share."""

    latency: float = 0.0
    calls: int = 0
    """Calls that were answered."""
    first: float = 0.0
    """When the first call came in."""
    last: float = 0.0
    """When the last answer went out."""
    in_flight: int = 0
    most_in_flight: int = 0


@dataclass
class Stub:
    tally: Tally = field(default_factory=Tally)
    waiting: list[tuple[int, "Line"]] = field(default_factory=list)

    def reset(self, latency: float) -> bytes:
        self.tally = Tally(latency)
        return _said(asdict(self.tally))

    def opened(self) -> None:
        tally = self.tally
        tally.first = tally.first or time.monotonic()
        tally.in_flight += 1
        tally.most_in_flight = max(tally.most_in_flight, tally.in_flight)

    def answered(self) -> None:
        tally = self.tally
        tally.in_flight -= 1
        tally.calls += 1
        tally.last = time.monotonic()
        if self.waiting:
            self.tell()

    def tell(self) -> None:
        """Answers those who wait for a count that has been reached."""
        reached = [line for calls, line in self.waiting if calls <= self.tally.calls]
        self.waiting = [(calls, line) for calls, line in self.waiting if calls > self.tally.calls]
        for line in reached:
            line.write(_said(asdict(self.tally)))


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _content_length(head)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if method == b"POST":
            self.ask(rest[:length])
        else:
            self.control(target.decode())

    def ask(self, body: bytes) -> None:
        answer = _answer(json.loads(body))
        self.stub.opened()
        if self.stub.tally.latency:
            asyncio.get_running_loop().call_later(self.stub.tally.latency, self.answer, answer)
        else:
            self.answer(answer)

    def answer(self, answer: bytes) -> None:
        self.write(answer)
        self.stub.answered()

    def control(self, target: str) -> None:
        asked = urlsplit(target)
        query = parse_qs(asked.query)
        if asked.path == "/reset":
            self.write(self.stub.reset(float(query["latency"][0])))
        else:
            self.stub.waiting.append((int(query["calls"][0]), self))
            self.stub.tell()

    def write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _answer(request: dict) -> bytes:
    """The call that this turn asks for. The light clients say the turn; else it is counted in the messages."""
    if "goal" in request:
        goal, turn = Goal.read(request["goal"]), request["turn"]
    else:
        messages = request["messages"]
        goal = Goal.read(" ".join(str(one.get("content")) for one in messages))
        turn = sum(one["role"] == "assistant" for one in messages)
    name, envelope = goal.call(turn)
    call = {"id": f"call_{turn}", "type": "function", "function": {"name": name, "arguments": json.dumps(envelope)}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return _said(
        {
            "id": f"chatcmpl-{goal.number}-{turn}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "stub",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    )


def _said(value: dict) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def main() -> None:
    """Serves until standard input closes, so that it never outlives the bench. Prints its port first."""
    stub = Stub()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(stub), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
