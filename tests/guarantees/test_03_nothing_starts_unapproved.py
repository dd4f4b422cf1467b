"""Promise 3: nothing starts without a verdict “allow”, or an unused approval of exactly what is about to run."""

import dataclasses
from typing import Any

import pytest

from agents import services
from agents.engine import leases, loop
from agents.engine.loop import work_once
from agents.engine.story import read_story
from agents.errors import Refused
from agents.kill_switches import lift
from agents.models import Action
from agents.states import ActionStatus, TaskStatus
from review.models import Answer, Kind, ReviewRequest
from tests.desk.driving import Desk, action_of, calls, effects, kinds, subject, until
from tests.desk.models import Fact
from tests.guarantees import people
from tests.guarantees.invariants import check
from tools.registry import registry

ASKED = ["idempotent_asked", "reconcilable_asked", "once_asked"]


@pytest.mark.parametrize("tool", ASKED)
def test_what_needs_approval_waits_for_it_and_then_runs_once(tool: str, desk: Desk) -> None:
    task = desk.run(f"{tool} {subject()}")
    assert (task.parked_for, calls(task)) == (Kind.ACTION, [])
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_approving_a_plan_approves_no_action_in_it(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}", agent="careful")
    assert task.parked_for == Kind.PLAN
    assert desk.decide_and_settle(task, Answer.APPROVE).parked_for == Kind.ACTION
    assert calls(task) == []
    check(task)


def test_arguments_changed_after_the_approval_are_not_run_but_asked_about_again(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    approved = action_of(task)
    Action.objects.filter(pk=approved.pk).update(arguments={"what": "the-safe", "manner": "well"})
    desk.settle(task)
    assert (task.parked_for, calls(task)) == (Kind.ACTION, [])
    approved.refresh_from_db()
    assert (approved.status, approved.approval_used_at) == (ActionStatus.SUPERSEDED, None)
    again = desk.request(task)
    assert again.digest != approved.approved_digest
    assert again.shown["action"]["arguments"]["what"] == "the-safe"
    assert "approval.digest_changed" in str(again.reasons)
    check(task)


def test_a_tool_deployed_anew_after_the_approval_is_asked_about_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    _deploy_anew("once_asked", monkeypatch)
    assert desk.settle(task).parked_for == Kind.ACTION
    assert calls(task) == []
    assert "approval.voided" in kinds(task)
    # What is asked now is what would run now, so that approving it leads to an end.
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_a_tool_deployed_anew_before_the_decision_does_not_run_on_what_was_shown_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.run(f"once_asked {subject()}")
    _deploy_anew("once_asked", monkeypatch)
    desk.decide_and_settle(task, Answer.APPROVE)
    assert (task.parked_for, calls(task)) == (Kind.ACTION, [])
    # Nobody is left with a question that can't be answered any more.
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    check(task)


def test_arguments_that_the_new_release_refuses_are_not_asked_about_but_sent_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    tool = registry.get("once_asked")
    properties = {**tool.input_schema["properties"], "what": {"type": "integer"}}
    newer = dataclasses.replace(tool, input_schema={**tool.input_schema, "properties": properties}, signature=None)
    monkeypatch.setitem(registry._tools, "once_asked", newer)
    desk.settle(task)
    assert (task.parked_for, calls(task)) == (Kind.ESCALATION, [])
    assert task.steps.get(number=2).answer["error"]["code"] == "schema.invalid"
    check(task)


def test_what_the_approval_relied_on_is_looked_at_again_at_the_start(desk: Desk) -> None:
    what = subject()
    Fact.objects.create(name=f"relied:{what}", value="paid")
    task = desk.run(f"once_relying {what}")
    desk.decide(task, Answer.APPROVE)
    Fact.objects.filter(name=f"relied:{what}").update(value="refunded")
    assert desk.settle(task).parked_for == Kind.ACTION
    assert calls(task) == []
    changed = desk.request(task).shown["evidence"]["changed"]
    assert "paid" in str(changed["before"]["precondition"])
    assert "refunded" in str(changed["now"]["precondition"])
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    check(task)


def test_what_the_approval_relied_on_may_be_gone_and_the_new_approval_counts(desk: Desk) -> None:
    what = subject()
    Fact.objects.create(name=f"relied:{what}", value="paid")
    task = desk.run(f"once_relying {what}")
    desk.decide(task, Answer.APPROVE)
    Fact.objects.filter(name=f"relied:{what}").delete()
    assert desk.settle(task).parked_for == Kind.ACTION
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    check(task)


def test_what_comes_up_after_the_approval_is_noticed_where_nothing_was_relied_on_before(desk: Desk) -> None:
    what = subject()
    task = desk.run(f"once_relying {what}")
    desk.decide(task, Answer.APPROVE)
    Fact.objects.create(name=f"relied:{what}", value="blocked by the bank")
    assert desk.settle(task).parked_for == Kind.ACTION
    assert calls(task) == []
    check(task)


def test_what_an_edit_relies_on_is_looked_at_again_too(desk: Desk) -> None:
    task, other = desk.run(f"once_relying {subject()}"), subject()
    Fact.objects.create(name=f"relied:{other}", value="paid")
    desk.decide(task, Answer.EDIT, arguments={"what": other, "manner": "well"})
    Fact.objects.filter(name=f"relied:{other}").update(value="refunded")
    assert desk.settle(task).parked_for == Kind.ACTION
    assert calls(task) == []
    check(task)


def test_a_denial_that_came_after_the_approval_wins(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    desk.engage("The till is closed.", tool="once_asked")
    desk.settle(task)
    assert calls(task) == []
    approved = action_of(task)
    assert (approved.status, approved.started_at) == (ActionStatus.SUPERSEDED, None)
    assert "The till is closed" in task.steps.get(number=2).answer["error"]["message"]
    check(task)


def test_what_is_approved_waits_while_its_agent_is_stopped_and_starts_when_that_is_lifted(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    switch = desk.engage("The books are closed.")
    desk.settle(task)
    assert (task.status, calls(task)) == (TaskStatus.PENDING, [])
    lift(switch.pk, by=desk.operator)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_a_task_of_a_stopped_agent_waits_asks_nobody_and_goes_on_when_that_is_lifted(desk: Desk) -> None:
    switch = desk.engage("The books are closed.")
    task = desk.run(f"once {subject()}")
    assert (task.status, task.steps_taken) == (TaskStatus.PENDING, 0)
    lift(switch.pk, by=desk.operator)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    check(task)


def test_a_cancel_is_heard_while_the_agent_is_stopped(desk: Desk) -> None:
    task = desk.submit(f"once {subject()}")
    lease = leases.claim()
    assert lease is not None
    story = read_story(task.pk, lease.condition)
    assert story is not None
    loop.step(lease, story)
    desk.engage("Stop.")
    services.cancel(task.pk, by=desk.submitter)
    loop.step(lease, story)
    leases.let_go(lease)
    task.refresh_from_db()
    assert (task.status, calls(task)) == (TaskStatus.CANCELED, [])
    check(task)


def test_a_stop_that_comes_while_the_task_runs_holds_it_at_its_next_step(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    lease = leases.claim()
    assert lease is not None
    story = read_story(task.pk, lease.condition)
    assert story is not None
    loop.step(lease, story)
    switch = desk.engage("Stop.")
    loop.step(lease, story)
    leases.let_go(lease)
    task.refresh_from_db()
    assert (task.status, calls(task)) == (TaskStatus.PENDING, [])
    assert work_once() is False
    lift(switch.pk, by=desk.operator)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    check(task)


def test_a_denial_of_another_tool_stops_nothing(desk: Desk) -> None:
    desk.engage(tool="reconcilable_asked")
    task = desk.run(f"once_asked {subject()}")
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    check(task)


@pytest.mark.parametrize("tool", ["idempotent", "once"])
def test_a_denial_after_a_first_attempt_of_unknown_outcome_does_not_call_it_failed(tool: str, desk: Desk) -> None:
    task = desk.submit(f"{tool} {subject()} first_lost_after")
    until(lambda: work_once() and calls(task), "the first call was made")
    desk.engage("Stop it.", tool=tool)
    desk.settle(task)
    assert len(calls(task)) == 1
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)
    check(task)


def test_an_edit_runs_what_the_editor_wrote_and_nothing_else(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    proposed = action_of(task)
    other = subject()
    desk.decide_and_settle(task, Answer.EDIT, arguments={"what": other, "manner": "well"})
    assert task.status == TaskStatus.COMPLETE
    assert [entry.subject for entry in effects(task)] == [other]
    proposed.refresh_from_db()
    assert proposed.status == ActionStatus.SUPERSEDED
    check(task)


@pytest.mark.parametrize("arguments", [{}, {"what": 7}, {"what": "x", "more": 1}, {"manner": "well"}])
def test_an_edit_is_validated_like_a_proposal(arguments: dict[str, Any], desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(Refused):
        desk.decide(task, Answer.EDIT, arguments=arguments)
    task.refresh_from_db()
    assert (task.parked_for, desk.request(task).decisions.count(), calls(task)) == (Kind.ACTION, 0, [])
    check(task)


def test_a_constraint_denies_before_anybody_is_asked(desk: Desk) -> None:
    task = desk.run("once crown")
    assert (task.parked_for, calls(task)) == (Kind.ESCALATION, [])
    assert "Nobody touches the crown" in str(desk.request(task).reasons)
    check(task)


def test_the_request_shows_exactly_what_is_going_to_run(desk: Desk) -> None:
    what = subject()
    task = desk.run(f"once_asked {what}")
    request: ReviewRequest = desk.request(task)
    assert request.shown["action"]["arguments"] == {"what": what, "manner": "well"}
    assert request.title == f"once_asked {what}"
    people.bring_to_an_end(desk, task)
    assert [entry.subject for entry in effects(task)] == [what]


def _deploy_anew(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release of the tool, whose schema says something more."""
    tool = registry.get(name)
    schema = {**tool.input_schema, "description": "A newer release."}
    monkeypatch.setitem(registry._tools, name, dataclasses.replace(tool, input_schema=schema))
