"""GET /api/v1/agents, /tools, /usage, and the parts of a task"""

from typing import Any

import pytest

from agents.kill_switches import lift
from agents.models import AgentVersion, ModelCall
from tests.api.conftest import Caller, caller, problem
from tests.api.test_manners import with_scopes
from tests.factories import ActionFactory, KillSwitchFactory, ReviewerFactory, StepFactory, TaskFactory


def test_agents_say_what_they_take(desk: AgentVersion, sam: Caller) -> None:
    (line,) = sam.get("/api/v1/agents").json()["results"]
    assert (line["name"], line["version"], line["enabled"]) == ("desk", 1, True)
    assert "prompt" not in line
    assert sam.get("/api/v1/agents/desk").json() == line
    problem(sam.get("/api/v1/agents/nowhere"), 404, "not_found")


def test_definitions_are_for_who_may_see_them(desk: AgentVersion, sam: Caller) -> None:
    assert [one["number"] for one in sam.get("/api/v1/agents/desk/versions").json()["results"]] == [1]
    problem(sam.get("/api/v1/agents/desk/versions/1"), 403, "not_allowed")
    reviewer = caller(ReviewerFactory())
    assert reviewer.get("/api/v1/agents/desk/versions/1").json()["definition"]["prompt"]
    problem(reviewer.get("/api/v1/agents/desk/versions/2"), 404, "not_found")
    problem(reviewer.get("/api/v1/agents/desk/versions/" + "9" * 30), 404, "not_found")


def test_tools_have_their_schemas(sam: Caller) -> None:
    tools = {tool["name"]: tool for tool in sam.get("/api/v1/tools").json()["results"]}
    assert tools["issue_refund"]["stakes"] == "high"
    assert tools["issue_refund"]["input_schema"]["type"] == "object"


def test_the_parts_of_a_task(sam: Caller) -> None:
    task = TaskFactory(submitted_by=sam.user, steps_taken=1)
    action = ActionFactory(step=StepFactory(task=task))
    url = f"/api/v1/tasks/{task.pk}"
    assert [one["number"] for one in sam.get(f"{url}/steps").json()["results"]] == [1]
    assert [(one["id"], one["step"]) for one in sam.get(f"{url}/actions").json()["results"]] == [(action.pk, 1)]


def test_who_waits_is_told_what_is_stopped_and_why(sam: Caller) -> None:
    task, other = TaskFactory(submitted_by=sam.user), TaskFactory(submitted_by=sam.user)
    KillSwitchFactory(agent=other.agent, tool="issue_refund", why="Double charges.")
    switch = KillSwitchFactory(agent=task.agent, why="It loops.")
    lines = sam.get("/api/v1/kill-switches").json()["results"]
    assert [(one["agent"], one["tool"], one["why"]) for one in lines] == [
        (task.agent.name, "", "It loops."),
        (other.agent.name, "issue_refund", "Double charges."),
    ]
    tasks = {one["id"]: one["stopped"] for one in sam.get("/api/v1/tasks").json()["results"]}
    assert "It loops." in tasks[task.pk]
    assert tasks[other.pk] == ""
    lift(switch.pk, by=switch.engaged_by)
    assert sam.get(f"/api/v1/tasks/{task.pk}").json()["stopped"] == ""


@pytest.fixture
def calls(sam: Caller, other: Caller) -> None:
    for who, tokens in ((sam, 10), (sam, 20), (other, 1000)):
        task = TaskFactory(submitted_by=who.user)
        ModelCall.objects.create(
            task=task,
            version=task.version,
            step_number=1,
            model="anthropic:m",
            input_tokens=tokens,
            output_tokens=1,
            cost="0.125",
        )


def test_usage_by_day_is_the_callers(sam: Caller, calls: None) -> None:
    lines = with_scopes(sam, "usage:read").get("/api/v1/usage").json()["results"]
    assert sum(line["input_tokens"] for line in lines) == 30
    assert sum(line["calls"] for line in lines) == 2
    assert {line["cost"] for line in lines} == {"0.125000000000"}


def test_the_costs_of_a_task(sam: Caller, calls: None) -> None:
    task = sam.get("/api/v1/tasks").json()["results"][0]["id"]
    costs = sam.get(f"/api/v1/tasks/{task}/costs").json()
    assert (costs["calls"], costs["input_tokens"], len(costs["results"])) == (1, 20, 1)


@pytest.mark.parametrize(
    "params",
    [
        {"since": "yesterday"},
        {"until": "2026-13-01"},
        {"since": "20261120"},
        {"until": "0001-01-01\0"},
    ],
)
def test_days_that_are_none(sam: Caller, params: dict[str, Any]) -> None:
    problem(with_scopes(sam, "usage:read").get("/api/v1/usage", **params), 422, "invalid")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar(sam: Caller, day: str) -> None:
    assert with_scopes(sam, "usage:read").get("/api/v1/usage", until=day).status_code == 200
