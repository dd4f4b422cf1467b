"""POST /api/v1/tasks/batch"""

import pytest

from agents.models import AgentTask, AgentVersion
from tests.api.conftest import Caller, fields, problem

BATCH = "/api/v1/tasks/batch"
GOAL = {"agent": "desk", "goal": "Refund order 1042"}


def test_each_task_has_its_own_outcome(desk: AgentVersion, sam: Caller) -> None:
    response = sam.post(
        BATCH, {"tasks": [GOAL, GOAL | {"goal": ""}, {"agent": "nowhere", "goal": "x"}, {"x": 1}, GOAL]}
    )
    outcomes = response.json()["results"]
    assert [one["status"] for one in outcomes] == [202, 422, 422, 422, 202]
    assert outcomes[1]["problem"]["errors"][0]["field"] == "goal"
    assert [one["task"]["id"] for one in outcomes if "task" in one] == sorted(
        AgentTask.objects.values_list("pk", flat=True)
    )


def test_the_same_key_makes_no_task_twice(desk: AgentVersion, sam: Caller) -> None:
    body = {"tasks": [GOAL, GOAL, GOAL | {"idempotency_key": "own"}]}
    first = sam.post(BATCH, body, Idempotency_Key="b1")
    assert sam.post(BATCH, body, Idempotency_Key="b1").json() == first.json()
    assert AgentTask.objects.count() == 3
    assert sam.post(BATCH, {"tasks": [GOAL]}, Idempotency_Key="b2").json() != first.json()
    changed = sam.post(BATCH, {"tasks": [GOAL | {"goal": "other"}]}, Idempotency_Key="b1").json()["results"][0]
    assert changed["problem"]["type"].endswith("#idempotency_key_reused")


def test_a_thousand_and_no_more(desk: AgentVersion, sam: Caller) -> None:
    outcomes = sam.post(BATCH, {"tasks": [GOAL] * 50 + [{}] * 950}).json()["results"]
    assert [one["status"] for one in outcomes] == [202] * 50 + [422] * 950
    assert AgentTask.objects.count() == 50
    assert "1000" in fields(problem(sam.post(BATCH, {"tasks": [GOAL] * 1001}), 422, "invalid"))["tasks"]


@pytest.mark.parametrize("tasks", [None, [], {}, "x", [1], [[]], [None]])
def test_what_is_no_batch(desk: AgentVersion, sam: Caller, tasks: object) -> None:
    problem(sam.post(BATCH, {"tasks": tasks}), 422, "invalid")
    assert not AgentTask.objects.exists()


def test_it_needs_the_permission(desk: AgentVersion, nobody: Caller) -> None:
    problem(nobody.post(BATCH, {"tasks": [GOAL]}), 403, "not_allowed")
