"""Promise 4: an action that may run only once starts at most once; where its outcome is unknown, a person is asked."""

import pytest

from agents.errors import Stale
from agents.models import Action
from agents.states import ActionStatus, TaskStatus
from review.models import Answer, Kind
from tests.desk.driving import Desk, action_of, calls, effects, lapse, subject
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers
from tests.guarantees.invariants import check

UNKNOWN = ["lost_before", "lost_after", "late_before", "late_after", "no_json", "exits"]


@pytest.mark.parametrize("manner", UNKNOWN)
@pytest.mark.parametrize("tool", ["once", "once_asked", "once_unverified"])
def test_a_call_that_ends_without_an_answer_is_in_doubt_and_a_person_is_asked(
    tool: str, manner: str, desk: Desk
) -> None:
    task = desk.run(f"{tool} {subject()} {manner}")
    if task.parked_for == Kind.ACTION:
        desk.decide_and_settle(task, Answer.APPROVE)
    assert (task.status, task.parked_for) == (TaskStatus.NEEDS_REVIEW, Kind.IN_DOUBT)
    assert action_of(task).status == ActionStatus.IN_DOUBT
    assert len(calls(task)) == 1
    check(task)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_inside_the_tool_leaves_a_doubt_and_no_second_call(
    moment: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.submit(f"once {subject()}")
    # What the tool commits there is in its ledger.
    assert doomed_workers.live(at=1, moment=moment, within="calling.call").end == "killed"
    assert len(calls(task)) == (1 if moment == "after" else 0)
    lapse(task)
    assert desk.settle(task).parked_for == Kind.IN_DOUBT
    assert len(calls(task)) == (1 if moment == "after" else 0)
    check(task)


def test_it_happened_is_a_persons_word_and_the_task_goes_on_with_it(desk: Desk) -> None:
    task = desk.run(f"once {subject()} lost_after")
    desk.decide_and_settle(task, Answer.HAPPENED, result={"what": "the thing"})
    assert (task.status, task.result) == (TaskStatus.COMPLETE, "the thing is done.")
    assert len(calls(task)) == 1
    check(task)


def test_it_did_not_happen_is_refused_while_the_call_may_be_under_way(desk: Desk) -> None:
    task = desk.run(f"once {subject()} first_lost_before")
    with pytest.raises(Stale, match="may still be under way"):
        desk.decide(task, Answer.NOT_HAPPENED)
    task.refresh_from_db()
    assert (task.parked_for, desk.request(task).decisions.count()) == (Kind.IN_DOUBT, 0)
    check(task)


def test_it_did_not_happen_runs_it_again_with_the_same_key_when_the_deadline_is_past(desk: Desk) -> None:
    task = desk.run(f"once {subject()} first_lost_before")
    doubtful = action_of(task)
    people.time_passes(task)
    desk.decide_and_settle(task, Answer.NOT_HAPPENED)
    assert task.status == TaskStatus.COMPLETE
    again = action_of(task)
    doubtful.refresh_from_db()
    assert (doubtful.status, again.status) == (ActionStatus.FAILED, ActionStatus.SUCCEEDED)
    assert again.idempotency_key == doubtful.idempotency_key
    assert [call.happened for call in calls(task)] == [False, True]
    check(task)


def test_a_denial_wins_over_it_did_not_happen_run_it(desk: Desk) -> None:
    task = desk.run(f"once {subject()} first_lost_before")
    people.time_passes(task)
    desk.decide(task, Answer.NOT_HAPPENED)
    desk.engage("Enough.", tool="once")
    desk.settle(task)
    assert len(calls(task)) == 1
    check(task)


def test_a_doubt_outlives_the_task_that_a_person_ends(desk: Desk) -> None:
    task = desk.run(f"once {subject()} lost_after")
    desk.decide_and_settle(task, Answer.TERMINATE, comment="We settle this by phone.")
    assert task.status == TaskStatus.FAILED
    assert Action.objects.get(task=task).status == ActionStatus.IN_DOUBT
    check(task)


def test_a_tool_that_knows_that_nothing_happened_leaves_no_doubt(desk: Desk) -> None:
    task = desk.run(f"once {subject()} nothing")
    assert (task.parked_for, action_of(task).status) == (Kind.ESCALATION, ActionStatus.FAILED)
    assert effects(task) == []
    check(task)


def test_a_tool_that_is_away_is_tried_again_since_nothing_happened(desk: Desk) -> None:
    task = desk.run(f"once {subject()} busy_2")
    assert task.status == TaskStatus.COMPLETE
    assert [call.happened for call in calls(task)] == [False, False, True]
    check(task)


def test_a_tool_that_stays_away_goes_to_a_person_and_the_submitter_reads_what_was_not_done(desk: Desk) -> None:
    what = subject()
    task = desk.run(f"once {what} busy_9")
    assert (task.parked_for, effects(task)) == (Kind.ESCALATION, [])
    assert f"once {what}" in task.notice
    check(task)


@pytest.mark.parametrize("tool", ["look", "idempotent"])
def test_a_task_that_costs_its_workers_their_lives_is_set_aside(
    tool: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.submit(f"{tool} {subject()} kills")
    deaths = 0
    while doomed_workers.live().end == "killed":
        deaths += 1
        assert deaths < 20
        lapse(task)
    task.refresh_from_db()
    assert task.status == TaskStatus.NEEDS_REVIEW
    assert "lost with this task" in str(desk.request(task).reasons)
    check(task)
