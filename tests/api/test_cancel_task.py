"""POST /api/v1/tasks/{id}/cancel"""

import pytest

from tests.api.conftest import Caller, caller, fields, problem
from tests.factories import ReviewerFactory, TaskFactory


def url(task_id: object) -> str:
    return f"/api/v1/tasks/{task_id}/cancel"


@pytest.mark.parametrize("status", ["pending", "waiting", "needs_input"])
def test_a_task_with_nothing_under_way_is_canceled_at_once(sam: Caller, status: str) -> None:
    task = TaskFactory(submitted_by=sam.user, status=status)
    response = sam.post(url(task.pk))
    assert (response.status_code, response.json()["status"]) == (200, "canceled")


def test_a_running_task_is_asked_to_end(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user, status="running")
    response = sam.post(url(task.pk))
    assert (response.status_code, response.json()["status"]) == (202, "running")
    assert response.json()["cancel_requested_at"]


def test_canceling_again_changes_nothing(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    first = sam.post(url(task.pk))
    again = sam.post(url(task.pk))
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize("status", ["complete", "failed"])
def test_a_task_that_ended_otherwise_is_refused(sam: Caller, status: str) -> None:
    task = TaskFactory(submitted_by=sam.user, status=status)
    assert status in problem(sam.post(url(task.pk)), 409, "stale")["detail"]


def test_an_operator_may_cancel_tasks_of_others(sam: Caller, operator: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    assert operator.post(url(task.pk)).json()["status"] == "canceled"


def test_who_only_sees_it_may_not(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    problem(caller(ReviewerFactory()).post(url(task.pk)), 403, "not_allowed")
    task.refresh_from_db()
    assert (task.status, task.cancel_requested_at) == ("pending", None)


def test_others_do_not_find_it(sam: Caller, other: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    problem(other.post(url(task.pk)), 404, "not_found")
    problem(sam.post(url(10**30)), 404, "not_found")
    task.refresh_from_db()
    assert task.status == "pending"


def test_it_needs_no_body_and_takes_no_fields(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    said = problem(sam.post(url(task.pk), {"reason": "enough"}), 422, "invalid")
    assert "none" in fields(said)["reason"]
    assert sam.client.generic("POST", url(task.pk), headers=sam.headers()).status_code == 200
