"""What the holder of a lease writes by one statement is proved, chained and undone like any other change."""

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from agents import services
from agents.audit.verifying import Seen, verify
from agents.changes import Parking, changing
from agents.engine import leases
from agents.engine.leases import Lease
from agents.engine.loop import step
from agents.engine.story import Story, read_story
from agents.errors import LeaseLost
from agents.models import AgentTask
from agents.states import ParkedFor, StepKind, TaskStatus
from review.audit import compare
from tests.desk.driving import Desk, kinds, subject
from tests.guarantees.invariants import check

pytestmark = pytest.mark.django_db(transaction=True)


def at_work(desk: Desk) -> tuple[Lease, Story]:
    """A task after its first step, in the hands of this process."""
    task = desk.submit(f"in turn {subject()}")
    lease = leases.claim()
    assert lease is not None
    story = read_story(task.pk, lease.condition)
    assert story is not None
    step(lease, story)
    return lease, story


def somebody_writes(task: AgentTask) -> None:
    with changing(task.pk, Q(), actor="somebody") as change:
        change.event("note.by_somebody")


def intact(task: AgentTask) -> None:
    assert list(verify(compare, Seen())) == []
    check(task)


def test_a_step_that_is_one_statement_is_one_way_to_the_database(desk: Desk) -> None:
    lease, story = at_work(desk)
    with CaptureQueriesContext(connection) as queries, story.change(lease, at_once=True) as change:
        change.add_step(kind=StepKind.TOOL, name="look")
        change.event("note.mine")
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    assert kinds(story.task)[-1] == "note.mine"
    intact(story.task)


def test_the_end_of_a_task_with_nothing_open_is_one_way_to_the_database(desk: Desk) -> None:
    lease, story = at_work(desk)
    while not (story.nothing_open and story.next_planned is None):
        step(lease, story)
    with CaptureQueriesContext(connection) as queries:
        step(lease, story)
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    story.task.refresh_from_db()
    assert story.task.status == TaskStatus.COMPLETE
    intact(story.task)


def test_an_end_that_finds_new_lines_in_the_journal_comes_behind_them(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.finish(TaskStatus.COMPLETE, nothing_open=True, result="done")
        if change.at_once:
            somebody_writes(story.task)
    if connection.vendor == "postgresql":
        assert kinds(story.task)[-2:] == ["note.by_somebody", "task.state_changed"]
    story.task.refresh_from_db()
    assert (story.task.status, story.task.worker, story.task.lease_until) == (TaskStatus.COMPLETE, "", None)
    intact(story.task)


def test_what_others_added_to_the_journal_meanwhile_comes_before_it(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.add_step(kind=StepKind.TOOL, name="look")
        change.event("note.mine")
        change.event("note.mine_too")
        if change.at_once:
            somebody_writes(story.task)
    if connection.vendor == "postgresql":
        assert kinds(story.task)[-3:] == ["note.by_somebody", "note.mine", "note.mine_too"]
    step(lease, story)
    intact(story.task)


def test_whoever_lost_the_lease_writes_nothing_by_one_statement_either(desk: Desk) -> None:
    lease, story = at_work(desk)
    written = kinds(story.task)
    AgentTask.objects.filter(pk=story.task.pk).update(fencing_token=lease.token + 1)

    def too_late() -> None:
        with story.change(lease, at_once=True) as change:
            change.add_step(kind=StepKind.TOOL, name="look")
            change.event("note.mine")

    with pytest.raises(LeaseLost):
        too_late()
    assert kinds(story.task) == written
    assert story.task.steps.count() == 1
    intact(story.task)


def test_what_asks_for_more_locks_the_row_and_sees_a_cancel(desk: Desk) -> None:
    lease, story = at_work(desk)
    with story.change(lease, at_once=True) as change:
        change.event("note.mine")
        if change.at_once:
            services.cancel(story.task.pk, by=desk.submitter)
        else:
            change.set(cancel_requested_at=change.now, cancel_requested_by="somebody")
        change.park(Parking(ParkedFor.ESCALATION, [{"code": "test", "message": "Look.", "rule": "review"}]))
    story.task.refresh_from_db()
    assert story.task.status == TaskStatus.CANCELED
    assert "note.mine" in kinds(story.task)
    intact(story.task)
