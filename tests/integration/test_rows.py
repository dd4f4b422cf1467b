"""What the loop writes by statements of its own is what Django would have written, in each database."""

from decimal import Decimal

import pytest
from django.utils import timezone

from agents import rows
from agents.models import AgentTask, ModelCall, Step
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
