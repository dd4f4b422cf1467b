"""POST /api/v1/tasks"""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from agents.models import Agent, AgentTask, AgentVersion, TaskEvent
from agents.services import in_flight
from agents.states import Priority, TaskStatus
from tests.api.conftest import Caller, caller, fields, problem
from tests.factories import AgentFactory, AgentVersionFactory, SubmitterFactory, definition

TASKS = "/api/v1/tasks"
GOAL = {"agent": "desk", "goal": "Refund order 1042, the kettle arrived broken"}


def test_it_accepts_a_goal_and_says_where_the_task_is(desk: AgentVersion, sam: Caller) -> None:
    response = sam.post(TASKS, GOAL)

    assert response.status_code == 202
    task = AgentTask.objects.get()
    assert response["Location"] == f"/api/v1/tasks/{task.pk}"
    receipt = response.json()
    assert receipt.pop("created_at")
    assert receipt == {"id": task.pk, "url": f"/api/v1/tasks/{task.pk}", "agent": "desk", "agent_version": 1}
    assert (task.submitted_by, task.goal, task.status) == (sam.user, GOAL["goal"], TaskStatus.PENDING)
    assert TaskEvent.objects.get(task=task).kind == "task.created"


def test_it_takes_inputs_steps_and_priority(desk: AgentVersion, sam: Caller) -> None:
    asked = GOAL | {"inputs": {"order": {"id": 1042}, "ü": [1.5, None]}, "max_steps": 3, "priority": "high"}

    assert sam.post(TASKS, asked).status_code == 202
    task = AgentTask.objects.get()
    assert (task.inputs, task.max_steps, task.priority) == (asked["inputs"], 3, Priority.HIGH)


def test_what_is_optional_may_be_null(desk: AgentVersion, sam: Caller) -> None:
    assert sam.post(TASKS, GOAL | {"inputs": None, "max_steps": None, "priority": None}).status_code == 202
    task = AgentTask.objects.get()
    assert (task.inputs, task.max_steps, task.priority) == ({}, 12, Priority.NORMAL)


def test_it_keeps_the_goal_as_it_was_sent(desk: AgentVersion, sam: Caller) -> None:
    goal = "  Refund\r\n\t<b>{{ 1042 }}</b> \u202e\U0001f600\u2028 "
    sam.post(TASKS, GOAL | {"goal": goal})
    assert AgentTask.objects.get().goal == goal


class TestIdempotencyKey:
    def test_the_same_key_and_body_give_the_same_answer(self, desk: AgentVersion, sam: Caller) -> None:
        first = sam.post(TASKS, GOAL, Idempotency_Key="order-1042")
        AgentTask.objects.update(max_steps=20)
        again = sam.post(TASKS, GOAL, Idempotency_Key="order-1042")

        assert (again.status_code, again.content, again["Location"]) == (202, first.content, first["Location"])
        assert AgentTask.objects.count() == 1

    def test_the_same_answer_though_the_agent_changed_since(self, desk: AgentVersion, sam: Caller) -> None:
        first = sam.post(TASKS, GOAL, Idempotency_Key="order-1042")
        schema = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
        AgentVersionFactory(agent=desk.agent, definition=definition(name="desk", input_schema=schema))
        Agent.objects.update(enabled=False)
        again = sam.post(TASKS, GOAL, Idempotency_Key="order-1042")
        assert (again.status_code, again.content) == (202, first.content)

    def test_another_body_is_refused(self, desk: AgentVersion, sam: Caller) -> None:
        sam.post(TASKS, GOAL, Idempotency_Key="order-1042")
        said = problem(
            sam.post(TASKS, GOAL | {"max_steps": 3}, Idempotency_Key="order-1042"), 422, "idempotency_key_reused"
        )
        assert "order-1042" in fields(said)["Idempotency-Key"]
        assert AgentTask.objects.count() == 1

    def test_the_key_of_somebody_else_is_another_key(self, desk: AgentVersion, sam: Caller, other: Caller) -> None:
        first = sam.post(TASKS, GOAL, Idempotency_Key="order-1042").json()
        second = other.post(TASKS, GOAL, Idempotency_Key="order-1042").json()
        assert first["id"] != second["id"]

    def test_no_key_makes_a_task_each_time(self, desk: AgentVersion, sam: Caller) -> None:
        assert sam.post(TASKS, GOAL).json()["id"] != sam.post(TASKS, GOAL).json()["id"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
    def test_an_unusable_key_is_refused(self, desk: AgentVersion, sam: Caller, key: str) -> None:
        said = problem(sam.post(TASKS, GOAL, Idempotency_Key=key), 422, "invalid")
        assert "1 to 255" in fields(said)["Idempotency-Key"]
        assert not AgentTask.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_callers_posting_one_key_at_once_make_one_task(live_server: Any) -> None:
    AgentVersionFactory(agent=AgentFactory(name="desk"))
    sam = caller(SubmitterFactory(username="sam"))
    body = json.dumps(GOAL)
    headers = sam.headers({"Idempotency-Key": "order-1042", "Content-Type": "application/json"})
    address = live_server.url.removeprefix("http://")

    def post(_: int) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.request("POST", TASKS, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(post, range(20)))

    # Those that came while the first one was in hand are told so, and get its answer when they come again.
    assert {status for status, _ in answers} <= {202, 409}
    assert {body for status, body in answers if status == 202} == {post(0)[1]}
    assert AgentTask.objects.count() == 1
    assert TaskEvent.objects.filter(kind="task.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_in_flight_is_refused_until_its_request_is_over() -> None:
    AgentVersionFactory(agent=AgentFactory(name="desk"))
    sam = caller(SubmitterFactory(username="sam"))
    sam.get(TASKS)  # notes that the key is used, which on SQLite would wait for the writer below
    in_hand, over = threading.Event(), threading.Event()

    def first() -> None:
        try:
            with in_flight.alone(sam.user.pk, "order-1042"):
                in_hand.set()
                over.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    in_hand.wait(60)
    try:
        response = sam.post(TASKS, GOAL, Idempotency_Key="order-1042")
        said = problem(response, 409, "idempotency_key_in_flight")
        assert "order-1042" in fields(said)["Idempotency-Key"]
        assert response["Retry-After"] == "1"
        item = GOAL | {"idempotency_key": "order-1042"}
        assert sam.post(f"{TASKS}/batch", {"tasks": [item]}).json()["results"][0]["status"] == 409
    finally:
        over.set()
        thread.join()
    assert sam.post(TASKS, GOAL, Idempotency_Key="order-1042").status_code == 202
    assert AgentTask.objects.count() == 1


class TestWhoMay:
    def test_it_needs_the_permission_to_submit(self, desk: AgentVersion, nobody: Caller) -> None:
        said = problem(nobody.post(TASKS, GOAL), 403, "not_allowed")
        assert "agents.submit_task" in said["detail"]
        assert not AgentTask.objects.exists()

    def test_it_needs_a_caller(self, desk: AgentVersion, sam: Caller) -> None:
        response = sam.client.post(TASKS, json.dumps(GOAL), content_type="application/json")
        problem(response, 401, "not_signed_in")
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_a_session_needs_its_csrf_token(self, desk: AgentVersion, sam: Caller, client: Any) -> None:
        client.handler.enforce_csrf_checks = True
        client.force_login(sam.user)
        response = client.post(TASKS, json.dumps(GOAL), content_type="application/json")
        assert "CSRF" in problem(response, 403, "not_allowed")["detail"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("change", "field", "hint"),
        [
            ({"agent": "nowhere"}, "agent", "desk"),
            ({"agent": 5}, "agent", "a number"),
            ({"agent": "x" * 100_000}, "agent", "at most 64"),
            ({"agent": "de\0sk"}, "agent", "position 2"),
            ({"goal": ""}, "goal", "empty"),
            ({"goal": " \n\t"}, "goal", "empty"),
            ({"goal": None}, "goal", "null"),
            ({"goal": ["Refund"]}, "goal", "a list"),
            ({"goal": "x" * 1_000_000}, "goal", "1,000,000 characters"),
            ({"goal": "Refund\0"}, "goal", "position 6"),
            ({"goal": "Refund \ud83d"}, "goal", "position 7"),
            ({"inputs": []}, "inputs", "an object"),
            ({"inputs": "{}"}, "inputs", "an object"),
            ({"inputs": {"note": "a\0b"}}, "inputs", "/note"),
            ({"inputs": {"\udfff": 1}}, "inputs", "surrogate"),
            ({"inputs": {"n": 10**1500}}, "inputs", "/n"),
            ({"max_steps": 0}, "max_steps", "1 to 40"),
            ({"max_steps": 41}, "max_steps", "1 to 40"),
            ({"max_steps": 10**30}, "max_steps", "1 to 40"),
            ({"max_steps": "12"}, "max_steps", "whole number"),
            ({"max_steps": 1.5}, "max_steps", "whole number"),
            ({"max_steps": True}, "max_steps", "a boolean"),
            ({"priority": 10}, "priority", "10"),
            ({"priority": "urgent"}, "priority", "urgent"),
            ({"priority": {"high": 1}}, "priority", "high"),
            ({"gaol": "x"}, "gaol", "goal"),
            ({"\ud800\0": 1}, "\ufffd\ufffd", "agent"),
        ],
    )
    def test_a_wrong_value_is_named(
        self, desk: AgentVersion, sam: Caller, change: dict[str, Any], field: str, hint: str
    ) -> None:
        said = problem(sam.post(TASKS, GOAL | change), 422, "invalid")
        assert hint in fields(said)[field]
        assert len(fields(said)) == 1
        assert not AgentTask.objects.exists()

    def test_every_wrong_value_is_named_at_once(self, desk: AgentVersion, sam: Caller) -> None:
        said = problem(sam.post(TASKS, {"max_steps": "many", "inputs": 3}), 422, "invalid")
        assert set(fields(said)) == {"agent", "goal", "max_steps", "inputs"}

    def test_inputs_that_do_not_fit_the_agents_schema(self, sam: Caller) -> None:
        schema = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
        AgentVersionFactory(agent=AgentFactory(name="desk"), definition=definition(name="desk", input_schema=schema))
        said = problem(sam.post(TASKS, GOAL | {"inputs": {"order": "1042"}}), 422, "invalid")
        assert "/order" in fields(said)["inputs"]

    def test_a_disabled_agent(self, desk: AgentVersion, sam: Caller) -> None:
        Agent.objects.update(enabled=False)
        assert "disabled" in fields(problem(sam.post(TASKS, GOAL), 422, "invalid"))["agent"]

    def test_thousands_of_unknown_fields_get_a_short_answer(self, desk: AgentVersion, sam: Caller) -> None:
        response = sam.post(TASKS, {f"{n}" * 1000: n for n in range(300)})
        problem(response, 422, "invalid")
        assert len(response.content) < 60_000


class TestWhatCantBeRead:
    @pytest.mark.parametrize(
        ("body", "hint"),
        [
            ("{", "line 1, column 2"),
            ("{'agent': 'desk'}", "line 1"),
            ("not json", "line 1, column 1"),
            (b'{"agent": "\xff"}', "byte 11"),
            ('{"agent": "desk", "goal": "a", "goal": "b"}', "“goal” more than once"),
            ('{"agent": "desk", "goal": "a", "inputs": {"n": NaN}}', "NaN"),
            ('{"agent": "desk", "goal": "a", "inputs": {"n": -Infinity}}', "-Infinity"),
            ('{"agent": "desk", "goal": "a", "max_steps": ' + "9" * 5000 + "}", "too long"),
            ("[" * 100_000, "nested"),
            ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested"),
            ('{"\\ud800": 1, "\\ud800": 2}', "more than once"),
        ],
    )
    def test_a_body_that_is_no_json(self, desk: AgentVersion, sam: Caller, body: str | bytes, hint: str) -> None:
        assert hint in problem(sam.post(TASKS, body), 400, "malformed")["detail"]
        assert not AgentTask.objects.exists()

    @pytest.mark.parametrize("body", ["[]", '"goal"', "5", "null", "true"])
    def test_a_body_that_is_no_object(self, desk: AgentVersion, sam: Caller, body: str) -> None:
        assert "object" in problem(sam.post(TASKS, body), 422, "invalid")["detail"]

    def test_an_infinite_number_in_the_inputs(self, desk: AgentVersion, sam: Caller) -> None:
        said = problem(sam.post(TASKS, '{"agent": "desk", "goal": "a", "inputs": {"n": 1e999}}'), 422, "invalid")
        assert "/n" in fields(said)["inputs"]

    def test_inputs_nested_deeper_than_can_be_kept(self, desk: AgentVersion, sam: Caller) -> None:
        deep = '{"agent": "desk", "goal": "a", "inputs": {"a": ' + "[" * 300 + "]" * 300 + "}}"
        assert "100 levels" in fields(problem(sam.post(TASKS, deep), 422, "invalid"))["inputs"]

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "?"]
    )
    def test_another_content_type(self, desk: AgentVersion, sam: Caller, media_type: str) -> None:
        response = sam.client.post(TASKS, json.dumps(GOAL), content_type=media_type, headers=sam.headers())
        assert "application/json" in problem(response, 415, "unsupported_media_type")["detail"]

    def test_a_charset_other_than_utf8(self, desk: AgentVersion, sam: Caller) -> None:
        body = json.dumps(GOAL).encode("utf-16")
        response = sam.client.generic(
            "POST", TASKS, body, content_type="application/json; charset=utf-16", headers=sam.headers()
        )
        assert "UTF-8" in problem(response, 400, "malformed")["detail"]

    def test_a_body_that_is_too_large(self, desk: AgentVersion, sam: Caller, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        said = problem(sam.post(TASKS, GOAL | {"goal": "x" * 2000}), 413, "too_large")
        assert "1,000 bytes" in said["detail"]

    def test_no_body(self, desk: AgentVersion, sam: Caller) -> None:
        response = sam.client.generic("POST", TASKS, headers=sam.headers())
        assert set(fields(problem(response, 422, "invalid"))) == {"agent", "goal"}
