"""What does the database say? Asked directly, past all lines that are cut, with Django's models of this very code."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def reading(settings: dict[str, str]) -> Iterator[None]:
    """Django with these settings; nothing of it may be imported before."""
    import logging

    import django

    os.environ.clear()
    os.environ.update(settings | {"DJANGO_SETTINGS_MODULE": "config.settings"})
    django.setup()
    logging.disable(logging.CRITICAL)
    from django.db import connections

    try:
        yield
    finally:
        connections.close_all()
        close_pool()


def close_pool() -> None:
    """Our own connections would be counted among those that were not given back."""
    from django.db import connection

    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


def ask(question: Callable[[], T], otherwise: T) -> T:
    """The answer, or what is said while the database is away."""
    from django.db import DatabaseError, InterfaceError, connection

    try:
        return question()
    except (DatabaseError, InterfaceError):
        return otherwise
    finally:
        connection.close()


def standing() -> dict[str, int]:
    """How many tasks there are in each state."""
    from django.db.models import Count

    from agents.models import AgentTask

    counted = AgentTask.objects.order_by().values_list("status").annotate(Count("pk"))
    return dict(counted)


def moving() -> int:
    """How many tasks can still go on without anybody doing anything, or wait for somebody who is about to answer."""
    from agents.models import AgentTask
    from agents.states import CLAIMABLE, PARKED
    from chaos.goals import left_alone

    claimable = AgentTask.objects.filter(status__in=CLAIMABLE).count()
    parked = AgentTask.objects.filter(status__in=PARKED).values_list("goal", flat=True)
    return claimable + sum(not left_alone(goal) for goal in parked)


def held_by(pid: int) -> set[int]:
    """The tasks whose lease a process of this machine has, by its process id."""
    from agents.models import AgentTask
    from agents.states import TaskStatus

    running = AgentTask.objects.filter(status=TaskStatus.RUNNING, worker__contains=f":{pid}:")
    return set(running.values_list("pk", flat=True))


def at_work(pid: int) -> bool:
    """Has a process said that it lives? Before that a signal ends it as any other program that only starts."""
    from agents.models import WorkerProcess

    return WorkerProcess.objects.filter(identity__contains=f":{pid}:").exists()


def idle_transactions(seconds: float = 20) -> set[tuple[int, str]]:
    """Transactions that stand still for as long as this looks at them: between two statements each is idle a moment."""
    found = _idle()
    give_up = time.monotonic() + seconds
    while found and time.monotonic() < give_up:
        time.sleep(0.2)
        found &= _idle()
    return found


def _idle() -> set[tuple[int, str]]:
    from django.db import connection

    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, xact_start::text FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
        return {(int(pid), str(began)) for pid, began in cursor.fetchall()}


def connections() -> list[tuple[str, int]]:
    """Who else is connected to PostgreSQL, by the state of the connection."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'none'), count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            " GROUP BY 1"
        )
        return [(str(state), int(count)) for state, count in cursor.fetchall()]
