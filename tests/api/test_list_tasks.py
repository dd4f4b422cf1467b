"""GET /api/v1/tasks"""

from base64 import b64encode
from typing import Any

import pytest

from tests.api.conftest import Caller, caller, fields, problem
from tests.factories import AgentFactory, AgentVersionFactory, ReviewerFactory, TaskFactory

TASKS = "/api/v1/tasks"


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [task["id"] for task in response.json()["results"]]


def test_it_lists_the_callers_tasks_newest_first(sam: Caller, other: Caller) -> None:
    mine = [TaskFactory(submitted_by=sam.user).pk for _ in range(3)]
    TaskFactory(submitted_by=other.user)

    assert ids(sam.get(TASKS)) == mine[::-1]


@pytest.mark.django_db
@pytest.mark.parametrize("may_see_all", ["operator", "reviewer"])
def test_it_lists_all_tasks_to_who_may_see_them(sam: Caller, operator: Caller, may_see_all: str) -> None:
    task = TaskFactory(submitted_by=sam.user)
    who = operator if may_see_all == "operator" else caller(ReviewerFactory())
    assert ids(who.get(TASKS)) == [task.pk]


def test_a_line_says_where_the_task_stands(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user, status="needs_input", question="Which address?", steps_taken=2)

    line = sam.get(TASKS).json()["results"][0]
    assert line == {
        "id": task.pk,
        "url": f"/api/v1/tasks/{task.pk}",
        "agent": task.agent.name,
        "agent_version": 1,
        "created_at": "2026-11-20T12:00:00Z",
        "status": "needs_input",
        "goal": task.goal,
        "metadata": {},
        "submitted_by": "sam",
        "priority": "normal",
        "steps_taken": 2,
        "max_steps": 12,
        "deadline": None,
        "budget_dollars": None,
        "budget_tokens": None,
        "waits_for": "",
        "stopped": "",
        "question": "Which address?",
        "notice": "",
        "failure": "",
        "wake_at": None,
        "cancel_requested_at": None,
        "finished_at": None,
    }


def test_it_filters_by_status_and_agent(sam: Caller) -> None:
    desk, shop = (AgentVersionFactory(agent=AgentFactory(name=name)) for name in ("desk", "shop"))
    done = TaskFactory(submitted_by=sam.user, version=desk, status="complete").pk
    failed = TaskFactory(submitted_by=sam.user, version=shop, status="failed").pk
    TaskFactory(submitted_by=sam.user, version=shop)

    assert ids(sam.get(TASKS, status="complete")) == [done]
    assert ids(sam.get(TASKS, status=["complete", "failed"])) == [failed, done]
    assert ids(sam.get(TASKS, status=["complete", "failed"], agent="shop")) == [failed]
    assert ids(sam.get(TASKS, agent="nowhere")) == []


def test_pages_follow_each_other_while_new_tasks_arrive(sam: Caller) -> None:
    tasks = [TaskFactory(submitted_by=sam.user).pk for _ in range(5)]

    first = sam.get(TASKS, limit=2)
    TaskFactory(submitted_by=sam.user)
    second = sam.get(first.json()["next"])
    third = sam.get(second.json()["next"])

    assert [*ids(first), *ids(second), *ids(third)] == tasks[::-1]
    assert third.json()["next"] is None
    assert ids(sam.get(third.json()["previous"])) == ids(second)


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_takes_the_same_few_queries_however_long(
    sam: Caller, django_assert_max_num_queries: Any, count: int
) -> None:
    for _ in range(count):
        TaskFactory(submitted_by=sam.user)
    sam.get(TASKS)
    # The key with its owner, the permissions of user and groups, the tasks.
    with django_assert_max_num_queries(5):
        assert len(ids(sam.get(TASKS))) == count


def cursor(position: str) -> str:
    return b64encode(position.encode()).decode()


@pytest.mark.parametrize(
    ("params", "field", "hint"),
    [
        ({"status": "done"}, "status", "done"),
        ({"status": "a\0b"}, "status", "not one of"),
        ({"stauts": "failed"}, "stauts", "status"),
        ({"agent": "a\0b"}, "agent", "Null"),
        ({"limit": "0"}, "limit", "1 to 100"),
        ({"limit": "101"}, "limit", "1 to 100"),
        ({"limit": "many"}, "limit", "1 to 100"),
        ({"limit": "9" * 5000}, "limit", "1 to 100"),
        ({"cursor": "nonsense"}, "cursor", "next"),
        ({"cursor": "ü"}, "cursor", "next"),
        ({"cursor": cursor("p=abc")}, "cursor", "next"),
        ({"cursor": cursor("p=1%00")}, "cursor", "next"),
        ({"cursor": cursor("o=" + "9" * 5000)}, "cursor", "next"),
    ],
)
def test_a_wrong_parameter_is_named(sam: Caller, params: dict[str, str], field: str, hint: str) -> None:
    said = problem(sam.get(TASKS, **params), 422, "invalid")
    assert hint in fields(said)[field]


def test_a_cursor_beyond_every_task(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    assert ids(sam.get(TASKS, cursor=cursor("p=9999999999999999999"))) == [task.pk]
    assert ids(sam.get(TASKS, cursor=cursor("r=1&p=9999999999999999999"))) == []


def test_it_needs_a_caller(sam: Caller) -> None:
    problem(sam.client.get(TASKS), 401, "not_signed_in")


def test_a_session_may_browse(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user)
    sam.client.force_login(sam.user)
    assert ids(sam.client.get(TASKS)) == [task.pk]
