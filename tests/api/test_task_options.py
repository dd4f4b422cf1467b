"""POST /api/v1/tasks: metadata, a start in the future, a callback, and an answer instead of a receipt."""

import http.client
import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents import services
from agents.api import tasks
from agents.api.seats import Seats
from agents.models import AgentTask, AgentVersion
from agents.outgoing.models import Callback
from agents.spending.limits import budget_of_task
from tests.api.conftest import Caller, caller, fields, problem
from tests.factories import AgentFactory, AgentVersionFactory, SubmitterFactory, definition

TASKS = "/api/v1/tasks"
GOAL = {"agent": "desk", "goal": "Refund order 1042"}


def test_metadata_is_kept_shown_and_found(desk: AgentVersion, sam: Caller) -> None:
    first = sam.post(TASKS, GOAL | {"metadata": {"order": "1042", "shop.name": "ü"}}).json()["id"]
    sam.post(TASKS, GOAL | {"metadata": {"order": "1043"}})
    sam.post(TASKS, GOAL)

    def found(**params: str) -> list[int]:
        return [task["id"] for task in sam.get(TASKS, **params).json()["results"]]

    assert found(**{"metadata.order": "1042"}) == [first]
    assert found(**{"metadata.shop.name": "ü", "metadata.order": "1042"}) == [first]
    assert found(**{"metadata.order": "9"}) == []
    assert sam.get(f"{TASKS}/{first}").json()["metadata"] == {"order": "1042", "shop.name": "ü"}


@pytest.mark.parametrize("name", ["metadata.", "metadata.a__b'", "metadata.1", "metadata.a b", "metadata.x\0"])
def test_metadata_that_can_be_no_name_is_no_filter(desk: AgentVersion, sam: Caller, name: str) -> None:
    problem(sam.get(TASKS, **{name: "x"}), 422, "invalid")


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        ({"metadata": []}, "metadata", "an object"),
        ({"metadata": {"order": 1042}}, "metadata", "metadata.order must be text"),
        ({"metadata": {"order": "x" * 501}}, "metadata", "500"),
        ({"metadata": {"order": "a\0"}}, "metadata", "NUL"),
        ({"metadata": {"1": "x"}}, "metadata", "no name"),
        ({"metadata": {"\ud800": "x"}}, "metadata", "no name"),
        ({"metadata": {f"n{n}": "x" for n in range(51)}}, "metadata", "51 entries"),
        ({"not_before": "tomorrow"}, "not_before", "offset"),
        ({"not_before": "2026-11-20T12:00:00"}, "not_before", "offset"),
        ({"not_before": "2026-11-20T25:00:00Z"}, "not_before", "format"),
        ({"not_before": 5}, "not_before", "offset"),
        ({"not_before": "9999-01-01T00:00:00Z"}, "not_before", "366 days"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "deadline", "before the task can start"),
        ({"deadline": "9999-01-01T00:00:00Z"}, "deadline", "366 days"),
        ({"deadline": "tomorrow"}, "deadline", "offset"),
        ({"budget_dollars": 0.5}, "budget_dollars", "“0.50”"),
        ({"budget_dollars": "-1"}, "budget_dollars", "an amount"),
        ({"budget_dollars": "0.0"}, "budget_dollars", "more than 0"),
        ({"budget_dollars": "1000001"}, "budget_dollars", "1,000,000"),
        ({"budget_tokens": "5"}, "budget_tokens", "whole number"),
        ({"budget_tokens": 0}, "budget_tokens", "more than 0"),
        ({"budget_tokens": 10**30}, "budget_tokens", "1,000,000,000,000"),
        ({"callback_url": "http://example.org/"}, "callback_url", "https"),
        ({"callback_url": "https://10.0.0.1/"}, "callback_url", "not a public address"),
        ({"callback_url": 5}, "callback_url", "a number"),
    ],
)
def test_a_wrong_option_is_named(
    desk: AgentVersion, sam: Caller, change: dict[str, Any], field: str, hint: str
) -> None:
    assert hint in fields(problem(sam.post(TASKS, GOAL | change), 422, "invalid"))[field]
    assert not AgentTask.objects.exists()


def test_nothing_runs_before_its_time(desk: AgentVersion, sam: Caller) -> None:
    from agents.queue import claimable

    start = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    sam.post(TASKS, GOAL | {"not_before": start.isoformat()})
    task = AgentTask.objects.get()
    assert (task.status, task.wake_at) == ("waiting", start)
    assert not claimable().exists()


def test_a_start_that_has_passed_is_now(desk: AgentVersion, sam: Caller) -> None:
    sam.post(TASKS, GOAL | {"not_before": datetime(2020, 1, 1, tzinfo=UTC).isoformat()})
    assert AgentTask.objects.get().status == "pending"


def test_a_budget_is_kept_within_what_agent_and_operator_allow(sam: Caller, settings: Any) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": (None, 5000)}
    limits = {"task_dollars": "2.00", "task_tokens": 9000}
    AgentVersionFactory(agent=AgentFactory(name="desk"), definition=definition(name="desk", budget=limits))
    said = problem(sam.post(TASKS, GOAL | {"budget_dollars": "2.01", "budget_tokens": 5000}), 422, "invalid")
    assert "up to 2.00" in fields(said)["budget_dollars"]
    said = problem(sam.post(TASKS, GOAL | {"budget_dollars": "2", "budget_tokens": 5001}), 422, "invalid")
    assert "up to 5,000" in fields(said)["budget_tokens"]

    made = sam.post(TASKS, GOAL | {"budget_dollars": "0.5", "budget_tokens": 4000})
    shown = sam.get(made["Location"]).json()
    assert (shown["budget_dollars"], shown["budget_tokens"]) == ("0.500000000000", 4000)
    limit = budget_of_task(AgentTask.objects.get()).limit
    assert (limit.dollars, limit.tokens) == (Decimal("0.5"), 4000)


def test_a_deadline_must_lie_behind_the_start(desk: AgentVersion, sam: Caller) -> None:
    start = (timezone.now() + timedelta(hours=2)).replace(microsecond=0)
    body = GOAL | {"not_before": start.isoformat(), "deadline": (start - timedelta(hours=1)).isoformat()}
    assert "before the task can start" in fields(problem(sam.post(TASKS, body), 422, "invalid"))["deadline"]
    body["deadline"] = (start + timedelta(hours=1)).isoformat()
    made = sam.post(TASKS, body)
    assert sam.get(made["Location"]).json()["deadline"] == body["deadline"].replace("+00:00", "Z")


def test_options_belong_to_the_request_of_a_key(desk: AgentVersion, sam: Caller) -> None:
    body = GOAL | {"metadata": {"a": "b"}, "callback_url": "https://shop.example/hook"}
    first = sam.post(TASKS, body, Idempotency_Key="k")
    assert sam.post(TASKS, body, Idempotency_Key="k").content == first.content
    problem(sam.post(TASKS, GOAL, Idempotency_Key="k"), 422, "idempotency_key_reused")
    assert Callback.objects.count() == 1


class TestPreferringAnAnswer:
    """On a live server, in threads: it waits, while others work."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def someone(self, transactional_db: None) -> Caller:
        AgentVersionFactory(agent=AgentFactory(name="desk"))
        return caller(SubmitterFactory(username="sam"))

    def post(self, live_server: Any, someone: Caller, prefer: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection(live_server.url.removeprefix("http://"), timeout=60)
        headers = someone.headers({"Prefer": prefer, "Content-Type": "application/json"})
        connection.request("POST", TASKS, json.dumps(body), headers)
        response = connection.getresponse()
        return response, json.loads(response.read())

    def test_it_answers_with_the_task_when_it_came_to_rest(self, live_server: Any, someone: Caller) -> None:
        done = threading.Event()

        def end_it() -> None:
            while not (task := AgentTask.objects.first()):
                done.wait(0.05)
            services.cancel(task.pk, by=someone.user)
            connection.close()

        thread = threading.Thread(target=end_it)
        thread.start()
        response, task = self.post(live_server, someone, "respond-async, wait=20", GOAL)
        thread.join()
        assert (response.status, task["status"]) == (200, "canceled")
        assert response.headers["Preference-Applied"] == "wait=20"

    def test_it_answers_with_the_receipt_when_the_time_is_over(self, live_server: Any, someone: Caller) -> None:
        response, task = self.post(live_server, someone, "wait=1", GOAL)
        assert (response.status, "status" in task) == (202, False)

    def test_without_a_seat_it_answers_at_once(
        self, live_server: Any, someone: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "seats", Seats())
        settings.COUNTERSIGN_WAITING_REQUESTS = 0
        response, _ = self.post(live_server, someone, "wait=30", GOAL)
        assert response.status == 202

    @pytest.mark.parametrize("prefer", ["wait=", "wait=-1", "wait=x", "wait=99999999999999", "wait", "\xff", ",,="])
    def test_another_preference_is_passed_over(self, someone: Caller, prefer: str) -> None:
        assert someone.post(TASKS, GOAL, Prefer=prefer).status_code == 202
