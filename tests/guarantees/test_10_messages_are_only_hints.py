"""Promise 10: a message is only a hint. It may be lost, come twice, or never be sent; the database is the queue."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis
from django.conf import settings

from agents.engine import dispatch
from agents.engine.loop import work_once
from agents.engine.sweeper import Sweeper
from agents.models import AgentTask
from agents.states import TaskStatus
from agents.tasks import work
from chaos.proxy import Lines, line_to
from tests.desk.driving import Desk, calls, effects, kinds, subject, until
from tests.guarantees.doomed import database_of_this_run
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together
from tests.processes import Running, run

NOWHERE = "redis://127.0.0.1:1/0"
WORKER = ("-m", "celery", "-A", "config", "worker", "--without-gossip", "--without-mingle")


@pytest.mark.parametrize("times", [2, 100])
def test_a_message_that_comes_again_and_again_moves_a_task_once(times: int, desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    for _ in range(times):
        work()
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETE
    assert len(effects(task)) == 3
    assert kinds(task).count("task.claimed") == 1
    check(task)


def test_a_message_that_comes_to_many_workers_at_once_moves_a_task_once(desk: Desk) -> None:
    task = desk.submit(f"in turn {subject()}")
    assert raised(together(*[work] * 8)) == []
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETE
    assert len(calls(task)) == 4
    check(task)


def test_a_message_about_nothing_is_harmless(desk: Desk) -> None:
    work()
    assert not AgentTask.objects.exists()


def test_a_broker_that_is_away_does_not_keep_a_task_from_being_accepted(desk: Desk) -> None:
    # A process of its own, since this one's broker is there.
    goal = f"idempotent {subject()}"
    script = (
        "import django; django.setup()\n"
        "from django.contrib.auth.models import User\n"
        "from agents import services\n"
        f"by = User.objects.get(username={desk.submitter.username!r})\n"
        f"print('accepted', services.submit(agent='desk', goal={goal!r}, by=by).pk)"
    )
    done = run("-c", script, **_environment(REDIS_URL=NOWHERE))
    assert (done.returncode, done.stdout.split()[:1]) == (0, ["accepted"]), done.stderr
    task = AgentTask.objects.get(goal=goal)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    check(task)


def test_the_sweeper_finds_what_nobody_was_told_of_and_never_more_than_it_can_take(desk: Desk) -> None:
    for _ in range(5):
        desk.submit(f"idempotent {subject()}")
    started: list[Callable[[], None]] = []
    Sweeper(3, started.append).sweep()
    assert len(started) == 3
    Sweeper(50, started.append).sweep()
    assert len(started) == 5, "three are about to be taken"
    Sweeper(5, started.append).sweep()
    assert len(started) == 5, "no slot is idle"
    for look in started:
        look()
    assert dispatch.busy() == 0
    assert AgentTask.objects.filter(status=TaskStatus.COMPLETE).count() == 5


def test_hints_that_a_flood_leaves_behind_ask_the_database_no_more_until_there_is_word_of_new_work(desk: Desk) -> None:
    looked: list[bool] = []

    def look() -> None:
        looked.append(work_once())

    def hints() -> list[Callable[[], None]]:
        dispatch.hear()
        return [dispatch.occupied(look) for _ in range(5)]

    desk.submit(f"idempotent {subject()}")
    for left_behind in hints():
        left_behind()
    assert looked == [True, False], "the third would have found nothing, either"
    desk.submit(f"idempotent {subject()}")
    for new in hints():
        new()
    assert looked == [True, False, True, False]
    assert dispatch.busy() == 0


@pytest.mark.services
def test_a_flushed_redis_loses_no_task(desk: Desk) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    queue = settings.CELERY_TASK_DEFAULT_QUEUE
    broker.delete(queue)
    tasks = [desk.submit(f"idempotent {subject()}") for _ in range(5)]
    assert broker.llen(queue) == 5
    broker.flushdb()
    Sweeper(10, lambda look: look()).sweep()
    assert not AgentTask.objects.exclude(status=TaskStatus.COMPLETE).exists()
    check(*tasks)
    broker.flushdb()


@pytest.mark.services
def test_a_real_worker_that_has_never_met_its_broker_finishes_everything(desk: Desk) -> None:
    tasks = [desk.submit(f"in turn {subject()}") for _ in range(5)]
    complete = AgentTask.objects.filter(status=TaskStatus.COMPLETE)
    with Running(*WORKER, **_environment(REDIS_URL=NOWHERE, COUNTERSIGN_SLOTS="8")) as worker:
        until(lambda: complete.count() == len(tasks), "every task is complete")
        worker.stop(signal.SIGTERM)
    assert all(len(effects(task)) == 3 for task in tasks)
    check(*tasks)


@pytest.mark.services
def test_a_real_worker_finishes_everything_while_redis_is_flushed_under_it(desk: Desk) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    quick = {"COUNTERSIGN_SWEEP_SECONDS": "0.2", "COUNTERSIGN_SLOTS": "8"}
    environment = _environment(REDIS_URL=settings.REDIS_URL, **quick)
    tasks = [desk.submit(f"in turn {subject()}") for _ in range(20)]
    broker.flushdb()
    complete = AgentTask.objects.filter(status=TaskStatus.COMPLETE)
    with Running(*WORKER, **environment) as worker:
        until(complete.exists, "the worker has begun")
        broker.flushdb()
        tasks += [desk.submit(f"in turn {subject()}") for _ in range(20)]
        broker.flushdb()
        until(lambda: complete.count() == len(tasks), "every task is complete")
        worker.stop(signal.SIGTERM)
    assert all(len(effects(task)) == 3 for task in tasks)
    check(*tasks)
    broker.flushdb()


@pytest.mark.services
def test_a_worker_outlives_its_broker_again_and_again(desk: Desk) -> None:
    broker, queue = redis.Redis.from_url(settings.REDIS_URL), settings.CELERY_TASK_DEFAULT_QUEUE
    broker.flushdb()
    lines = Lines()
    address, line = line_to(lines, settings.REDIS_URL)
    complete = AgentTask.objects.filter(status=TaskStatus.COMPLETE)
    tasks = [desk.submit(f"look {subject()}")]
    with Running(*WORKER, **_environment(REDIS_URL=address, COUNTERSIGN_SLOTS="8")) as worker:
        for _ in range(2):
            until(lambda: complete.count() == len(tasks), "the worker is at work")
            with _nobody_claims():
                for _ in range(10):
                    dispatch.hint()
                until(
                    lambda: not broker.llen(queue), "more hints are in hand than slots, and the next one is waited for"
                )
                _hang_up_on_listeners(broker)
                line.cut()
                worker.wait_for("Trying again in")
                line.heal()
            tasks.append(desk.submit(f"look {subject()}"))
        until(lambda: complete.count() == len(tasks), "every task is complete")
        assert worker.stop(signal.SIGTERM) == 0
    lines.close()
    check(*tasks)
    broker.flushdb()


@contextmanager
def _nobody_claims() -> Iterator[None]:
    """Every slot that takes up a hint stands still in its claim."""
    with psycopg.connect(database_of_this_run()) as holder:
        holder.execute(f"LOCK TABLE {AgentTask._meta.db_table} IN EXCLUSIVE MODE")
        yield


def _hang_up_on_listeners(broker: redis.Redis) -> None:
    """The worst order: what listens to remote commands hears of the end first, while the next hint is waited for."""
    database = broker.get_connection_kwargs()["db"]
    for client in broker.client_list(_type="pubsub"):
        if client["db"] == str(database):
            broker.client_kill_filter(_id=client["id"])


def _environment(**more: str) -> dict[str, str]:
    """For a process with the tests' settings on the tests' database."""
    return {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_of_this_run(), **more}
