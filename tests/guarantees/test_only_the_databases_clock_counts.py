"""Clocks of hosts may be wrong by a day: leases, wake times and deadlines follow the database's clock."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db.models.functions import Now

from agents.engine import leases
from agents.engine.clock import in_seconds
from agents.errors import Stale
from agents.models import Action, AgentTask
from agents.queue import claimable
from agents.states import TaskStatus
from review.models import Answer
from tests.desk.driving import Desk, calls, effects, lapse, subject
from tests.guarantees.invariants import check

pytestmark = pytest.mark.parametrize("skew", [timedelta(days=-1), timedelta(days=1)], ids=["behind", "ahead"])


def wrong_clock(skew: timedelta) -> time_machine.travel:
    return time_machine.travel(datetime.now(UTC) + skew, tick=True)


@pytest.mark.parametrize("goal", ["in turn {}", "idempotent {} busy_2", "reconcilable {} first_lost_before"])
def test_a_worker_with_a_wrong_clock_does_all_that_another_one_does(skew: timedelta, goal: str, desk: Desk) -> None:
    task = desk.submit(goal.format(subject()))
    with wrong_clock(skew):
        desk.settle(task)
    assert (task.status, task.failure) == (TaskStatus.COMPLETE, "")
    check(task)


def test_a_lease_lasts_by_the_databases_clock(skew: timedelta, desk: Desk) -> None:
    task = desk.submit(f"idempotent {subject()}")
    with wrong_clock(skew):
        assert leases.claim() is not None
        assert leases.claim() is None
        leases.renew()
    lasting = AgentTask.objects.filter(pk=task.pk, lease_until__gt=Now(), lease_until__lte=in_seconds(60))
    assert lasting.exists()
    lapse(task)
    with wrong_clock(skew):
        desk.settle(task)
    assert len(effects(task)) == 1
    check(task)


def test_a_wait_ends_by_the_databases_clock(skew: timedelta, desk: Desk) -> None:
    with wrong_clock(skew):
        later = desk.submit(f"look {subject()}", not_before=_database_now() + timedelta(hours=1))
        at_once = desk.submit(f"look {subject()}", not_before=_database_now() - timedelta(hours=1))
        assert list(claimable()) == [at_once]
    AgentTask.objects.filter(pk=later.pk).update(wake_at=Now())
    with wrong_clock(skew):
        assert desk.settle(later).status == TaskStatus.COMPLETE


def test_a_call_in_doubt_is_settled_by_the_databases_clock(skew: timedelta, desk: Desk) -> None:
    """“It did not happen” is believed once the call can't be under way any more, whatever the web's clock says."""
    task = desk.run(f"once {subject()} late_before")
    Action.objects.filter(task=task).update(attempt_until=in_seconds(3600))
    with wrong_clock(skew), pytest.raises(Stale, match="under way"):
        desk.decide(task, Answer.NOT_HAPPENED)
    assert len(calls(task)) == 1
    Action.objects.filter(task=task).update(attempt_until=in_seconds(-3600))
    with wrong_clock(skew):
        desk.decide_and_settle(task, Answer.NOT_HAPPENED)
    assert len(calls(task)) == 2


def _database_now() -> datetime:
    return User.objects.values_list(Now(), flat=True)[0]
