"""Nobody is starved: tasks are taken by priority, then each submitter in turn, then by age, within the limits.

All of it is about order, none about time: a worker here takes a task, works on it for one slice, and gives it back.
"""

from collections.abc import Iterator
from itertools import islice

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django import Settings

from agents import queue, services
from agents.engine import leases
from agents.engine.leases import Lease
from agents.models import AgentTask
from agents.queue import claimable
from agents.states import Priority, TaskStatus
from tests.desk.driving import Desk, lapse, subject
from tests.factories import SubmitterFactory
from tests.guarantees.racing import raised, together

LONG = 500


def flood(desk: Desk, by: User, count: int, **more: object) -> list[int]:
    return [desk.submit(f"look {subject()}", by=by, **more).pk for _ in range(count)]


def slices(needed: dict[int, int] | None = None) -> Iterator[int]:
    """The tasks that one worker works on, slice by slice. Each needs one slice, or as many as are said."""
    left = dict(needed or {})
    while lease := leases.claim():
        yield lease.task_id
        left[lease.task_id] = left.get(lease.task_id, 1) - 1
        if left[lease.task_id]:
            leases.release(lease)
        else:
            end(lease)
        leases.let_go(lease)


def end(lease: Lease) -> None:
    with lease.change() as change:
        change.finish(TaskStatus.COMPLETE, result="Done.")


def taken() -> list[Lease]:
    """Everything that can be taken at once."""
    return list(iter(leases.claim, None))


def test_a_flood_of_one_submitter_waits_behind_one_task_of_a_newcomer(desk: Desk) -> None:
    first = flood(desk, desk.submitter, 30)
    worked = slices()
    assert list(islice(worked, 5)) == first[:5]
    newcomer = flood(desk, SubmitterFactory(), 3)
    order = list(worked)
    # The flood's next one had been called before the newcomer came; from then on they take turns.
    assert [order.index(task) for task in newcomer] == [1, 3, 5]
    assert [task for task in order if task in first] == first[5:]


def test_a_task_of_500_steps_and_a_flood_let_each_other_through(desk: Desk) -> None:
    (long,) = flood(desk, desk.submitter, 1)
    short = flood(desk, SubmitterFactory(), 20)
    order = list(islice(slices({long: LONG}), 40))
    assert [order.index(task) for task in short] == sorted(order.index(task) for task in short)
    for so_many in range(1, 41):
        assert abs(order[:so_many].count(long) - sum(task in short for task in order[:so_many])) <= 2


def test_of_one_submitter_the_oldest_comes_first_and_a_slice_later_the_others(desk: Desk) -> None:
    one, two, three = flood(desk, desk.submitter, 3)
    assert list(slices({one: 2})) == [one, two, three, one]


def test_priorities_come_before_everything_else(desk: Desk) -> None:
    low = flood(desk, SubmitterFactory(), 2, priority=Priority.LOW)
    normal = flood(desk, desk.submitter, 5)
    high = flood(desk, desk.submitter, 2, priority=Priority.HIGH)
    other = flood(desk, SubmitterFactory(), 1)
    order = list(slices())
    assert order[:2] == high
    assert order[-2:] == low
    assert sorted(order[2:-2]) == sorted([*normal, *other])
    assert other[0] in order[2:4]


def test_who_comes_back_from_waiting_or_from_a_lost_worker_is_not_behind_a_later_flood(desk: Desk) -> None:
    flood(desk, SubmitterFactory(), 10)
    for _ in islice(slices(), 8):
        pass
    (lost,) = flood(desk, desk.submitter, 1)
    taken()
    flood(desk, SubmitterFactory(), 20)
    lapse(AgentTask.objects.get(pk=lost))
    assert lost in claimable().values_list("pk", flat=True)[:2]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Asks PostgreSQL for its plan.")
def test_the_next_task_is_the_first_entry_of_an_index_however_many_wait(desk: Desk) -> None:
    flood(desk, desk.submitter, 3)
    with transaction.atomic(), connection.cursor() as cursor:
        # The few rows of a test are read faster in any other way, and sorted in no time.
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        query = queue._best("postgresql", 0.0, ())
        cursor.execute(f"EXPLAIN {query.text}", query.parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using task_claimable" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("setting", ["COUNTERSIGN_RUNNING_PER_SUBMITTER", "COUNTERSIGN_RUNNING_PER_AGENT"])
def test_no_more_than_the_limit_run_at_once_and_the_others_are_let_through(
    setting: str, desk: Desk, settings: Settings
) -> None:
    setattr(settings, setting, 2)
    many = flood(desk, desk.submitter, 6)
    other = services.submit(agent="careful", goal=f"look {subject()}", by=SubmitterFactory()).pk
    running = taken()
    assert sorted(lease.task_id for lease in running) == sorted([*many[:2], other])
    assert not claimable().exists()
    # One that ends, waits or is lost makes room for one.
    end(next(lease for lease in running if lease.task_id == many[0]))
    assert [lease.task_id for lease in taken()] == [many[2]]
    lapse(AgentTask.objects.get(pk=many[1]))
    assert [lease.task_id for lease in taken()] == [many[1]]


def test_a_limit_holds_when_many_workers_claim_at_the_same_moment(desk: Desk, settings: Settings) -> None:
    settings.COUNTERSIGN_RUNNING_PER_SUBMITTER = 3
    flood(desk, desk.submitter, 12)
    got = together(*[leases.claim] * 8)
    assert raised(got) == []
    assert sum(lease is not None for lease in got) <= 3
    taken()
    assert AgentTask.objects.filter(status=TaskStatus.RUNNING).count() == 3
