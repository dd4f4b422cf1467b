"""What the loop writes by statements of its own is what Django would have written, in each database."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, connection
from django.utils import timezone

from agents import rows
from agents.models import AgentTask, ModelCall, Step, TaskEvent
from agents.states import StepKind, StepStatus
from tests.desk.driving import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def task() -> AgentTask:
    return Desk.open().submit("look at the kettle")


def test_rows_get_their_keys_and_read_back_as_they_were_written(task: AgentTask) -> None:
    odd = {"text": "50 % of “it”\n", "none": None, "list": [1, 2.5, True], "inner": {"$from": "s1#/x"}}
    now = timezone.now()
    new = [
        Step(task=task, number=1, kind=StepKind.TOOL, name="look", arguments=odd, confidence=0.5, created_at=now),
        Step(task=task, number=2, kind=StepKind.TOOL, name="look", arguments=None, created_at=now),
    ]
    rows.insert(new)
    assert [Step.objects.get(pk=one.pk).number for one in new] == [1, 2]
    first, second = task.steps.order_by("number")
    assert (first.arguments, first.confidence, first.created_at) == (odd, 0.5, now)
    assert list(task.steps.filter(arguments__isnull=True)) == [second], "no value is the column's null, not JSON's"
    assert not new[0]._state.adding


def test_what_the_database_alone_knows_is_read_back(task: AgentTask) -> None:
    call = ModelCall(task=task, model="openai:tiny", cost=Decimal("0.000436"), request={"a": [1]})
    rows.insert([call])
    stored = ModelCall.objects.get()
    assert (call.pk, call.created_at) == (stored.pk, stored.created_at)
    assert (stored.cost, stored.request, stored.status) == (Decimal("0.000436"), {"a": [1]}, "open")


def test_a_row_that_is_no_longer_as_it_was_stays_as_it_is(task: AgentTask) -> None:
    step = Step(task=task, number=1, kind=StepKind.TOOL, name="look", created_at=timezone.now())
    rows.insert([step])
    done = {"status": StepStatus.DONE, "answer": {"a": 1}}
    assert rows.update(Step, step.pk, {"status": StepStatus.OPEN}, **done) is not None
    assert rows.update(Step, step.pk, {"status": StepStatus.OPEN}, status=StepStatus.REFUSED) is None
    step.refresh_from_db()
    assert (step.status, step.answer) == ("done", {"a": 1})


def test_an_update_gives_back_what_else_the_row_holds(task: AgentTask) -> None:
    asked = timezone.now()
    AgentTask.objects.filter(pk=task.pk).update(cancel_requested_at=asked)
    back = ("event_count", "cancel_requested_at", rows.NOW)
    found = rows.update(AgentTask, task.pk, {"fencing_token": 0}, back, lease_until=None, wake_at=rows.NOW)
    assert found is not None
    count, canceled, now = found
    task.refresh_from_db()
    assert (count, canceled) == (1, asked)
    assert now.tzinfo is not None
    assert task.wake_at is not None


def test_a_row_comes_with_the_update_of_another_or_not_at_all(task: AgentTask) -> None:
    def counted(fencing_token: int) -> rows.Statement:
        text = "UPDATE agents_agenttask SET lapses = lapses + 1 WHERE id = %s AND fencing_token = %s"
        return rows.Statement(text, (task.pk, fencing_token))

    call = ModelCall(task=task, model="openai:tiny", request={"a": ["50 %", 1]})
    assert not rows.insert([call], after=counted(fencing_token=7))
    assert not ModelCall.objects.exists()
    assert rows.insert([call], after=counted(fencing_token=0))
    assert ModelCall.objects.get(pk=call.pk).request == {"a": ["50 %", 1]}
    settle = {"status": "answered", "answer": "50 %", "input_tokens": 100_000}
    assert rows.update(ModelCall, call.pk, {"status": "open"}, then=counted(0), **settle) is not None
    assert rows.update(ModelCall, call.pk, {"status": "open"}, then=counted(0), **settle) is None
    task.refresh_from_db()
    assert task.lapses == 2, "with the row, and with its settlement; never with what was not found"


@pytest.mark.services
def test_what_a_change_adds_is_written_with_the_task_or_not_at_all(task: AgentTask) -> None:
    if not rows.takes_several():
        pytest.skip("This database is told one by one.")
    found = rows.update(AgentTask, task.pk, {}, (rows.next_key(Step),), lapses=1)
    assert found is not None
    new = Step(pk=found[0], task=task, number=1, kind=StepKind.TOOL, name="“look”")
    events = [
        TaskEvent(task=task, number=number, kind="x", actor="a", at=timezone.now(), data={"odd": "50 %"})
        for number in (2, 3)
    ]
    kinds, fields = ([new], [], events), {"plan": [{"id": "s1"}], "event_count": 3}
    assert rows.write(kinds, AgentTask, task.pk, {"event_count": 7}, **fields) is None
    assert not Step.objects.exists()
    assert rows.write(kinds, AgentTask, task.pk, {"event_count": 1}, ("event_count",), **fields) == (3,)
    stored = Step.objects.get(task=task)
    assert (stored.pk, stored.name, new._state.adding) == (new.pk, "“look”", False)
    assert task.events.latest("number").data == {"odd": "50 %"}
    assert list(task.events.order_by("id").values_list("number", flat=True)) == [1, 2, 3]
    task.refresh_from_db()
    assert (task.plan, task.event_count) == ([{"id": "s1"}], 3)


def test_a_kept_query_finds_what_it_would_have_found(task: AgentTask) -> None:
    query = rows.kept(AgentTask.objects.filter(status="pending").order_by("id"), clock=rows.NOW)
    found = rows.first(query)
    assert found is not None
    read, (clock,) = found
    for name in query.names:
        assert getattr(read, name) == getattr(AgentTask.objects.get(pk=task.pk), name)
    assert clock.tzinfo is not None
    AgentTask.objects.update(status="waiting", wake_at=timezone.now())
    assert rows.first(query) is None


@pytest.mark.services
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02 03:04:05+00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.5+00", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02 03:04:05.000001+05:30", datetime(2026, 1, 1, 21, 34, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_the_database_means_it(written: str, read: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [written])
        assert cursor.fetchone() == (read,)


@pytest.mark.services
@pytest.mark.parametrize("written", ["infinity", "0044-03-15 00:00:00+00 BC", "12000-01-01 00:00:00+00"])
def test_a_time_that_python_has_not_is_an_error_of_the_database(written: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [written])
        with pytest.raises(DataError):
            cursor.fetchone()
