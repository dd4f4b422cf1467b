"""Whatever is changed, removed or put elsewhere in the record of a task is found, and named with task and line."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from agents.audit import chain, checkpoints
from agents.audit.checkpoints import checkpoint
from agents.audit.erasing import erase
from agents.audit.verifying import Finding, Seen, verify
from agents.changes import changing
from agents.errors import Refused
from agents.models import AgentTask, AuditCheckpoint, TaskEvent
from agents.outgoing.journal import Horizon
from review.audit import compare
from review.handing import delegate
from review.models import Answer, Decision, RequestStatus, ReviewRequest
from review.services import release
from tests.desk.driving import Desk, kinds, subject


def findings(anchor: str = "") -> list[Finding]:
    return list(verify(compare, Seen(), anchor))


def reviewed(desk: Desk) -> AgentTask:
    """A task with a decision, that has ended."""
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.APPROVE, comment="Fine.")
    return desk.settle(task)


def line(task: AgentTask, number: int) -> TaskEvent:
    return TaskEvent.objects.get(task=task, number=number)


def change(task: AgentTask, number: int, /, **fields: object) -> None:
    TaskEvent.objects.filter(task=task, number=number).update(**fields)


def remove(task: AgentTask, *numbers: int) -> None:
    TaskEvent.objects.filter(task=task, number__in=numbers)._raw_delete(connection.alias)


def write_anew(task: AgentTask, first: int) -> None:
    """What somebody with the database and this program would do: all hashes from a line on, and the task's head."""
    lines = list(TaskEvent.objects.filter(task=task).order_by("number"))
    head = lines[first - 2].hash if first > 1 else ""
    head = chain.add_links(lines[first - 1 :], head)
    for one in lines:
        fields = {name: getattr(one, name) for name in ("salt", "payload_digest", "previous_hash", "hash")}
        change(task, one.number, **fields)
    AgentTask.objects.filter(pk=task.pk).update(journal_head=head, event_count=len(lines))


def test_what_the_loop_and_people_write_verifies(desk: Desk) -> None:
    tasks = [reviewed(desk), desk.run(f"in turn {subject()}"), desk.run(f"once {subject()} lost_after")]
    edited = desk.run(f"once_asked {subject()}")
    desk.decide(edited, Answer.EDIT, arguments={"what": subject(), "manner": "well"})
    taken = desk.run(f"once_asked {subject()}")
    desk.decide(taken, Answer.TAKE_OVER)
    desk.decide(taken, Answer.FINISH, result="By hand.")
    checkpoint()
    seen = Seen()
    assert list(verify(compare, seen)) == []
    assert (seen.tasks, seen.lines) == (len(tasks) + 2, TaskEvent.objects.count())


def test_the_chain_costs_the_loop_no_statement(desk: Desk) -> None:
    """One conditional UPDATE, one SELECT, then an INSERT of all lines and an UPDATE with the head: one where it can."""
    task = reviewed(desk)
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        changing(task.pk, Q(), actor="somebody") as opened,
    ):
        opened.event("note.first")
        opened.event("note.second")
    verbs = [verb for one in queries if (verb := one["sql"].split()[0]) in ("UPDATE", "SELECT", "INSERT", "WITH")]
    written = ["WITH"] if connection.vendor == "postgresql" else ["INSERT", "UPDATE"]
    assert verbs == ["UPDATE", "SELECT", *written]
    assert findings() == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"data": {"agent": "another"}}, "payload"),
        ({"salt": "0" * 32}, "payload"),
        ({"kind": "task.made_up"}, "kind, actor, time"),
        ({"actor": "person:nobody"}, "kind, actor, time"),
        ({"payload_digest": "0" * 64}, "kind, actor, time"),
        ({"hash": "0" * 64}, "kind, actor, time"),
        ({"hash": ""}, "no hash"),
        ({"salt": "", "data": {"erased": True}}, "no line says who erased it"),
        ({"salt": "", "data": {"agent": "another"}}, "something else stands there"),
    ],
)
def test_a_changed_line_is_found(fields: dict[str, object], what: str, desk: Desk) -> None:
    other, task = reviewed(desk), reviewed(desk)
    change(task, 1, **fields)
    found = findings()
    assert {one.task for one in found} == {task.pk} != {other.pk}
    assert any(one.number == 1 and what in one.what for one in found), found


def test_a_line_at_another_time_is_found(desk: Desk) -> None:
    task = reviewed(desk)
    change(task, 2, at=line(task, 2).at + timedelta(microseconds=1))
    assert [(one.task, one.number) for one in findings()] == [(task.pk, 2)]


def test_a_line_missing_inside_is_found(desk: Desk) -> None:
    task = reviewed(desk)
    remove(task, 3)
    assert [str(one) for one in findings()] == [f"task {task.pk}, line 3: this line is missing"]


def test_missing_lines_at_the_end_are_found(desk: Desk) -> None:
    task = desk.run(f"in turn {subject()}")
    count = task.event_count
    remove(task, count - 1, count)
    (found,) = findings()
    assert (found.task, found.number) == (task.pk, count - 1)
    assert f"lines {count - 1} to {count} are missing from the end" in found.what


def test_two_lines_in_each_others_place_are_found(desk: Desk) -> None:
    task = reviewed(desk)
    change(task, 2, number=1000)
    change(task, 3, number=2)
    change(task, 1000, number=3)
    assert {(one.number, one.what) for one in findings() if "order" in one.what} == {
        (2, "stands out of order: it was written as line 3"),
        (3, "stands out of order: it was written as line 2"),
    }


def test_a_line_put_in_is_found(desk: Desk) -> None:
    task = reviewed(desk)
    forged = TaskEvent(task=task, number=task.event_count + 1, kind="note", actor="me", at=task.finished_at, data={})
    chain.add_links([forged], task.journal_head)
    TaskEvent.objects.bulk_create([forged])
    assert [(one.task, one.number) for one in findings()] == [(task.pk, forged.number)]


def test_a_line_with_hashes_of_its_own_is_found_by_its_neighbour(desk: Desk) -> None:
    task = reviewed(desk)
    forged = line(task, 3)
    forged.data = {"forged": True}
    chain.add_links([forged], forged.previous_hash)
    fields = {name: getattr(forged, name) for name in ("data", "salt", "payload_digest", "hash")}
    change(task, 3, **fields)
    assert [(one.task, one.number) for one in findings()] == [(task.pk, 4)]


def test_a_whole_journal_written_anew_is_found_by_its_checkpoint(desk: Desk) -> None:
    task = reviewed(desk)
    checkpoint()
    change(task, 1, data={"agent": "another"})
    write_anew(task, 1)
    (found,) = findings()
    assert (found.task, found.number) == (task.pk, task.event_count)
    assert "another one now" in found.what


def test_an_end_cut_off_without_a_trace_is_found_by_its_checkpoint(desk: Desk) -> None:
    task = desk.run(f"in turn {subject()}")
    checkpoint()
    remove(task, task.event_count)
    write_anew(task, task.event_count)
    (found,) = findings()
    assert (found.task, found.number) == (task.pk, task.event_count)
    assert "not there any more" in found.what


def test_a_missing_task_is_found_by_its_checkpoint(desk: Desk) -> None:
    gone, _ = desk.run(f"in turn {subject()}"), reviewed(desk)
    checkpoint()
    _remove_task(gone)
    (found,) = findings()
    assert (found.task, found.number) == (gone.pk, None)
    assert "the task is missing" in found.what


def test_checkpoints_follow_each_other_and_none_can_be_taken_out(desk: Desk) -> None:
    for _ in range(3):
        reviewed(desk)
        checkpoint()
    assert AuditCheckpoint.objects.count() == 3
    first, second, last = AuditCheckpoint.objects.order_by("id")
    AuditCheckpoint.objects.filter(pk=second.pk)._raw_delete(connection.alias)
    assert [f"checkpoint {last.pk}" in str(one) and "missing" in str(one) for one in findings()] == [True]
    AuditCheckpoint.objects.filter(pk=last.pk)._raw_delete(connection.alias)
    assert findings() == []
    assert last.root in str(findings(anchor=last.root)[0])
    assert findings(anchor=first.root) == []


def test_a_changed_checkpoint_is_found(desk: Desk) -> None:
    reviewed(desk)
    checkpoint()
    (one,) = AuditCheckpoint.objects.all()
    AuditCheckpoint.objects.update(heads=[[*one.heads[0][:2], 1, one.heads[0][3]]])
    assert "was changed" in str(findings()[0])


def test_a_long_journal_takes_several_checkpoints_and_none_is_written_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LINES_AT_ONCE", 5)
    task = desk.run(f"in turn {subject()}")
    settled = Horizon(TaskEvent.objects.latest("id").pk, over=0, next=0)
    monkeypatch.setattr(checkpoints, "horizon", lambda: settled)
    for _ in range(2):
        while checkpoint():
            pass
    covered = [head for one in AuditCheckpoint.objects.order_by("id") for head in one.heads]
    assert covered[-1][2] == task.event_count
    written = AuditCheckpoint.objects.count()
    assert not checkpoint()
    assert AuditCheckpoint.objects.count() == written
    assert findings() == []


def test_a_backlog_is_covered_at_once_though_transactions_are_always_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = desk.run(f"in turn {subject()}")
    newest = TaskEvent.objects.latest("id").pk
    monkeypatch.setattr(checkpoints, "LINES_AT_ONCE", 5)
    monkeypatch.setattr(checkpoints, "horizon", lambda: Horizon(newest, over=100, next=101))
    assert not checkpoint()
    monkeypatch.setattr(checkpoints, "horizon", lambda: Horizon(newest, over=200, next=201))
    while checkpoint():
        pass
    assert AuditCheckpoint.objects.order_by("id").last().heads[0][2] == task.event_count
    assert findings() == []


def test_the_sweeper_keeps_heads_every_so_often(desk: Desk) -> None:
    reviewed(desk)
    checkpoints.checkpoint_if_due()
    reviewed(desk)
    checkpoints.checkpoint_if_due()
    assert AuditCheckpoint.objects.count() == 1
    AuditCheckpoint.objects.update(at=AuditCheckpoint.objects.get().at - checkpoints.EVERY)
    checkpoints.checkpoint_if_due()
    assert AuditCheckpoint.objects.count() == 2


def test_an_erased_payload_leaves_the_chain_whole(desk: Desk) -> None:
    task = reviewed(desk)
    checkpoint()
    number = TaskEvent.objects.get(task=task, kind="review.decision").number
    assert erase(task.pk, [1, number], "Asked for by the customer.", by=desk.operator) == [1, number]
    gone = line(task, number)
    assert (gone.data, gone.salt) == ({"erased": True}, "")
    assert kinds(task)[-1] == "journal.erased"
    assert findings() == []


def test_the_line_that_tells_of_an_erasure_is_not_erased(desk: Desk) -> None:
    task = reviewed(desk)
    erase(task.pk, [1], "Asked for.", by=desk.operator)
    task.refresh_from_db()
    with pytest.raises(Refused):
        erase(task.pk, [task.event_count, 1], "To hide it.", by=desk.operator)
    assert findings() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": Answer.REJECT},
        {"comment": "I never said so."},
        {"digest": "0" * 64},
        {"details": {"arguments": {"what": "else"}}},
        {"via": "api"},
    ],
)
def test_a_changed_decision_is_found(fields: dict[str, object], desk: Desk) -> None:
    task = reviewed(desk)
    Decision.objects.filter(request__task=task).update(**fields)
    (found,) = findings()
    assert (found.task, found.number) == (task.pk, TaskEvent.objects.get(task=task, kind="review.decision").number)


def test_a_decision_in_anothers_name_is_found(desk: Desk) -> None:
    task = reviewed(desk)
    Decision.objects.filter(request__task=task).update(person=desk.colleague)
    assert [one.task for one in findings()] == [task.pk]


def test_a_removed_and_a_forged_decision_are_found(desk: Desk) -> None:
    removed, forged = reviewed(desk), desk.run(f"once_asked {subject()}")
    Decision.objects.filter(request__task=removed)._raw_delete(connection.alias)
    request = desk.request(forged)
    Decision.objects.create(
        request=request, person=desk.reviewer, answer=Answer.APPROVE, digest=request.digest, via="admin"
    )
    first, second = findings()
    assert (first.task, "is missing" in first.what) in [(removed.pk, True), (forged.pk, False)]
    assert {first.task, second.task} == {removed.pk, forged.pk}


@pytest.mark.parametrize(
    "change_it",
    [
        lambda request: {"shown": request.shown | {"goal": "Something harmless"}},
        lambda request: {"title": "Something harmless"},
        lambda request: {"reasons": []},
        lambda request: {"approvals_needed": 0},
        lambda request: {"opened_at": request.opened_at - timedelta(hours=1)},
    ],
)
def test_other_evidence_than_what_was_shown_is_found(
    change_it: Callable[[ReviewRequest], dict[str, object]], desk: Desk
) -> None:
    task = reviewed(desk)
    request = ReviewRequest.objects.get(task=task)
    ReviewRequest.objects.filter(pk=request.pk).update(**change_it(request))
    (found,) = findings()
    assert (found.task, found.number) == (task.pk, TaskEvent.objects.get(task=task, kind="review.opened").number)


def test_a_request_closed_by_nobody_is_found(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    ReviewRequest.objects.filter(task=task).update(status=RequestStatus.DECIDED, closed_at=task.created_at)
    (found,) = findings()
    assert "is decided, and the journal tells that it is open" in found.what


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"escalated_at": Now()}, "escalated_at"),
        ({"reminded_at": Now()}, "reminded_at"),
        ({"assigned_group": "Heads"}, "assigned_group"),
        ({"assigned_to": None}, "assigned_to"),
    ],
)
def test_a_request_that_went_to_others_without_a_line_is_found(
    fields: dict[str, object], name: str, desk: Desk
) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    delegate(request.pk, desk.reviewer, desk.colleague)
    assert findings() == []
    ReviewRequest.objects.filter(pk=request.pk).update(**fields)
    (found,) = findings()
    assert (found.task, name in found.what) == (task.pk, True)


def test_what_is_handed_on_and_given_back_is_on_record(desk: Desk) -> None:
    desk.colleague.groups.add(group := Group.objects.create(name="Leads"))
    request = desk.request(desk.run(f"once_asked {subject()}"))
    for to in (group, desk.colleague):
        delegate(request.pk, desk.reviewer, to)
        assert findings() == []
    release(request.pk, desk.colleague)
    assert kinds(request.task)[-1] == "review.given_up"
    assert findings() == []


def test_the_command_names_what_it_finds_and_fails(desk: Desk) -> None:
    task = reviewed(desk)
    checkpoint()
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert "Everything is as it was written" in said.getvalue()
    assert AuditCheckpoint.objects.get().root in said.getvalue()
    change(task, 2, actor="person:nobody")
    with pytest.raises(CommandError, match="1 findings"):
        call_command("verify_audit", stdout=said)
    assert f"task {task.pk}, line 2: was changed" in said.getvalue()


def test_what_is_written_while_it_verifies_is_no_finding(desk: Desk) -> None:
    for _ in range(3):
        reviewed(desk)
    seen = verify(compare, Seen())
    assert next(seen, None) is None
    reviewed(desk)
    assert findings() == []


@pytest.mark.parametrize(
    "value",
    [
        1e20,
        1.0,
        -0.0,
        0.1,
        5e-324,
        1.7976931348623157e308,
        10**30,
        True,
        "ä\u2028\U0001f600",
        [[[None]]],
        {"b": 1, "a": {}},
    ],
)
def test_a_payload_has_one_digest_before_it_is_stored_and_after(value: object, desk: Desk) -> None:
    task = desk.submit(f"look {subject()}")
    event = TaskEvent(task=task, number=1000, kind="note", actor="me", data={"value": value})
    TaskEvent.objects.bulk_create([event])
    assert chain.digest_of(TaskEvent.objects.get(pk=event.pk).data) == chain.digest_of({"value": value})


def _remove_task(task: AgentTask) -> None:
    """As somebody would who owns the database."""
    with transaction.atomic():
        for rows in (task.events, task.actions, task.steps, AgentTask.objects.filter(pk=task.pk)):
            rows.all()._raw_delete(connection.alias)
