"""A person is forgotten across finished tasks, nothing else is, and the audit stays valid."""

import io
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from agents import services
from agents.models import AgentTask, PrivateValue, TaskEvent
from agents.privacy.content import CONTENT
from agents.versions import publish
from tests.desk.driving import Desk
from tests.loopback import Provider, Says, call, finish
from tests.privacy.knowing import EMAIL, GOAL, INPUTS, KNOWING, NAME, VALUES, any_of

OTHER = "bo@example.org"


def everything_held() -> str:
    """Every row of every table, as text."""
    models = [*apps.get_app_config("agents").get_models(), *apps.get_app_config("review").get_models()]
    return str([list(model._default_manager.values()) for model in models])


def erase(*values: str) -> str:
    said = io.StringIO()
    call_command("erase_person", *values, why="Request 2026-118", stdout=said)
    return said.getvalue()


def audit() -> None:
    call_command("verify_audit", stdout=io.StringIO())


@pytest.fixture
def told(desk: Desk, provider: Provider) -> AgentTask:
    """A finished task that has a person's values in each kind of row."""
    publish(KNOWING, by=None)
    planned = {"id": "s1", "tool": "look", "purpose": "P", "arguments": {"what": "[[name:1]]"}}
    answers = iter(
        [
            call(
                "propose_plan",
                steps=[planned],
            ),
            Says(text=f"{EMAIL} said so."),
            call("ask", question="Is it [[name:1]]?"),
            call("once_asked", what="for [[email:1]]"),
            call("idempotent", what="[[name:1]]", confidence=0.8),
            finish("[[name:1]] ([[email:1]]) is told, and bo@example.org too."),
        ]
    )
    provider.play = lambda _: next(answers)
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS, metadata={"for": NAME})
    services.answer(task.pk, f"Yes, {NAME}, and tell {OTHER}", by=desk.submitter)
    task = desk.settle(task)
    desk.decide(task, "edit", arguments={"what": f"to {EMAIL}", "manner": "well"}, comment=f"{NAME} it is")
    task = desk.decide_and_settle(desk.settle(task), "approve")
    assert task.status == "complete"
    return task


def test_no_row_holds_a_value_afterwards_and_the_audit_is_valid(told: AgentTask) -> None:
    before = everything_held()
    assert any_of(before, (NAME, EMAIL, OTHER)) == [NAME, EMAIL, OTHER, "4111111111111111"]
    audit()
    assert "Erased from 1 tasks" in erase(NAME, EMAIL.upper())
    after = everything_held()
    assert any_of(after, (NAME, EMAIL, OTHER)) == [OTHER, "4111111111111111"]
    audit()
    told.refresh_from_db()
    assert told.result == "[erased] ([erased]) is told, and bo@example.org too."
    assert told.inputs["customer"] == {"name": "[erased]", "mails": ["[erased]"]}
    line = TaskEvent.objects.filter(task=told, kind="journal.erased").get()
    assert (line.actor, line.data["why"]) == ("operator", "Request 2026-118")
    assert line.data["lines"]
    kept = PrivateValue.objects.filter(task=told).values_list("label", "number")
    assert sorted(kept) == [("card", 1), ("card", 2), ("email", 2), ("phone", 1)]
    assert "No finished task" in erase(NAME, EMAIL)


def test_a_number_is_erased_as_text_and_as_a_number(told: AgentTask) -> None:
    erase("4111111111111111", "4111 1111 1111 1111")
    assert any_of(everything_held(), (VALUES[1],)) == []
    audit()


def test_a_task_that_is_not_over_is_named_and_nothing_is_erased(
    desk: Desk, provider: Provider, told: AgentTask
) -> None:
    provider.play = lambda _: call("ask", question="Which?")
    live = desk.run(f"Look for {NAME}", agent="knowing")
    with pytest.raises(CommandError, match=rf"hold one of the values: {live.pk} \(needs input\)"):
        erase(NAME)
    told.refresh_from_db()
    assert NAME in told.goal
    services.cancel(live.pk, by=desk.submitter)
    assert "Erased from 2 tasks" in erase(NAME)


def test_where_a_task_fails_what_was_erased_stays_and_the_same_command_goes_on(
    desk: Desk, provider: Provider, told: AgentTask
) -> None:
    provider.play = lambda _: finish("[[name:1]]")
    later = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    kept = set(PrivateValue.objects.filter(task=later).values_list("pk", flat=True))

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE") and kept.intersection(params or ()):
            raise OperationalError("The disk is full.")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away), pytest.raises(CommandError) as caught:
        erase(NAME)
    assert f"Task {later.pk} could not be changed, and is as it was (The disk is full.)" in str(caught.value)
    assert "1 of 2 tasks were done before it: erased from 1 tasks," in str(caught.value)
    told.refresh_from_db()
    later.refresh_from_db()
    assert (NAME in told.goal, NAME in later.goal, later.result) == (False, True, NAME)
    audit()
    assert "Erased from 1 tasks" in erase(NAME)
    assert any_of(everything_held(), (NAME,)) == ["4111111111111111"]
    audit()


@pytest.mark.parametrize("values", [("Al",), ("  ",)])
def test_a_value_that_would_take_other_words_with_it_is_refused(db: None, values: Any) -> None:
    with pytest.raises(CommandError, match="3 characters or more"):
        erase(*values)


def test_every_column_that_can_hold_words_is_known() -> None:
    """A new column is either content, or is named here as holding none."""
    without_words = {
        "agents.agenttask": {"request_digest", "cancel_requested_by", "worker", "budget", "journal_head"}
        | {"idempotency_key", "status", "parked_for"},
        "agents.step": {"kind", "status", "proposer", "planned_id"},
        "agents.action": {"tool", "effect", "call_digest", "digest", "idempotency_key", "status", "approved_digest"}
        | {"counted"},
        "agents.taskevent": {"kind", "actor", "salt", "payload_digest", "previous_hash", "hash"},
        "agents.modelcall": {"purpose", "model", "status", "prices", "error_kind"},
        "review.reviewrequest": {"kind", "status", "digest", "approvers_group", "escalate_to", "assigned_group"},
        "review.decision": {"answer", "digest", "via"},
        "review.notice": {"what", "status", "taken"},
        "outgoing.attempt": set(),
    }
    for name, content in CONTENT.items():
        fields = apps.get_model(name)._meta.concrete_fields
        wordy = {one.name for one in fields if one.get_internal_type() in ("CharField", "TextField", "JSONField")}
        assert wordy - without_words[name] == set(content.columns), name
