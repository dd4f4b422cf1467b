"""What did the world see? A ledger in a process of its own: every call is on disk before it is answered.

    POST /do     {"op", "effect", "key", "task", "what", "note"}: an effect, or a refusal
    GET  /find   ?key=…: did it happen?
    GET  /look   ?what=…&task=…&seconds=…: a read
    POST /foul   from now on calls end as is said below, where that is wanted
    POST /calm   from now on every call is answered well, as in the beginning

What is idempotent here happens once for each key, whoever calls how often; anything else happens at every call. How a
call ends is drawn from the seed, its key and how often the key came: it may act and drop the connection, drop it
without acting, answer 500 either way, take seconds before or after acting, or be busy.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chaos.goals import share

MANNERS = (
    (0.03, "act, drop"),
    (0.02, "drop"),
    (0.02, "act, 500"),
    (0.02, "500"),
    (0.02, "act, slow"),
    (0.02, "slow, act"),
    (0.03, "busy"),
)
"""The share of calls that end so; all others end well."""
SLOW_SECONDS = 2.0
"""Less than a tool's deadline and the margin: a call that was given up by then does not act any more."""


class Ledger:
    """The calls and effects, in memory and in a file that is synced before anything is answered."""

    def __init__(self, path: Path, seed: str, faults: bool) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._effects: dict[str, dict[str, Any]] = {}
        self._count = 0
        self.seed = seed
        self.wanted = faults
        self.faults = False

    def called(self, asked: dict[str, Any]) -> str:
        """Writes a call down as it arrives, and says how it will end."""
        with self._lock:
            self._calls[asked["key"]] += 1
            drawn = share(f"{self.seed}:{asked['key']}:{self._calls[asked['key']]}")
            manner = self._manner(drawn) if asked["op"] != "refuse" else "refuse"
            self._write(asked | {"line": "call", "manner": manner})
        return manner

    def acted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Makes the effect, and writes it down. What is idempotent is not made twice with one key."""
        with self._lock:
            known = self._effects.get(asked["key"])
            if known and asked["effect"] == "idempotent":
                return known
            self._count += 1
            effect = {"entry": self._count, "what": asked["what"]}
            self._effects.setdefault(asked["key"], effect)
            self._write(asked | {"line": "effect", "entry": self._count})
            return effect

    def found(self, key: str) -> dict[str, Any]:
        with self._lock:
            effect = self._effects.get(key)
        return {"happened": effect is not None, **(effect or {})}

    def looked(self, asked: dict[str, Any]) -> None:
        with self._lock:
            self._write(asked | {"line": "look"}, sync=False)

    def _manner(self, drawn: float) -> str:
        if not self.faults:
            return "well"
        for part, manner in MANNERS:
            if drawn < part:
                return manner
            drawn -= part
        return "well"

    def _write(self, line: dict[str, Any], *, sync: bool = True) -> None:
        self._file.write(json.dumps({"at": time.time(), **line}) + "\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())


class Door(BaseHTTPRequestHandler):
    """One request."""

    ledger: Ledger
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        if self.path in ("/calm", "/foul"):
            self.ledger.faults = self.ledger.wanted and self.path == "/foul"
            self._answer(200, {})
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        manner = self.ledger.called(asked)
        answer = None
        for part in manner.split(", "):
            match part:
                case "well" | "act":
                    answer = self.ledger.acted(asked)
                case "slow":
                    time.sleep(SLOW_SECONDS)
                case "500":
                    self._answer(500, {"error": "The ledger stumbled."})
                    return
                case "busy":
                    self._answer(503, {"error": "The ledger is busy."})
                    return
                case "refuse":
                    self._answer(422, {"error": f"The ledger does not take {asked['what']}."})
                    return
                case "drop":
                    self.close_connection = True
                    return
        self._answer(200, answer)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/find":
            self._answer(200, self.ledger.found(query["key"]))
        else:
            self.ledger.looked(query)
            time.sleep(float(query.get("seconds", 0)))
            self._answer(200, {"what": query["what"], "seen": True})

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # Whoever asked has died meanwhile.

    def log_message(self, *_: object) -> None:
        """The ledger's file is the log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main(path: str, seed: str, faults: str) -> None:
    """Serves until standard input closes, so that it never outlives who started it. Prints its port first."""
    Door.ledger = Ledger(Path(path), seed, faults == "faults")
    server = Server(("127.0.0.1", 0), Door)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
