"""GET /api/v1/tasks/{id}/events and /stream, GET /api/v1/stream"""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agents import services
from agents.api import events
from agents.api.seats import Seats
from agents.engine import drain
from agents.models import AgentTask, TaskEvent
from tests.api.conftest import Caller, caller, fields, problem
from tests.factories import AgentFactory, AgentVersionFactory, SubmitterFactory

LONG = {"goal": "Refund order 1042", "agent": "desk"}


class Stream:
    """A client of an event stream that reads one event after another."""

    def __init__(self, live_server: Any, who: Caller, url: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection(live_server.url.removeprefix("http://"), timeout=120)
        self.connection.request("GET", url, headers=who.headers(headers))
        self.response = self.connection.getresponse()

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        key = ""
        for raw in self.response:
            line = raw.decode().rstrip("\n")
            if line.startswith("id: "):
                key = line[4:]
            elif line.startswith("data: "):
                yield key, json.loads(line[6:])

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@pytest.fixture
def someone(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    own = Seats()
    monkeypatch.setattr(events, "seats", own)
    AgentVersionFactory(agent=AgentFactory(name="desk"))
    yield caller(SubmitterFactory(username="sam"))
    drain.begin()
    while own._taken:  # the server's threads end their streams at their next look
        threading.Event().wait(0.05)
    drain.end()


def submitted(who: Caller) -> AgentTask:
    return services.submit(**LONG, by=who.user)


def test_events_come_page_by_page(someone: Caller) -> None:
    task = submitted(someone)
    services.cancel(task.pk, by=someone.user)
    url = f"/api/v1/tasks/{task.pk}/events"
    said = someone.get(url).json()
    assert [one["type"] for one in said["results"]] == [
        "task.created",
        "task.cancel_requested",
        "task.state_changed",
    ]
    assert said["next_after"] is None
    assert [one["data"]["number"] for one in someone.get(url, after="2").json()["results"]] == [3]
    assert "after" in fields(problem(someone.get(url, after="-1"), 422, "invalid"))


def test_what_is_not_named_stays_inside(someone: Caller) -> None:
    task = submitted(someone)
    TaskEvent.objects.create(task=task, number=2, kind="task.claimed", actor="worker:x", data={"token": 1})
    TaskEvent.objects.create(task=task, number=3, kind="review.opened", actor="x", data={"kind": "plan", "reasons": []})
    said = someone.get(f"/api/v1/tasks/{task.pk}/events").json()["results"]
    assert [one["data"] for one in said[1:]] == [{"task": task.pk, "number": 3, "kind": "plan"}]


def test_a_stream_tells_all_of_a_task_and_ends_with_it(live_server: Any, someone: Caller) -> None:
    task = submitted(someone)
    stream = Stream(live_server, someone, f"/api/v1/tasks/{task.pk}/stream", Accept="text/event-stream")
    assert stream.response.headers["Content-Type"] == "text/event-stream"
    heard = stream.events()
    assert next(heard)[1]["type"] == "task.created"
    services.cancel(task.pk, by=someone.user)
    rest = list(heard)
    assert rest[-1][1]["data"]["now"] == "canceled"
    assert rest[-1][0] == str(rest[-1][1]["data"]["number"])


def test_it_goes_on_after_the_last_event_that_arrived(live_server: Any, someone: Caller) -> None:
    task = submitted(someone)
    services.cancel(task.pk, by=someone.user)
    stream = Stream(live_server, someone, f"/api/v1/tasks/{task.pk}/stream", Last_Event_ID="2")
    assert [key for key, _ in stream.events()] == ["3"]


def test_a_stream_of_all_tells_the_callers_and_no_others(live_server: Any, someone: Caller) -> None:
    other = SubmitterFactory()
    before = submitted(someone)
    stream = Stream(live_server, someone, "/api/v1/stream", Last_Event_ID="0")
    told = stream.events()
    assert next(told)[1]["data"]["task"] == before.pk
    services.submit(**LONG, by=other)
    mine = submitted(someone)
    key, event = next(told)
    assert event["data"]["task"] == mine.pk
    stream.close()
    # From the id of the last event on, nothing is missing, whatever comes a second time: a transaction that is open
    # anywhere on the server lets the position wait.
    later = submitted(someone)
    resumed = Stream(live_server, someone, "/api/v1/stream", Last_Event_ID=key)
    heard = []
    for _, event in resumed.events():
        heard.append(event["data"]["task"])
        if heard[-1] == later.pk:
            break
    resumed.close()
    assert set(heard) <= {before.pk, mine.pk, later.pk}


def test_without_a_seat_it_says_when_to_come_again(someone: Caller, settings: Any) -> None:
    settings.COUNTERSIGN_WAITING_REQUESTS = 0
    task = submitted(someone)
    for url in (f"/api/v1/tasks/{task.pk}/stream", "/api/v1/stream"):
        refused = someone.get(url)
        problem(refused, 503, "no_seat")
        assert refused["Retry-After"] == "5"


def test_a_seat_is_free_again_when_the_stream_is_over(someone: Caller, settings: Any) -> None:
    settings.COUNTERSIGN_WAITING_REQUESTS = 1
    task = submitted(someone)
    services.cancel(task.pk, by=someone.user)
    url = f"/api/v1/tasks/{task.pk}/stream"
    for _ in range(3):
        b"".join(someone.get(url).streaming_content)
    unread = someone.get(url)
    problem(someone.get(url), 503, "no_seat")
    unread.close()
    free = someone.get(url)
    assert free.status_code == 200
    free.close()


@pytest.mark.parametrize("said", ["x", "-1", "1" * 19, "１"])
def test_an_id_that_is_none(someone: Caller, said: str) -> None:
    task = submitted(someone)
    url = f"/api/v1/tasks/{task.pk}/stream"
    problem(someone.client.get(url, headers=someone.headers({"Last-Event-ID": said})), 422, "invalid")
