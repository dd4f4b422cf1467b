"""What is old leaves, if somebody wants that; what people decided, what was spent and what is open stays."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from agents import retention
from agents.audit import checkpoints
from agents.audit.checkpoints import checkpoint, checkpoint_removal
from agents.audit.verifying import Seen, verify
from agents.models import Action, AgentTask, AuditCheckpoint, ModelCall, Step, TaskEvent
from agents.outgoing.models import Delivery, Endpoint, Relay
from agents.outgoing.relaying import relay
from agents.spending import totals
from agents.states import TaskStatus
from review.audit import compare
from review.export import export, period
from review.models import Answer, Decision, ReviewRequest
from tests.desk.driving import Desk, row, subject, until
from tests.guarantees.racing import raised, together

DAYS = 30


def aged(*tasks: AgentTask) -> None:
    """Lets these tasks have ended long ago, and everything that follows a journal follow it."""
    AgentTask.objects.filter(pk__in=[task.pk for task in tasks], finished_at__isnull=False).update(
        finished_at=F("finished_at") - timedelta(days=DAYS, hours=1)
    )
    until(lambda: checkpointed() and relayed(), "checkpoint and relay have read the whole journal")


def checkpointed() -> bool:
    """Writes checkpoints; has the last one seen the whole journal, with no transaction open that may add to it?"""
    checkpoint()
    return AuditCheckpoint.objects.latest("id").low >= TaskEvent.objects.latest("id").pk


def relayed() -> bool:
    relay()
    return Relay.objects.get().low >= TaskEvent.objects.latest("id").pk


def finished(desk: Desk) -> AgentTask:
    return desk.run(f"in turn {subject()}")


def reviewed(desk: Desk) -> AgentTask:
    task = desk.run(f"once_asked {subject()}")
    return desk.decide_and_settle(task, Answer.APPROVE, comment="Fine.")


def findings() -> list[str]:
    return [str(one) for one in verify(compare, Seen())]


def test_a_finished_task_goes_with_all_its_rows_and_the_rest_verifies(desk: Desk) -> None:
    task, young = finished(desk), finished(desk)
    aged(task)
    assert retention.remove(DAYS) == 1
    assert list(AgentTask.objects.all()) == [young]
    for model in (Step, Action, TaskEvent):
        assert set(model.objects.values_list("task", flat=True)) == {young.pk}
    seen = Seen()
    assert list(verify(compare, seen)) == []
    assert (seen.tasks, seen.removed) == (1, 1)
    assert retention.remove(DAYS) == 0


def test_what_people_were_asked_about_stays_whole(desk: Desk) -> None:
    decided, rejected, plain = reviewed(desk), desk.run(f"once_asked {subject()}"), finished(desk)
    desk.decide_and_settle(rejected, Answer.TERMINATE, comment="No.")
    aged(decided, rejected, plain)
    record = ["".join(export(*period("", ""), "jsonl", None)), *map(str, (row(decided), row(rejected)))]
    rows = [list(model.objects.values()) for model in (ReviewRequest, Decision)]
    assert retention.remove(DAYS) == 1
    assert {decided, rejected} == set(AgentTask.objects.all())
    assert [list(model.objects.values()) for model in (ReviewRequest, Decision)] == rows
    assert ["".join(export(*period("", ""), "jsonl", None)), *map(str, (row(decided), row(rejected)))] == record
    assert decided.actions.exists()
    assert decided.steps.exists()
    assert findings() == []


def test_an_open_task_is_never_touched_however_old(desk: Desk) -> None:
    parked, asking, pending = desk.run(f"once_asked {subject()}"), desk.run("look"), desk.submit(f"look {subject()}")
    assert (parked.status, asking.status) == (TaskStatus.NEEDS_REVIEW, TaskStatus.NEEDS_INPUT)
    AgentTask.objects.update(created_at=timezone.now() - timedelta(days=4000))
    aged(parked, asking, pending)
    assert retention.remove(DAYS) == 0
    assert AgentTask.objects.count() == 3


def test_what_no_checkpoint_and_no_webhook_has_heard_of_waits(desk: Desk) -> None:
    task = finished(desk)
    AgentTask.objects.update(finished_at=F("finished_at") - timedelta(days=DAYS + 1))
    assert retention.remove(DAYS) == 0
    until(checkpointed, "a checkpoint has seen the whole journal")
    assert retention.remove(DAYS) == 0
    endpoint = Endpoint.objects.create(owner=desk.submitter, url="https://example.com/", kinds=["task.state_changed"])
    until(relayed, "the relay has read the whole journal")
    assert Delivery.objects.filter(event__task=task, endpoint=endpoint).exists()
    assert retention.remove(DAYS) == 0
    Delivery.objects.update(status=Delivery.Status.DELIVERED)
    assert retention.remove(DAYS) == 1
    assert not Delivery.objects.exists()


def test_what_was_spent_stays_on_its_day_and_its_agent_without_content(desk: Desk) -> None:
    task = finished(desk)
    call = ModelCall.objects.create(
        task=task, version=task.version, model="openai:tiny", status="answered", day=timezone.localdate(),
        input_tokens=5, output_tokens=7, cost="0.25", request={"a": 1}, answer="b",
    )  # fmt: skip
    before = [totals.by(what, ModelCall.objects.all()) for what in ("day", "agent", "model")]
    aged(task)
    assert retention.remove(DAYS) == 1
    assert [totals.by(what, ModelCall.objects.all()) for what in ("day", "agent", "model")] == before
    call.refresh_from_db()
    assert (call.task, call.request, call.answer) == (None, None, "")


def test_only_one_of_many_workers_removes_at_a_time_and_nothing_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    tasks = [finished(desk) for _ in range(6)]
    aged(*tasks)
    done = together(*[lambda: retention.remove(DAYS)] * 4)
    assert raised(done) == []
    removed = sum(done) + sum(iter(lambda: retention.remove(DAYS), 0))
    assert removed == 6
    assert AuditCheckpoint.objects.filter(removal=True).count() == 3
    assert findings() == []


def test_it_is_off_unless_somebody_says_for_how_many_days(desk: Desk, settings: Settings) -> None:
    task = finished(desk)
    aged(task)
    retention.remove_old()
    assert AgentTask.objects.filter(pk=task.pk).exists()
    settings.COUNTERSIGN_KEEP_TASKS_DAYS = DAYS
    retention.remove_old()
    assert not AgentTask.objects.filter(pk=task.pk).exists()


def test_a_loss_is_not_taken_for_a_removal_nor_a_removal_made_up(desk: Desk) -> None:
    lost, cut, back = finished(desk), finished(desk), finished(desk)
    aged(lost, cut, back)
    last = AuditCheckpoint.objects.latest("id")
    heads = {head[1]: head for head in last.heads}
    TaskEvent.objects.filter(task=lost).delete()
    # `cut` is said to have been removed with a shorter journal, `back` is here, and of `lost` nothing is said.
    short = list(TaskEvent.objects.filter(task=cut, number=2).values_list("id", "task", "number", "hash").get())
    checkpoint_removal(last, [short, heads[back.pk]])
    found = findings()
    assert any(one.startswith(f"task {lost.pk}, line") for one in found)
    assert any(f"task {cut.pk}: " in one and "no checkpoint before knows" in one for one in found)
    assert any(f"task {back.pk}: " in one and "it is here" in one for one in found)
    AuditCheckpoint.objects.filter(removal=True).update(removal=False)
    assert any("it was changed" in one for one in findings())


def test_a_removal_keeps_no_checkpoint_from_being_due(desk: Desk) -> None:
    task = finished(desk)
    aged(task)
    AuditCheckpoint.objects.update(at=timezone.now() - 2 * checkpoints.EVERY)
    assert retention.remove(DAYS) == 1
    finished(desk)
    checkpoints.checkpoint_if_due()
    assert not AuditCheckpoint.objects.latest("id").removal


def test_the_command_removes_and_archives(desk: Desk, tmp_path: Path) -> None:
    task, decided = finished(desk), reviewed(desk)
    aged(task, decided)
    lines = task.events.count()
    said, file = io.StringIO(), tmp_path / "old.jsonl"
    call_command("remove_tasks", days=DAYS, archive=file, stdout=said)
    assert "Removed 1 tasks" in said.getvalue()
    assert "1 stay, since people were asked" in said.getvalue()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["pk"] for one in rows if one["model"] == "agents.agenttask"] == [task.pk]
    assert sum(one["model"] == "agents.taskevent" for one in rows) == lines
    with pytest.raises(CommandError, match="nothing more is removed"):
        call_command("remove_tasks", days=DAYS, archive=file)
    with pytest.raises(CommandError, match="--days"):
        call_command("remove_tasks")


def test_whatever_points_at_a_task_is_removed_with_it_or_keeps_it() -> None:
    """A new table that points at one of these rows needs a place in agents.retention."""
    going = [rows.model for rows in retention._rows([])]
    pointing = {
        relation.related_model
        for model in going
        for relation in model._meta.related_objects
        if isinstance(relation.field, models.ForeignKey)
    }
    assert pointing - set(going) == {ModelCall, ReviewRequest}
