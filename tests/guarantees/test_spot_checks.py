"""What ran by itself is looked at afterwards: the task is not parked, and nothing about it changes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.errors import Invalid, NotAllowed, Stale
from agents.models import AgentTask
from agents.policy import spot_check_of
from agents.states import TaskStatus
from agents.versions import publish
from review.audit import request_digest
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest, Risk
from review.services import Given, decide
from review.spot_checks import escalations
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, row
from tests.guarantees.invariants import check
from tests.unit.policy.making import definition


@pytest.fixture
def watched(desk: Desk) -> Desk:
    publish(DESK.model_copy(update={"name": "watched", "title": "The watched desk", "spot_checks": 1.0}), by=None)
    return desk


def spot_check(task: AgentTask) -> ReviewRequest:
    return ReviewRequest.objects.get(task=task, kind=Kind.SPOT_CHECK)


def look(desk: Desk, request: ReviewRequest, answer: str, comment: str = "") -> Decision:
    return decide(request.pk, desk.reviewer, answer, request.digest, Given(comment=comment))


def test_the_task_goes_on_and_the_answer_changes_nothing_of_it(watched: Desk) -> None:
    task = watched.run("once kettle", agent="watched")
    request = spot_check(task)
    assert (task.status, request.status, request.risk) == (TaskStatus.COMPLETE, RequestStatus.OPEN, Risk.LOW)
    assert request.shown["evidence"]["verification"]["ok"] is True
    before = row(task)

    look(watched, request, Answer.NOT_FINE, "Ana had not asked for it.")

    assert row(task) == before
    assert task.on_record, "what people were asked about is never removed"
    line = task.events.get(kind="review.opened")
    assert line.data["record"] == request_digest(request)
    assert task.events.filter(kind="review.decision").exists()
    with pytest.raises(Stale):
        look(watched, request, Answer.FINE)
    check(task)


def test_a_task_that_is_parked_or_canceled_meanwhile_leaves_its_spot_checks_open(watched: Desk) -> None:
    task = watched.run("in turn crown", agent="watched")
    assert task.parked_for == Kind.ESCALATION
    watched.decide(task, Answer.TERMINATE, comment="Enough.")
    looked = ReviewRequest.objects.filter(task=task, kind=Kind.SPOT_CHECK)
    assert {one.status for one in looked} == {RequestStatus.OPEN}
    check(task)


@pytest.mark.parametrize("goal", ["look kettle", "once_asked kettle", "once kettle nothing", "once_unverified kettle"])
def test_only_effects_that_ran_and_that_nobody_was_asked_about_are_looked_at(goal: str, watched: Desk) -> None:
    task = watched.run(goal, agent="watched")
    if task.parked_for in (Kind.ACTION, Kind.RESULT):
        task = watched.decide_and_settle(task, Answer.APPROVE if task.parked_for == Kind.ACTION else Answer.ACCEPT)
    assert not ReviewRequest.objects.filter(kind=Kind.SPOT_CHECK).exists()


def test_the_submitter_does_not_look_at_their_own_and_not_fine_says_why(watched: Desk) -> None:
    request = spot_check(watched.run("once kettle", agent="watched"))
    with pytest.raises(NotAllowed):
        decide(request.pk, request.task.submitted_by, Answer.FINE, request.digest)
    with pytest.raises(Invalid):
        look(watched, request, Answer.NOT_FINE)
    assert not Decision.objects.exists()


def test_the_database_refuses_a_second_spot_check_of_one_action(watched: Desk) -> None:
    request = spot_check(watched.run("once kettle", agent="watched"))
    request.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        request.save(force_insert=True)


def test_what_is_flagged_is_always_looked_at_and_of_the_rest_a_share_by_lot() -> None:
    quarter = definition(spot_checks=0.25)
    drawn = [spot_check_of(False, f"cs_{number}", quarter) for number in range(2000)]
    assert 400 < sum(one is not None for one in drawn) < 600
    assert drawn[:50] == [spot_check_of(False, f"cs_{number}", quarter) for number in range(50)]
    assert spot_check_of(True, "cs_1", definition()).code == "spot_check.flagged"  # type: ignore[union-attr]
    assert not any(spot_check_of(False, f"cs_{number}", definition()) for number in range(200))


def test_the_answers_give_precision_and_recall(watched: Desk) -> None:
    for answer in (Answer.APPROVE, Answer.REJECT):  # asked first: one needed a person
        watched.decide(watched.run("once_asked kettle", agent="watched"), answer, comment="No.")
    ran = [spot_check(watched.run(f"once thing-{number}", agent="watched")) for number in range(4)]
    look(watched, ran[0], Answer.FINE)
    look(watched, ran[1], Answer.NOT_FINE, "A person should have seen it.")

    (found,) = escalations(timezone.now() - timedelta(days=1))

    assert (found.asked, found.needed, found.precision) == (2, 1, 0.5)
    assert (found.others.count, found.others.checked, found.others.not_fine) == (4, 2, 1)
    # Half of those looked at, so about two of the four, should have been asked about: one of three was.
    assert found.recall == pytest.approx(1 / 3)
