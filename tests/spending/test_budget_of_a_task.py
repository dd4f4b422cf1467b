"""A submitter may give a task a budget of its own; it stops the task like any other, and warns before."""

from decimal import Decimal
from typing import Any

from pytest_django import Settings

from agents.models import TaskEvent
from agents.outgoing.catalogue import as_json
from tests.desk.driving import Desk
from tests.loopback import Provider, Says, call, finish
from tests.spending.conftest import budget


def warnings(task: Any) -> list[dict[str, Any]]:
    return [as_json(event)["data"] for event in TaskEvent.objects.filter(task=task, kind="budget.warning")]


def test_it_is_reached_before_the_operators(desk: Desk, provider: Provider, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": budget("5")}
    task = desk.run("Think", agent="thinker", budget_dollars=Decimal("0.001"))
    assert (task.status, task.parked_for, provider.asked) == ("needs_review", "limit", [])
    assert "of $0.001000 are used" in desk.request(task).reasons[0]["message"]
    desk.decide(task, "extend", by=desk.operator, amount=Decimal("0.50"))
    assert desk.settle(task).status == "complete"


def test_most_of_it_is_an_event_once(desk: Desk, provider: Provider) -> None:
    turns = iter([(call("look", what="kettle", manner="well"), 165_000), (finish(), 1_000)])

    def play(_: Any) -> Says:
        said, tokens = next(turns)
        return Says(said.calls, input_tokens=tokens, output_tokens=100)

    provider.play = play
    task = desk.run("Think", agent="thinker", budget_tokens=200_000)
    assert task.status == "complete"
    [told] = warnings(task)
    assert (told["unit"], told["used"], told["most"]) == ("tokens", "165100", "200000")


def test_without_a_budget_nothing_is_warned_of(desk: Desk, provider: Provider) -> None:
    assert warnings(desk.run("Think", agent="thinker")) == []
