"""No value of a person's reaches a provider, in whatever a task holds; everybody else works with what is so."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from agents import services
from agents.definition import ModelsFor, Privacy
from agents.engine.loop import work_once
from agents.models import Action, ModelCall, PrivateValue, Step
from agents.versions import publish
from tests.desk.driving import Desk, calls
from tests.loopback import Provider, Says, call, finish
from tests.privacy.knowing import CARD, EMAIL, GOAL, INPUTS, KNOWING, NAME, VALUES, any_of, told
from tests.spending.conftest import MODEL


@pytest.fixture(autouse=True)
def knowing(desk: Desk) -> None:
    publish(KNOWING, by=None)


def test_no_value_is_in_any_byte_that_reaches_a_provider_or_the_ledger(desk: Desk, provider: Provider) -> None:
    plan = [
        {"id": "s1", "tool": "look", "purpose": "For [[name:1]]", "arguments": {"what": "[[email:1]]"}},
        {"id": "s2", "tool": "look", "purpose": "Again"},
    ]
    answers = iter(
        [
            call("propose_plan", steps=plan),
            call("look", what="card [[card:1]]"),
            Says(text=f"I would rather say that {EMAIL} wrote."),
            call("ask", question="Is it [[name:1]]?"),
            finish("[[name:1]] is told at [[email:1]]."),
        ]
    )
    provider.play = lambda _: next(answers)
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    assert task.question == f"Is it {NAME}?"
    services.answer(task.pk, f"Yes, {NAME}, now at bo@example.org", by=desk.submitter)
    task = desk.settle(task)
    assert (task.status, task.result) == ("complete", f"{NAME} is told at {EMAIL}.")
    assert [one.subject for one in calls(task)] == [EMAIL, f"card {CARD}"]
    assert any_of(told(provider), (*VALUES, "bo@example.org")) == []
    kept = "".join(f"{one.request}{one.answer}" for one in ModelCall.objects.filter(task=task))
    # What the provider itself said on its own stands there as it came.
    assert any_of(kept.replace(f"I would rather say that {EMAIL} wrote.", "")) == []
    assert "[[email:1]]" in kept


def test_values_are_back_before_policy_digest_and_tool_look_however_deep_they_stand(
    desk: Desk, provider: Provider
) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "array", "items": {"type": "object"}}}}
    publish(KNOWING.model_copy(update={"result_schema": schema}), by=None)
    answers = iter(
        [
            call("once_asked", what="for [[email:1]]"),
            call("finish", result={"to": [{"[[name:1]]": "[[email:1]]", "card": "[[card:2]]", "tel": "[[phone:1]]!"}]}),
        ]
    )
    provider.play = lambda _: next(answers)
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    action = Action.objects.get(task=task)
    assert (action.arguments["what"], action.status) == (f"for {EMAIL}", "awaiting_review")
    assert desk.request(task).digest == action.digest
    task = desk.decide_and_settle(task, "approve")
    assert task.result == {"to": [{NAME: EMAIL, "card": 4111111111111111, "tel": "+351 912 345 678!"}]}
    assert any_of(told(provider)) == []


def test_a_placeholder_stands_for_the_same_value_at_every_turn(desk: Desk, provider: Provider) -> None:
    seen = []

    def play(asked: dict[str, object]) -> Says:
        seen.append(str(asked["messages"]))
        return call("look", what=f"[[email:1]] {len(seen)}") if len(seen) < 3 else finish()

    provider.play = play
    desk.run(GOAL, agent="knowing", inputs=INPUTS)
    opening = seen[0][seen[0].index("<goal-") : seen[0].index("</goal-")]
    assert all(opening in one for one in seen)
    assert sorted(PrivateValue.objects.values_list("label", "number")) == [
        ("card", 1),
        ("card", 2),
        ("email", 1),
        ("name", 1),
        ("phone", 1),
    ]


def test_an_invented_placeholder_is_refused_and_the_next_turn_reads_why(desk: Desk, provider: Provider) -> None:
    answers = iter([call("look", what="[[email:7]] and [[email:1]]"), finish()])
    provider.play = lambda _: next(answers)
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    step = Step.objects.get(task=task, number=1)
    assert (step.kind, step.name, calls(task)) == ("invalid", "placeholder.unknown", [])
    assert "The placeholder email:7 stands for nothing in this task" in step.answer["error"]["message"]
    assert "The placeholder email:7 stands for nothing in this task" in told(provider)
    assert any_of(told(provider)) == []


def test_a_value_is_no_secret_to_another_task(desk: Desk, provider: Provider) -> None:
    provider.play = lambda _: finish("[[email:1]]")
    first = desk.run("Write to bo@example.org", agent="knowing")
    second = desk.run("Write to ana@example.org", agent="knowing")
    assert (first.result, second.result) == ("bo@example.org", "ana@example.org")


def test_the_screening_model_sees_placeholders_too(desk: Desk, provider: Provider) -> None:
    publish(KNOWING.model_copy(update={"models_for": ModelsFor(screening=MODEL)}), by=None)

    def play(asked: dict[str, object]) -> Says:
        screens = asked["tools"][0]["function"]["name"] == "screen"  # type: ignore[index]
        return call("screen", verdict="flag", why="It names [[name:1]].") if screens else finish()

    provider.play = play
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    assert task.status == "complete"
    assert f"It names {NAME}." in str(task.screened)
    assert any_of(told(provider)) == []


def test_numbers_that_can_be_checked_are_hidden_unless_an_agent_says_otherwise(desk: Desk, provider: Provider) -> None:
    said = f"Is {CARD} of {EMAIL}?"
    publish(KNOWING.model_copy(update={"privacy": Privacy()}), by=None)
    desk.run(said, agent="knowing")
    assert any_of(told(provider)) == [EMAIL]
    publish(KNOWING.model_copy(update={"privacy": Privacy(kinds=())}), by=None)
    desk.run(said, agent="knowing")
    assert any_of(told(provider)) == [EMAIL, CARD]


def test_what_placeholders_stand_for_is_encrypted_and_its_keys_can_be_changed(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    assert any_of(str(list(PrivateValue.objects.values()))) == []
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    settings.COUNTERSIGN_VAULT_KEYS = [old]
    call_command("rotate_vault")
    settings.COUNTERSIGN_VAULT_KEYS = [new, old]
    call_command("rotate_vault")
    settings.COUNTERSIGN_VAULT_KEYS = [new]
    provider.play = lambda _: finish("[[email:1]]")
    assert desk.run(GOAL, agent="knowing").result == EMAIL
    assert PrivateValue.objects.filter(task=task).count() == 5

    settings.COUNTERSIGN_VAULT_KEYS = [old]
    with pytest.raises(CommandError, match=r"No key opens \d+ of \d+ values"):
        call_command("rotate_vault")


def test_a_task_whose_key_is_missing_waits_and_says_so(desk: Desk, provider: Provider, settings: Settings) -> None:
    answers = iter([call("once_asked", what="[[email:1]]"), finish()])
    provider.play = lambda _: next(answers)
    settings.COUNTERSIGN_VAULT_KEYS = [Fernet.generate_key().decode()]
    task = desk.run(GOAL, agent="knowing")
    settings.COUNTERSIGN_VAULT_KEYS = []
    desk.decide(task, "approve")
    publish(KNOWING, by=None)
    while work_once() and task.status != "waiting":
        task.refresh_from_db()
    assert task.status == "waiting"
    assert "COUNTERSIGN_VAULT_KEYS lacks a key" in task.notice
