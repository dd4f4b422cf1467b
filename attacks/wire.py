"""How does the attacker's model reach the loop? As any model does: over HTTP, in the protocol of chat completions."""

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "openai:puppet"
Calls = list[tuple[str, Any]]
"""Names, and what is said to each: an envelope, or any text in its place."""
Play = Callable[[dict[str, Any]], Calls]


class Puppet:
    """A server on loopback that answers each request by `play`; while it stands, this process's models are asked there.

    One for all plays: clients of models are made once for each address.
    """

    def __init__(self) -> None:
        self.play: Play = lambda _: []
        self.told: list[str] = []
        """What it was asked, as it came."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._door())
        self._server.daemon_threads = True

    def __enter__(self) -> "Puppet":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        mine = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self._server.server_address[1]}/v1",
            "OPENAI_API_KEY": "sk-attack",
        }
        self._before = {name: os.environ.get(name) for name in mine}
        os.environ.update(mine)
        return self

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._server.shutdown()
        self._server.server_close()

    def _door(puppet: "Puppet") -> type[BaseHTTPRequestHandler]:
        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                came = self.rfile.read(int(self.headers["Content-Length"])).decode()
                puppet.told.append(came)
                asked = json.loads(came)
                body = json.dumps(_completion(puppet.play(asked))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Door


def _completion(calls: Calls) -> dict[str, Any]:
    said = [
        {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": name, "arguments": said if isinstance(said, str) else json.dumps(said)},
        }
        for number, (name, said) in enumerate(calls)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "puppet",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": said}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
    }
