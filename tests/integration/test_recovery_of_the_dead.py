"""How soon is a dead worker known to be dead? On PostgreSQL with its session, long before its leases run out."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as now
from django.db import connection, connections
from django.db.models.functions import Now
from psycopg_pool import ConnectionPool

from agents.engine import drain, leases
from agents.engine.sweeper import Sweeper
from agents.models import AgentTask, WorkerProcess
from agents.states import TaskStatus
from chaos.proxy import Lines, Proxy
from tests.desk import gates
from tests.desk.driving import Desk, calls, subject, until
from tests.guarantees.doomed import database_of_this_run
from tests.processes import Running

pytestmark = pytest.mark.services


@pytest.fixture
def desk(transactional_db: None, settings: Any) -> Iterator[Desk]:
    settings.COUNTERSIGN_LEASE_SECONDS = 600
    drain.end()
    gates.forget()
    yield Desk.open()
    connections.close_all()


@pytest.fixture
def sweeper() -> Iterator[Sweeper]:
    """This process as one of the fleet, which takes no tasks itself."""
    here = Sweeper(slots=0, start=lambda _: None)
    here.keep()
    here.sweep()
    yield here
    here._life.end()


def test_the_tasks_of_a_killed_worker_go_on_without_waiting_for_their_leases(desk: Desk, sweeper: Sweeper) -> None:
    what = subject()
    task = desk.submit(f"idempotent {what} waits")
    with _another_worker() as other:
        until(lambda: calls(task), "the other worker is inside the tool")
        sweeper.sweep()
        assert _held_by_the_living(task)
        other.process.send_signal(signal.SIGKILL)
        other.process.wait(120)
        until(lambda: sweeper.sweep() or not _held_by_the_living(task), "the worker is known to be dead")
    gates.gate(what).open()
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert [call.key for call in calls(task)] == [calls(task)[0].key] * 2
    assert WorkerProcess.objects.exclude(identity=leases.WORKER).get().stopped_at is not None


def test_a_stopped_worker_is_not_taken_for_dead_before_its_lease_says_so(desk: Desk, sweeper: Sweeper) -> None:
    task = desk.submit(f"idempotent {subject()} waits")
    with _another_worker() as other:
        until(lambda: calls(task), "the other worker is inside the tool")
        other.process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            sweeper.sweep()
        assert _held_by_the_living(task)


def test_a_process_that_lost_its_own_lock_takes_nobody_for_dead_and_takes_a_new_one(
    desk: Desk, sweeper: Sweeper
) -> None:
    task = desk.submit(f"idempotent {subject()} waits")
    with _another_worker():
        until(lambda: calls(task), "the other worker is inside the tool")
        before = WorkerProcess.objects.get(identity=leases.WORKER).lock_key
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND ((classid::bigint << 32) | objid::bigint) = %s",
                [before],
            )
        until(lambda: sweeper.sweep() or _lock_key() != before, "a new lock is taken")
        assert _held_by_the_living(task)
    assert WorkerProcess.objects.get(identity=leases.WORKER).stopped_at is None


def test_who_waits_for_a_connection_gets_one_when_the_server_is_back(desk: Desk) -> None:
    """The pool gives up while nobody answers, and nobody new asks: it must not forget who asked before."""
    place, lines, given_up = connection.settings_dict, Lines(), threading.Event()
    line = Proxy(lines, place["HOST"], int(place["PORT"] or 5432))
    options = place["OPTIONS"]["pool"]
    assert options["reconnect_failed"] is ConnectionPool.check

    def begin_anew(pool: ConnectionPool) -> None:
        given_up.set()
        options["reconnect_failed"](pool)

    where = {"host": "127.0.0.1", "port": line.port, "user": place["USER"], "password": place["PASSWORD"]}
    more = {"reconnect_failed": begin_anew, "reconnect_timeout": 0.1, "timeout": 60}
    line.cut()
    with (
        ConnectionPool(kwargs=where | {"dbname": place["NAME"]}, **options | more, open=True) as pool,
        ThreadPoolExecutor(1) as somebody,
    ):
        waiting = somebody.submit(pool.getconn)
        assert given_up.wait(60)
        line.heal()
        pool.putconn(waiting.result(60))
    lines.close()


def _another_worker() -> Running:
    quick = {"COUNTERSIGN_SWEEP_SECONDS": "0.2", "COUNTERSIGN_SLOTS": "4", "COUNTERSIGN_LEASE_SECONDS": "600"}
    return Running(
        *("-m", "celery", "-A", "config", "worker"),
        DJANGO_SETTINGS_MODULE="tests.settings",
        DATABASE_URL=database_of_this_run(),
        REDIS_URL=now.REDIS_URL,
        **quick,
    )


def _held_by_the_living(task: AgentTask) -> bool:
    return AgentTask.objects.filter(pk=task.pk, status=TaskStatus.RUNNING, lease_until__gt=Now()).exists()


def _lock_key() -> int | None:
    return WorkerProcess.objects.get(identity=leases.WORKER).lock_key
