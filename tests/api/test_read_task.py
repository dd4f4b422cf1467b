"""GET /api/v1/tasks/{id}"""

from typing import Any

import pytest

from tests.api.conftest import Caller, problem
from tests.factories import ActionFactory, StepFactory, TaskFactory


def url(task_id: object) -> str:
    return f"/api/v1/tasks/{task_id}"


def test_it_tells_what_was_proposed_and_what_came_of_it(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user, steps_taken=2, status="complete", inputs={"order": 1042})
    verdict = {"outcome": "review", "reasons": [{"code": "stakes.high", "message": "High stakes.", "rule": "review"}]}
    looked_up = StepFactory(task=task)
    ActionFactory(step=looked_up)
    refund = StepFactory(
        task=task, name="issue_refund", verdict=verdict, answer={"error": "rejected"}, status="refused"
    )
    ActionFactory(step=refund, effect="once", status="rejected", needs_approval=True, result=None)
    edited = ActionFactory(step=refund, effect="once", status="succeeded", result={"refund_id": "R1"})

    whole = sam.get(url(task.pk)).json()

    assert (whole["status"], whole["result"], whole["inputs"]) == ("complete", "It is done.", {"order": 1042})
    assert [step["number"] for step in whole["steps"]] == [1, 2]
    first, second = whole["steps"]
    assert first["actions"][0]["result"] == {"order_id": "1042", "total": 64.9}
    assert (second["verdict"], second["answer"], second["status"]) == (verdict, {"error": "rejected"}, "refused")
    assert [action["status"] for action in second["actions"]] == ["rejected", "succeeded"]
    assert second["actions"][1]["id"] == edited.pk


def test_who_may_see_all_tasks_sees_it(sam: Caller, operator: Caller) -> None:
    assert operator.get(url(TaskFactory(submitted_by=sam.user).pk)).status_code == 200


def test_somebody_elses_task_looks_as_if_it_were_not_there(sam: Caller, other: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    not_mine = problem(other.get(url(task.pk)), 404, "not_found")
    assert not_mine == problem(other.get(url(task.pk + 1)), 404, "not_found")


@pytest.mark.parametrize("task_id", [0, 2**63 - 1, 2**63, 10**30, "9" * 5000, "-1", "abc", "1.0", "%00", "1%0a", "１"])
def test_an_id_that_is_none(sam: Caller, task_id: object) -> None:
    problem(sam.get(url(task_id)), 404, "not_found")


@pytest.mark.parametrize("steps", [1, 15])
def test_it_takes_the_same_few_queries_however_long(
    sam: Caller, django_assert_max_num_queries: Any, steps: int
) -> None:
    task = TaskFactory(submitted_by=sam.user, steps_taken=steps, max_steps=steps)
    for _ in range(steps):
        ActionFactory(step=StepFactory(task=task))
    sam.get(url(task.pk))
    # The key with its owner, the permissions of user and groups, the task, its steps, their actions.
    with django_assert_max_num_queries(7):
        assert len(sam.get(url(task.pk)).json()["steps"]) == steps


def test_it_changes_nothing_by_other_methods(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        response = sam.client.generic(method, url(task.pk), headers=sam.headers())
        problem(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, HEAD"
