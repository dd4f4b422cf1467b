"""A provider of models for tests of the whole loop: a server on loopback that speaks chat completions.

The SDK reaches it over a real connection. What it answers is a function of the request.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Says:
    """One answer. Without calls it is the text alone; `error` goes out with its status."""

    calls: tuple[tuple[str, dict[str, Any] | str], ...] = ()
    """Names, and inputs: what is a text already goes out as it is."""
    text: str = ""
    refusal: str | None = None
    stopped: str = ""
    """Why the model stopped, if not by itself."""
    status: int = 200
    error: str = "Something is wrong here."
    headers: dict[str, str] = field(default_factory=dict)
    input_tokens: int = 1000
    cached_tokens: int = 0
    output_tokens: int = 100

    def body(self) -> dict[str, Any]:
        if self.status != 200:
            return {"error": {"message": self.error, "type": "error", "code": None}}
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": self.refusal}
        if self.calls:
            message["tool_calls"] = [
                {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": _json(said)}}
                for number, (name, said) in enumerate(self.calls)
            ]
        usage = {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }
        stopped = self.stopped or ("tool_calls" if self.calls else "stop")
        choice = {"index": 0, "message": message, "finish_reason": stopped}
        return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


def _json(said: dict[str, Any] | str) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def call(name: str, confidence: float = 0.95, **arguments: Any) -> Says:
    return Says(((name, {"reasoning": "Because.", "confidence": confidence, "arguments": arguments}),))


def finish(result: str = "Done.") -> Says:
    return call("finish", result=result)


class Provider:
    """Answers each request by `play`, and keeps what it was sent."""

    def __init__(self, play: Callable[[Request], Says] = lambda _: finish()) -> None:
        self.play = play
        self.asked: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "Provider":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(provider: "Provider") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.asked.append(asked)
                says = provider.play(asked)
                body = json.dumps(says.body()).encode()
                self.send_response(says.status)
                for name, value in {"Content-Type": "application/json", **says.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
