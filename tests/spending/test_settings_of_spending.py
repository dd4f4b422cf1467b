"""What a builder or an operator sets is understood exactly, or refused in a sentence before it costs anything."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.checks import run_checks
from django.db.models.functions import Now
from pytest_django import Settings

from agents.definition.loading import DefinitionErrors, dump, parse
from agents.models import ModelCall
from agents.spending.housekeeping import keep_house
from config import environment
from tests.desk.driving import Desk
from tests.loopback import Provider
from tests.spending.conftest import THINKER

AGENT = """\
name: clerk
title: The clerk
prompt: Be brief.
models: [playbook, "openai:big"]
models_for: {acting: "openai:small"}
budget: {task_dollars: 0.1, day_tokens: 500000}
limits: {patience_seconds: 60}
tools: [look]
handover: A colleague looks at it.
"""


def test_an_agents_models_budgets_and_patience_are_read_exactly() -> None:
    agent = parse(AGENT)
    assert agent.chain("acting") == ("playbook", "openai:small", "openai:big")
    assert (agent.budget.task_dollars, agent.budget.day_tokens) == (Decimal("0.1"), 500_000)
    assert agent.limits.patience_seconds == 60
    assert parse(dump(agent)) == agent


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("acting:", "actign:", 5, "did you mean 'acting'?"),
        ("openai:small", "playbook", 5, "should match pattern"),
        ("task_dollars", "task_dolars", 6, "did you mean 'task_dollars'?"),
        ("0.1,", "-1,", 6, "greater than 0"),
        ("500000", "1.5", 6, "integer"),
        ("60}", "-1}", 7, "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_named_at_its_line(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        parse(AGENT.replace(old, new))
    assert [(where, said in message) for where, _, message in caught.value.problems] == [(line, True)]


@pytest.mark.parametrize("said", ["much", "-1", "0", "nan", "1e9"])
def test_an_amount_that_is_none_refuses_the_start(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    with pytest.raises(SystemExit, match=r"it must be an amount such as 12\.50"):
        environment.amount("X")


def test_an_amount_is_taken_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "0.1")
    assert environment.amount("X") == Decimal("0.1")
    monkeypatch.setenv("X", "")
    assert environment.amount("X") is None


@pytest.mark.parametrize("said", ["1.5", "-0.1", "half"])
def test_a_share_is_between_nothing_and_all(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    with pytest.raises(SystemExit, match="a number from 0 to 1"):
        environment.share("X", 0.0)


@pytest.mark.parametrize(
    "prices", ["{", '{"openai:x": {"input": "1"}}', '{"openai:x": {"input": "1e-9", "output": "1"}}']
)
def test_prices_that_can_not_be_used_are_an_error_of_the_system_check(settings: Settings, prices: str) -> None:
    settings.COUNTERSIGN_PRICES = prices
    assert "agents.E001" in [one.id for one in run_checks()]


def test_old_content_is_forgotten_and_what_it_cost_is_not(desk: Desk, provider: Provider, settings: Settings) -> None:
    desk.run("Think", agent=THINKER.name)
    keep_house()
    assert ModelCall.objects.get().request is not None
    ModelCall.objects.update(created_at=Now() - timedelta(days=settings.COUNTERSIGN_KEEP_MODEL_CALLS_DAYS + 1))
    keep_house()
    row = ModelCall.objects.get()
    assert (row.request, row.answer, row.input_tokens) == (None, "", 1000)
    assert row.cost


def test_a_call_that_nobody_settles_is_given_up_after_a_while(desk: Desk) -> None:
    task = desk.submit("Think", agent=THINKER.name)
    call = ModelCall.objects.create(task=task, version=task.version, model="openai:tiny", cost=Decimal(1))
    keep_house()
    call.refresh_from_db()
    assert call.status == "open"
    ModelCall.objects.update(created_at=Now() - timedelta(minutes=16))
    keep_house()
    call.refresh_from_db()
    assert (call.status, call.cost) == ("lost", 1)
