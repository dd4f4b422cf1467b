"""POST /api/v1/tasks/{id}/answer"""

from typing import Any

import pytest

from agents.models import AgentTask, Step
from tests.api.conftest import Caller, fields, problem
from tests.factories import StepFactory, TaskFactory


def url(task_id: object) -> str:
    return f"/api/v1/tasks/{task_id}/answer"


@pytest.fixture
def asking(sam: Caller) -> AgentTask:
    task = TaskFactory(submitted_by=sam.user, status="needs_input", question="Which address?", steps_taken=1)
    StepFactory(task=task, kind="ask", name="ask", status="open", arguments={"question": "Which address?"})
    return task


def test_the_task_goes_on_with_the_answer(sam: Caller, asking: AgentTask) -> None:
    text = " 5 Mill Lane {{ x }}\n\U0001f600"
    response = sam.post(url(asking.pk), {"answer": text})

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["question"]) == ("pending", "")
    assert response.json()["steps"][0]["answer"] == {"answer": text}


def test_a_second_answer_is_refused(sam: Caller, asking: AgentTask) -> None:
    sam.post(url(asking.pk), {"answer": "5 Mill Lane"})
    problem(sam.post(url(asking.pk), {"answer": "6 Mill Lane"}), 409, "stale")
    assert Step.objects.get(task=asking).answer == {"answer": "5 Mill Lane"}


def test_only_the_submitter_is_asked(asking: AgentTask, operator: Caller, other: Caller) -> None:
    problem(operator.post(url(asking.pk), {"answer": "5 Mill Lane"}), 403, "not_allowed")
    problem(other.post(url(asking.pk), {"answer": "5 Mill Lane"}), 404, "not_found")
    asking.refresh_from_db()
    assert asking.status == "needs_input"


@pytest.mark.parametrize(
    ("body", "field", "hint"),
    [
        ({}, "answer", "required"),
        ({"answer": ""}, "answer", "empty"),
        ({"answer": 5}, "answer", "a number"),
        ({"answer": "a\0"}, "answer", "position 1"),
        ({"answer": "\ud800"}, "answer", "surrogate"),
        ({"answer": "x" * 1_000_000}, "answer", "1,000,000"),
        ({"answer": "yes", "anwser": "no"}, "anwser", "answer"),
    ],
)
def test_a_wrong_answer_is_refused(sam: Caller, asking: AgentTask, body: dict[str, Any], field: str, hint: str) -> None:
    assert hint in fields(problem(sam.post(url(asking.pk), body), 422, "invalid"))[field]
    asking.refresh_from_db()
    assert asking.status == "needs_input"
