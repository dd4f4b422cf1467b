"""How does a task get from its goal to its end? Through every kind of step and question, as its journal tells it."""

from typing import Any

import pytest

from agents.engine import drain, leases
from agents.engine.loop import advance, work_once
from agents.states import ActionStatus, Priority, StepKind, StepStatus, TaskStatus
from review.models import Answer, Kind
from tests.desk.driving import Desk, action_of, calls, effects, kinds, lapse, subject
from tools.registry import registry


@pytest.fixture
def desk(transactional_db: None, settings: Any) -> Desk:
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]
    settings.COUNTERSIGN_MARGIN_SECONDS = 0.05
    drain.end()
    return Desk.open()


def test_a_task_is_planned_carried_out_verified_and_finished(desk: Desk) -> None:
    what = subject()
    task = desk.run(f"in turn {what}")
    assert (task.status, task.result) == (TaskStatus.COMPLETE, f"{what} is done in turn.")
    steps = list(task.steps.order_by("number"))
    assert [step.kind for step in steps] == [StepKind.PLAN, *[StepKind.TOOL] * 4, StepKind.FINISH]
    assert {step.status for step in steps} == {StepStatus.DONE}
    assert [entry.tool for entry in calls(task)] == ["look", "idempotent", "reconcilable", "once"]
    assert {action.status for action in task.actions.all()} == {ActionStatus.SUCCEEDED}
    assert all(action.verification["ok"] for action in task.actions.exclude(effect="read"))
    assert all(step.verdict["outcome"] == "allow" for step in steps)


def test_the_journal_tells_the_story_in_order(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide_and_settle(task, Answer.APPROVE)
    assert kinds(task) == [
        "task.created",
        "task.claimed",
        "plan.proposed",
        "plan.accepted",
        "action.awaiting_review",
        "task.state_changed",
        "review.opened",
        "review.decision",
        "review.decided",
        "action.approved",
        "task.state_changed",
        "task.claimed",
        "action.started",
        "action.succeeded",
        "task.state_changed",
    ]
    actors = [actor.split(":")[0] for actor in task.events.values_list("actor", flat=True)]
    assert actors == ["person", *["worker"] * 6, *["person"] * 4, *["worker"] * 4]


def test_a_planned_step_gets_the_result_of_the_one_before(desk: Desk) -> None:
    what = subject()
    task = desk.run(f"in turn {what}")
    fourth = task.actions.get(tool="once")
    assert fourth.step.arguments["what"] == {"$from": "third#/what"}
    assert fourth.arguments == {"what": what, "manner": "well"}


def test_a_plan_waits_where_the_agent_has_its_plans_approved(desk: Desk) -> None:
    task = desk.run(f"once {subject()}", agent="careful")
    assert (task.parked_for, task.plan) == (Kind.PLAN, None)
    desk.decide_and_settle(task, Answer.APPROVE)
    assert (task.status, task.plan_number) == (TaskStatus.COMPLETE, 1)


def test_a_task_that_was_taken_over_is_finished_by_its_owner(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide_and_settle(task, Answer.TAKE_OVER)
    assert (task.parked_for, task.owner) == (Kind.TAKEOVER, desk.reviewer)
    assert task.notice
    desk.decide_and_settle(task, Answer.FINISH, result="Done by hand.")
    assert (task.status, task.result, calls(task)) == (TaskStatus.COMPLETE, "Done by hand.", [])


def test_a_task_that_is_given_back_is_planned_anew(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide_and_settle(task, Answer.TAKE_OVER)
    desk.decide_and_settle(task, Answer.GIVE_BACK, comment="go on")
    assert task.parked_for == Kind.PLAN
    desk.decide_and_settle(task, Answer.APPROVE)
    assert task.parked_for == Kind.ACTION
    desk.decide_and_settle(task, Answer.APPROVE)
    assert (task.status, len(effects(task))) == (TaskStatus.COMPLETE, 1)


def test_a_task_that_a_person_ends_says_why(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide_and_settle(task, Answer.TERMINATE, comment="The customer withdrew it.")
    assert (task.status, task.failure) == (TaskStatus.FAILED, "The customer withdrew it.")
    assert action_of(task).status == ActionStatus.SUPERSEDED


def test_an_answer_with_an_error_inside_goes_to_a_person(desk: Desk) -> None:
    task = desk.run(f"once {subject()} error_inside")
    assert task.parked_for == Kind.RESULT
    checks = desk.request(task).shown["evidence"]["verification"]["checks"]
    assert "refused by the desk" in str(checks)


@pytest.mark.parametrize("same", [1, 2, 3])
def test_a_call_made_too_often_is_asked_about(same: int, desk: Desk) -> None:
    """Two identical calls run; the third waits for a person."""
    task = desk.run(f"by_model {subject()} error_inside")
    for _ in range(same - 1):
        desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    assert task.parked_for == (Kind.ACTION if same == 3 else Kind.ESCALATION)
    assert len(calls(task)) == min(same, 2)


def test_a_kill_switch_denies_what_is_proposed_while_it_is_engaged(desk: Desk) -> None:
    switch = desk.engage("The books are closed.", tool="once")
    task = desk.run(f"once {subject()}")
    assert (task.parked_for, calls(task)) == (Kind.ESCALATION, [])
    assert "The books are closed" in str(desk.request(task).reasons)
    switch.lifted_at = switch.engaged_at
    switch.save()
    desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    assert (task.status, len(effects(task))) == (TaskStatus.COMPLETE, 1)


def test_the_best_task_is_taken_first_whenever_it_came(desk: Desk) -> None:
    low, normal, high = (
        desk.submit(f"look {subject()}", priority=one) for one in (Priority.LOW, Priority.NORMAL, Priority.HIGH)
    )
    order = []
    while lease := leases.claim():
        order.append(lease.task_id)
        leases.let_go(lease)
    assert order == [high.pk, normal.pk, low.pk]


def test_a_long_task_gives_way_to_others_when_its_slice_is_over(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_SLICE_SECONDS = 0
    long, short = desk.submit(f"over and over {subject()}"), desk.submit(f"look {subject()}")
    while short.status != TaskStatus.COMPLETE:
        assert work_once()
        short.refresh_from_db()
    long.refresh_from_db()
    assert long.status == TaskStatus.PENDING
    assert desk.settle(long).status == TaskStatus.COMPLETE


def test_a_task_for_which_nobody_waits_goes_on_when_its_slice_is_over(desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_SLICE_SECONDS = 0
    task = desk.submit(f"in turn {subject()}")
    assert work_once()
    task.refresh_from_db()
    assert (task.status, kinds(task).count("task.claimed")) == (TaskStatus.COMPLETE, 1)


def test_a_draining_worker_hands_its_task_over_at_the_next_step(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    lease = leases.claim()
    assert lease is not None
    drain.begin()
    try:
        advance(lease)
        task.refresh_from_db()
        assert (task.status, task.steps_taken, task.lease_until) == (TaskStatus.PENDING, 1, None)
        assert not work_once()
    finally:
        drain.end()
    assert desk.settle(task).status == TaskStatus.COMPLETE


def test_an_exception_that_nobody_foresaw_ends_with_a_person_and_not_in_a_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.submit(f"look {subject()}")
    # The tool vanishes from this process between the plan and the step, and the registry breaks with it.
    broken = registry.get("look")
    monkeypatch.setitem(registry._tools, "look", object())
    while work_once():
        lapse(task)
    task.refresh_from_db()
    assert task.status == TaskStatus.NEEDS_REVIEW
    monkeypatch.setitem(registry._tools, "look", broken)
    desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    assert task.status == TaskStatus.COMPLETE


def test_the_submitter_reads_that_a_person_looks_at_it(desk: Desk) -> None:
    task = desk.run("nobody knows what this means")
    assert task.notice == "A colleague looks at this now."
