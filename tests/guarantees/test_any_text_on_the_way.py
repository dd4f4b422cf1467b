"""Any text goes all the way, as goal, tool's result, call, answer and comment, or is refused; pages show it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from agents import services
from agents.errors import Refused
from agents.versions import publish
from attacks import agent_tools
from attacks.suite import YARD
from tests.desk.driving import Desk
from tests.guarantees.test_any_text import NASTY, is_good
from tests.integration.admin_pages import review_page, signed_in, task_page
from tests.loopback import Provider, call, finish

nasty = pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in NASTY.items()])


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Provider]:
    settings.COUNTERSIGN_BUDGETS = {}
    with Provider() as made:
        monkeypatch.setenv("OPENAI_BASE_URL", made.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
        yield made


def plays(provider: Provider, *answers: Any) -> None:
    left = iter(answers)
    provider.play = lambda _: next(left)


@nasty
def test_from_goal_tool_and_answer_into_a_call(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    publish(YARD.model_copy(update={"models": ("openai:tiny",)}), by=None)
    monkeypatch.setattr(agent_tools, "INJECTION", text)
    ask = call("ask", question="Which of them?")
    plays(provider, call("yard_letter", box="b"), ask, call("yard_note", text=f"{text[:3000]}."), finish())
    task = desk.run(text if is_good(text) else "Read it", agent="yard")
    services.answer(task.pk, text if is_good(text) else "All", by=desk.submitter)
    desk.settle(task)
    if task.status == "complete":
        # What can't be stored is no call at all, and the model is told so.
        assert task.steps.get(kind="invalid").answer["error"]["code"].startswith("envelope.")
        return
    assert desk.request(task).reasons[0]["code"] == "taint.outside_plan"
    client = signed_in(desk.reviewer)
    assert client.get(review_page(desk.request(task))).status_code == 200
    assert client.get(task_page(task)).status_code == 200
    desk.decide_and_settle(task, "approve")
    assert task.status == "complete"


@nasty
def test_from_a_reviewer(desk: Desk, text: str) -> None:
    task = desk.run("once_asked kettle")
    with contextlib.suppress(Refused):
        desk.decide(task, "reject", comment=text)
    desk.settle(task)
    assert signed_in(desk.reviewer).get(task_page(task)).status_code == 200
