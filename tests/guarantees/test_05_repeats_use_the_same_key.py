"""Promise 5: what is safe to repeat is repeated with the same key; what can be looked up is looked up first."""

import pytest

from agents.engine.loop import work_once
from agents.states import ActionStatus, TaskStatus
from review.models import Answer, Kind
from tests.desk.agent_tools import BRIEF
from tests.desk.driving import Desk, action_of, calls, effects, kinds, lapse, subject, until
from tests.desk.models import Fact
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers
from tests.guarantees.invariants import check


@pytest.mark.parametrize("manner", ["first_lost_before", "first_lost_after", "busy_3"])
@pytest.mark.parametrize("tool", ["idempotent", "idempotent_asked"])
def test_an_idempotent_call_is_repeated_within_its_start(tool: str, manner: str, desk: Desk) -> None:
    task = desk.run(f"{tool} {subject()} {manner}")
    if task.parked_for == Kind.ACTION:
        desk.decide_and_settle(task, Answer.APPROVE)
    assert task.status == TaskStatus.COMPLETE
    assert len({call.key for call in calls(task)}) == 1
    assert task.actions.count() == 1
    assert action_of(task).attempts == len(calls(task)) > 1
    check(task)


@pytest.mark.parametrize("within", ["calling.call", "settling.record"])
def test_an_idempotent_call_whose_worker_died_is_repeated_with_its_key(
    within: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.submit(f"idempotent {subject()}")
    assert doomed_workers.live(at=1, within=within).end == "killed"
    lapse(task)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert len({call.key for call in effects(task)}) == 1
    check(task)


def test_an_idempotent_call_that_never_gets_through_goes_to_a_person_as_a_doubt(desk: Desk) -> None:
    task = desk.run(f"idempotent {subject()} lost_after")
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)
    assert len({call.key for call in calls(task)}) == 1
    check(task)


@pytest.mark.parametrize("later", ["busy", "nothing"])
def test_what_later_attempts_say_of_themselves_says_nothing_of_one_that_was_lost(later: str, desk: Desk) -> None:
    task = desk.run(f"idempotent {subject()} lost_then_{later}")
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)
    assert len(effects(task)) == 1
    check(task)


@pytest.mark.parametrize("later", ["busy", "nothing"])
def test_what_later_attempts_say_of_themselves_says_nothing_of_one_whose_worker_died(
    later: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.submit(f"idempotent {subject()} then_{later}")
    assert doomed_workers.live(at=1, within="settling.record").end == "killed"
    assert len(effects(task)) == 1
    lapse(task)
    desk.settle(task)
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)
    check(task)


def test_a_denial_after_a_worker_died_in_a_call_does_not_call_it_failed(
    desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.submit(f"idempotent {subject()}")
    assert doomed_workers.live(at=1, within="settling.record").end == "killed"
    desk.engage("Stop.")
    lapse(task)
    desk.settle(task)
    assert (task.parked_for, action_of(task).status) == (Kind.IN_DOUBT, ActionStatus.IN_DOUBT)
    check(task)


@pytest.mark.parametrize("manner", ["first_lost_after", "first_lost_before"])
def test_a_reconcilable_call_that_was_lost_is_asked_about_and_happens_once(manner: str, desk: Desk) -> None:
    task = desk.run(f"reconcilable {subject()} {manner}")
    assert task.status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    assert len(calls(task)) == (1 if manner == "first_lost_after" else 2)
    assert "action.reconciled" in kinds(task)
    check(task)


def test_a_reconcilable_call_is_not_asked_about_while_it_may_be_under_way(desk: Desk) -> None:
    task = desk.run(f"reconcilable {subject()} first_lost_before")
    asked = task.events.get(kind="action.reconciled")
    first_start = task.events.filter(kind="action.started").first()
    assert (asked.at - first_start.at).total_seconds() >= BRIEF
    check(task)


def test_a_tool_that_cannot_say_what_happened_leaves_it_to_a_person_and_repeats_nothing(desk: Desk) -> None:
    what = subject()
    Fact.objects.create(name=f"unreachable:{what}", value="yes")
    task = desk.run(f"reconcilable {what} lost_after")
    assert (task.parked_for, len(calls(task))) == (Kind.IN_DOUBT, 1)
    check(task)


def test_a_tool_that_can_say_later_what_happened_is_asked_again(desk: Desk) -> None:
    what = subject()
    fact = Fact.objects.create(name=f"unreachable:{what}", value="yes")
    task = desk.submit(f"reconcilable {what} lost_after")
    until(lambda: work_once() or action_of(task).attempts > 1, "the tool was asked in vain")
    fact.delete()
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert len(calls(task)) == 1
    check(task)


def test_a_retry_after_a_failed_verification_is_a_new_call_with_a_new_key(desk: Desk) -> None:
    task = desk.run(f"once {subject()} error_inside")
    unverified = action_of(task)
    assert (task.parked_for, unverified.status) == (Kind.RESULT, ActionStatus.AWAITING_REVIEW)
    desk.decide_and_settle(task, Answer.RETRY)
    again = action_of(task)
    unverified.refresh_from_db()
    assert unverified.status == ActionStatus.FAILED
    assert again.idempotency_key != unverified.idempotency_key
    assert [call.key for call in calls(task)] == [unverified.idempotency_key, again.idempotency_key]
    assert task.parked_for == Kind.RESULT
    check(task)


def test_what_a_person_accepts_is_done_and_never_run_again(desk: Desk) -> None:
    task = desk.run(f"once_unverified {subject()}")
    assert task.parked_for == Kind.RESULT
    desk.decide_and_settle(task, Answer.ACCEPT)
    assert (task.status, len(calls(task))) == (TaskStatus.COMPLETE, 1)
    check(task)


def test_an_effect_that_goes_back_to_the_proposer_when_it_fails_its_verifier_does_so(desk: Desk) -> None:
    task = desk.run(f"by_model {subject()} error_inside")
    assert (task.parked_for, action_of(task).status) == (Kind.ESCALATION, ActionStatus.FAILED)
    step = task.steps.get(number=2)
    assert step.answer["error"]["code"] == "tool.unverified"
    assert step.answer["error"]["verification"]["ok"] is False
    people.bring_to_an_end(desk, task)
