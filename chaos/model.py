"""What does a model provider look like on a bad day? A stub that speaks OpenAI's chat completions, mostly well.

Its answers follow from the goal alone (`chaos.goals`): the plan, the answer to a refusal, the end. With faults, a part
of them is 429, 500, a connection that is dropped or hangs, an answer that is no JSON, text without a call, broken
arguments, an unknown tool, or two calls at once. It begins with them at POST /foul, and ends at POST /calm.
"""

import json
import random
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chaos.goals import KINDS, Goal, arguments

_GOAL = re.compile(r"<goal-([0-9a-f]+)>\n(.*?)\n</goal-\1>", re.DOTALL)
FAULTS = {
    "429": 0.05,
    "500": 0.04,
    "reset": 0.03,
    "hang": 0.01,
    "no json": 0.02,
    "nothing": 0.01,
    "text": 0.01,
    "broken arguments": 0.01,
    "unknown tool": 0.01,
    "two calls": 0.01,
}
"""The share of calls that end so."""
HANG_SECONDS = 8.0

Call = tuple[str, dict[str, Any]]


def next_call(messages: list[dict[str, Any]]) -> Call:
    """What a sensible model says next."""
    found = _GOAL.search("\n".join(str(one.get("content")) for one in messages if one["role"] == "user"))
    if found is None:
        return "escalate", {"reason": "There is no goal."}
    goal = Goal.read(found.group(2))
    plan = _plan(goal)
    done, failed, planned, asked = set(), "", False, False
    for one in messages:
        for call in one.get("tool_calls") or ():
            name, said = call["function"]["name"], json.loads(call["function"]["arguments"])["arguments"]
        if one["role"] == "tool":
            failed = str(one["content"]) if str(one["content"]).startswith("The call was refused or failed") else ""
            planned = planned or (name == "propose_plan" and not failed)
            asked = asked or (name == "ask" and not failed)
            if not failed and "what" in said:
                done.add(said["what"])
        elif one["role"] == "user" and "<guidance-" in str(one["content"]):
            failed = ""
    if failed:
        return "escalate", {"reason": failed[:500]}
    if goal.kind == "question" and not asked:
        return "ask", {"question": "Which colour?"}
    left = [step for step in plan if step["arguments"]["what"] not in done]
    if not left:
        return "finish", {"result": f"s{goal.number} is done."}
    if not planned:
        return "propose_plan", {"steps": left}
    return left[0]["tool"], left[0]["arguments"]


def _plan(goal: Goal) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{number}",
            "tool": tool,
            "purpose": "A step.",
            "arguments": arguments(goal.kind, number, f"s{goal.number}"),
        }
        for number, tool in enumerate(KINDS[goal.kind], start=1)
    ]


class Door(BaseHTTPRequestHandler):
    """One request."""

    chance: random.Random
    wanted = True
    """Does it have faults while the weather is foul?"""
    faults = False
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
        if self.path in ("/calm", "/foul"):
            type(self).faults = self.wanted and self.path == "/foul"
            self._answer(200, b"{}")
            return
        fault = self._fault()
        match fault:
            case "429":
                self._answer(429, b'{"error": {"message": "Too many requests."}}', ("Retry-After", "1"))
            case "500":
                self._answer(500, b'{"error": {"message": "Something broke."}}')
            case "hang":
                time.sleep(HANG_SECONDS)
            case "reset":
                self.close_connection = True
            case "no json":
                self._answer(200, b'{"choices": [{"mess')
            case "nothing":
                self._answer(200, b"{}")
            case _:
                self._answer(200, json.dumps(_completion(body, fault)).encode())

    def _fault(self) -> str:
        if not self.faults:
            return ""
        drawn = self.chance.random()
        for fault, part in FAULTS.items():
            if drawn < part:
                return fault
            drawn -= part
        return ""

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in (*headers, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _completion(body: dict[str, Any], fault: str) -> dict[str, Any]:
    name, said = next_call(body["messages"])
    name = "no_such_tool" if fault == "unknown tool" else name
    envelope = json.dumps({"reasoning": "The goal says so.", "confidence": 0.95, "arguments": said})
    envelope = envelope[: len(envelope) // 2] if fault == "broken arguments" else envelope
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": envelope}}
        for number in range(2 if fault == "two calls" else 1)
    ]
    message = {"role": "assistant", "content": "I would rather talk."} if fault == "text" else {"tool_calls": calls}
    return {
        "id": "chatcmpl-chaos",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "chaos",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": None} | message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main(seed: str, faults: str) -> None:
    """Serves until standard input closes. Prints its port first."""
    Door.chance = random.Random(seed)  # noqa: S311
    Door.wanted = faults == "faults"
    server = Server(("127.0.0.1", 0), Door)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
