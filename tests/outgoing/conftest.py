"""What do the tests of outgoing calls share? A receiver on loopback that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agents import services
from agents.models import AgentTask
from agents.outgoing import delivering, relaying
from agents.outgoing.models import Delivery
from tests.factories import AgentFactory, AgentVersionFactory, SubmitterFactory


@dataclass
class Receiver:
    """A real HTTP server. `answers` are given in turn, the last one from then on; `got` is what came."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(204, {})])
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event | None = None

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if told.hold:
                told.hold.wait(120)
            status, headers = told.answers[0] if len(told.answers) == 1 else told.answers.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/hook?from=countersign"
    yield told
    if told.hold:
        told.hold.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def loopback(settings: Any) -> None:
    """What an operator says who wants loopback to be called."""
    settings.COUNTERSIGN_OUTGOING_NETWORKS = ["127.0.0.0/8"]


def submitted(**fields: Any) -> AgentTask:
    """A task as the API submits it."""
    by = fields.pop("by", None) or SubmitterFactory()
    agent = AgentFactory(name="desk")
    if agent.current_version is None:
        AgentVersionFactory(agent=agent)
    return services.submit(agent="desk", goal="Refund order 1042", by=by, **fields)


def sent() -> list[Delivery]:
    """Reads the journal to its end and makes one attempt of everything that is due."""
    read_journal()
    made = []
    for endpoint in delivering.endpoints_with_due():
        for delivery in delivering.due(endpoint).order_by("id"):
            assert delivering.claim(delivery)
            delivering.send(delivery)
            delivery.refresh_from_db()
            made.append(delivery)
    return made


def read_journal() -> None:
    while relaying.relay():
        pass
