"""Promise 8: a final task never changes again; what a person rejected never runs, and is not simply allowed later."""

from contextlib import suppress
from typing import Any

import pytest

from agents import services
from agents.engine.loop import work_once
from agents.errors import Refused, Stale
from agents.models import AgentTask
from agents.states import FINAL, ActionStatus, TaskStatus
from review.models import Answer, Kind, ReviewRequest
from review.services import ANSWERS, Given, decide
from tests.desk import gates
from tests.desk.driving import Desk, action_of, calls, effects, kinds, lapse, row, subject
from tests.guarantees.invariants import check
from tests.guarantees.workers import at_work, turn_by_turn

ENDS = ["complete", "failed", "canceled"]


@pytest.mark.parametrize("end", ENDS)
def test_nothing_that_anybody_may_ask_for_changes_a_final_task(end: str, desk: Desk) -> None:
    task = _ended(desk, end)
    before = _state(task)
    for request in ReviewRequest.objects.filter(task=task):
        for answer in ANSWERS[request.kind]:
            given = Given(comment="Again.", arguments={"what": "x"}, result="x", steps=1)
            with pytest.raises(Refused):
                decide(request.pk, desk.colleague, answer, request.digest, given)
    with pytest.raises(Refused):
        services.answer(task.pk, "something", by=desk.submitter)
    try:
        services.cancel(task.pk, by=desk.submitter)
    except Refused:
        assert end != "canceled"
    desk.settle(task)
    assert _state(task) == before
    check(task)


def test_an_outcome_that_comes_after_the_end_is_journaled_and_changes_nothing(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits")
    with at_work() as worker:
        gates.gate(what).wait_for_tool()
        # The worker was silent for too long: another one finds the task, and a person ends it.
        lapse(task)
        assert desk.settle(task).parked_for == Kind.IN_DOUBT
        desk.decide_and_settle(task, Answer.TERMINATE, comment="Settled by phone.")
        before = _state(task)
        gates.gate(what).open()
        worker.join()
    assert _state(task) == before
    late = task.events.get(kind="action.late_outcome")
    assert late.data["outcome"] == "Answered"
    check(task)


def test_a_cancel_while_a_tool_runs_ends_the_task_after_its_outcome_is_known(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits")
    with at_work() as worker:
        gates.gate(what).wait_for_tool()
        services.cancel(task.pk, by=desk.submitter)
        task.refresh_from_db()
        assert (task.status, task.cancel_requested_by) == (TaskStatus.RUNNING, desk.submitter.username)
        gates.gate(what).open()
        worker.join()
    task.refresh_from_db()
    assert (task.status, action_of(task).status) == (TaskStatus.CANCELED, ActionStatus.SUCCEEDED)
    check(task)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("goal", ["once {}", "once_asked {}", "once", "nobody understands {}", "in turn {}"])
def test_a_cancel_that_comes_while_a_worker_is_in_its_turn_lets_no_effect_start_and_nobody_be_asked(
    goal: str, turns: int, desk: Desk
) -> None:
    task = desk.submit(goal.format(subject()))
    with turn_by_turn() as worker:
        worker.turns(turns)
        done = effects(task)
        with suppress(Stale):  # it may have ended in its last turn
            services.cancel(task.pk, by=desk.submitter)
        worker.turns(9)
    # Where only the final word was missing, it may still be said.
    allowed = {TaskStatus.CANCELED, TaskStatus.COMPLETE} if done else {TaskStatus.CANCELED}
    assert desk.settle(task).status in allowed
    assert effects(task) == done
    check(task)


def test_a_cancel_that_comes_just_before_an_approved_start_wins(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE)
    with turn_by_turn() as worker:
        services.cancel(task.pk, by=desk.submitter)
        worker.turns(9)
    assert desk.settle(task).status == TaskStatus.CANCELED
    assert calls(task) == []
    check(task)


def test_a_cancel_while_an_effect_is_unverified_waits_for_a_person_to_settle_it(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once_unverified {what} waits")
    with at_work() as worker:
        gates.gate(what).wait_for_tool()
        services.cancel(task.pk, by=desk.submitter)
        gates.gate(what).open()
        worker.join()
    assert desk.settle(task).parked_for == Kind.RESULT
    desk.decide_and_settle(task, Answer.ACCEPT)
    assert (task.status, action_of(task).status) == (TaskStatus.CANCELED, ActionStatus.SUCCEEDED)
    check(task)


@pytest.mark.parametrize("manner", ["lost_after", "late_before"])
def test_a_cancel_while_nobody_knows_what_happened_waits_for_a_person(manner: str, desk: Desk) -> None:
    task = desk.run(f"once {subject()} {manner}")
    services.cancel(task.pk, by=desk.submitter)
    assert desk.settle(task).parked_for == Kind.IN_DOUBT
    desk.decide_and_settle(task, Answer.HAPPENED, result={"what": "it"})
    assert (task.status, action_of(task).status) == (TaskStatus.CANCELED, ActionStatus.SUCCEEDED)
    check(task)


@pytest.mark.parametrize("tool", ["idempotent", "reconcilable", "once"])
def test_a_cancel_while_a_tool_is_away_makes_no_further_attempt(tool: str, desk: Desk, settings: Any) -> None:
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.2, 0.2, 0.2]
    task = desk.submit(f"{tool} {subject()} busy_3")
    assert work_once()
    services.cancel(task.pk, by=desk.submitter)
    assert desk.settle(task).status == TaskStatus.CANCELED
    assert (effects(task), len(calls(task))) == ([], 1)
    check(task)


def test_a_cancel_while_a_lost_call_is_being_looked_up_does_not_make_it_happen(desk: Desk) -> None:
    task = desk.submit(f"reconcilable {subject()} first_lost_before")
    assert work_once()
    services.cancel(task.pk, by=desk.submitter)
    assert desk.settle(task).status == TaskStatus.CANCELED
    assert effects(task) == []
    check(task)


@pytest.mark.parametrize("goal", ["once_asked {}", "once", "over and over {}"])
def test_a_cancel_of_a_task_that_waits_for_somebody_ends_it_at_once(goal: str, desk: Desk) -> None:
    task = desk.run(goal.format(subject()), max_steps=8)
    assert task.status in (TaskStatus.NEEDS_REVIEW, TaskStatus.NEEDS_INPUT)
    services.cancel(task.pk, by=desk.submitter)
    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELED
    check(task)


def test_canceling_twice_is_canceling_once(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    services.cancel(task.pk, by=desk.submitter)
    lines = kinds(task)
    services.cancel(task.pk, by=desk.submitter)
    assert kinds(task) == lines
    check(task)


def test_others_cancel_only_with_the_permission(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    with pytest.raises(Refused):
        services.cancel(task.pk, by=desk.reviewer)
    services.cancel(task.pk, by=desk.operator)
    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELED
    check(task)


def test_what_was_rejected_never_runs_and_is_denied_until_somebody_has_said_more(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    rejected = action_of(task)
    desk.decide_and_settle(task, Answer.REJECT, comment="Not this one.")
    # The playbook has nothing else to propose, and says so.
    assert task.parked_for == Kind.ESCALATION
    assert "Not this one." in str(desk.request(task).reasons)
    desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    # With guidance the same call may be proposed, and is asked about again, although everything else allowed it.
    assert task.parked_for == Kind.ACTION
    assert "repeat.rejected_before" in str(desk.request(task).reasons)
    desk.decide_and_settle(task, Answer.APPROVE)
    assert [entry.key for entry in effects(task)] != [rejected.idempotency_key]
    rejected.refresh_from_db()
    assert (rejected.status, rejected.started_at) == (ActionStatus.REJECTED, None)
    assert task.status == TaskStatus.COMPLETE
    check(task)


def test_a_rejected_plan_leads_to_no_action(desk: Desk) -> None:
    task = desk.run(f"once {subject()}", agent="careful")
    assert task.parked_for == Kind.PLAN
    desk.decide_and_settle(task, Answer.REJECT, comment="Ask the customer first.")
    assert (task.parked_for, calls(task)) == (Kind.ESCALATION, [])
    check(task)


def _ended(desk: Desk, end: str) -> AgentTask:
    task = desk.run(f"once_asked {subject()}")
    match end:
        case "complete":
            desk.decide(task, Answer.APPROVE)
        case "failed":
            desk.decide(task, Answer.TERMINATE, comment="Not needed.")
        case "canceled":
            services.cancel(task.pk, by=desk.submitter)
    desk.settle(task)
    assert (task.status, task.status in FINAL) == (end, True)
    return task


def _state(task: AgentTask) -> dict[str, Any]:
    """Everything about a task but the journal, in which a late outcome is written down."""
    return {
        "task": row(task),
        "steps": list(task.steps.values()),
        "actions": list(task.actions.values()),
        "requests": list(task.review_requests.values()),
    }
