"""Which task is next? By priority, then each submitter in turn, then by age; within the limits of running tasks.

Fairness is a number on the row, so that the best task is the first entry of an index. After P. Goyal and others,
“Start-time Fair Queuing” (1996): whoever has a task in line gets the turn after it for the next one, and nobody gets
one before the turn that is called now. So a flood stands in line behind itself, and a newcomer behind one of its tasks.
"""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Now

from agents import rows
from agents.kill_switches import stopping
from agents.models import Agent, AgentTask, version_of
from agents.states import CLAIMABLE, TaskStatus


def claimable() -> QuerySet[AgentTask]:
    """The tasks that a worker may take now, best first: pending, due, or left behind by a lost worker.

    While a kill switch stops their agent, pending and due ones wait as they are. What was left behind is looked after,
    who asked for a cancel gets it, and what somebody took over goes back to them.
    """
    may_go_on = ~Exists(stopping(OuterRef("agent"))) | Q(cancel_requested_at__isnull=False) | Q(owner__isnull=False)
    # An arm for each status: so PostgreSQL sees that the index of what is claimable has them all, in this order.
    runnable = AgentTask.objects.filter(
        Q(may_go_on, status=TaskStatus.PENDING)
        | Q(may_go_on, status=TaskStatus.WAITING, wake_at__lte=Now())
        | Q(status=TaskStatus.RUNNING, lease_until__lte=Now())
    )
    for field, most in _limits():
        full = _running().values(field).annotate(running=Count("pk")).filter(running__gte=most)
        runnable = runnable.exclude(**{f"{field}__in": full.values(field)})
    return runnable.order_by("priority", "turn", "queued_at", "id")


SUSPECT = 2
"""So many workers lost with one task, without progress between, make it run alone."""


@dataclass(frozen=True)
class Taken:
    """The task that was claimed, what it was before, and the database's clock."""

    task: AgentTask
    was: TaskStatus
    lost_worker: str
    """Who had it and was lost; nobody where it was not running."""
    now: datetime

    @property
    def suspect(self) -> bool:
        """Were workers lost with it more than once before the one that was lost now, if any?"""
        return self.task.lapses - (self.was == TaskStatus.RUNNING) >= SUSPECT


def take(worker: str, until: rows.Kept, *, beside_others: bool) -> Taken | None:
    """Gives the best claimable task, that nobody else is about to take, to this worker for as long as is said.

    A task that may have killed workers is not taken `beside_others`, so that an innocent one is cleared by its next
    step. Where no process is ever idle, it has waited long enough after two leases.
    """
    apart = float(settings.COUNTERSIGN_LEASE_SECONDS) * 2 if beside_others else 0.0
    found = rows.take(
        _best(connection.vendor, apart, tuple(_limits())),
        fencing_token=_NEXT_TOKEN,
        lapses=_LAPSES,
        lease_until=until,
        worker=worker,
        status=TaskStatus.RUNNING,
        wake_at=None,
        notice="",
    )
    if found is None:
        return None
    task, (was, lost_worker, submitter, now) = found
    task.version = version_of(task.version_id)
    task.submitted_by = User.from_db(None, ("id", "username"), (task.submitted_by_id, submitter))
    return Taken(task, TaskStatus(was), lost_worker if was == TaskStatus.RUNNING else "", now)


_NEXT_TOKEN = rows.Kept(F("fencing_token") + 1, output_field=BigIntegerField())
_ONE_IF_LOST = Case(When(status=TaskStatus.RUNNING, then=1), default=0, output_field=IntegerField())
_LAPSES = rows.Kept(F("lapses") + _ONE_IF_LOST, output_field=IntegerField())
_WAS = rows.Kept(F("status"), output_field=CharField())
_WORKER = rows.Kept(F("worker"), output_field=CharField())


@functools.lru_cache(maxsize=8)
def _best(vendor: str, apart: float, limits: tuple[tuple[str, int], ...]) -> rows.Query:
    """By what it depends on: the text is put together once."""
    tasks = claimable().select_for_update(skip_locked=True)
    if apart:
        lately = Now() - timedelta(seconds=apart)
        tasks = tasks.exclude(status=TaskStatus.RUNNING, lapses__gte=SUSPECT, lease_until__gt=lately)
    name = User.objects.filter(pk=OuterRef("submitted_by")).values("username")
    return rows.kept(
        tasks, was=_WAS, lost_worker=_WORKER, submitter=Subquery(name, output_field=CharField()), clock=rows.NOW
    )


def others_wait() -> bool:
    """Is there a task that somebody could take now?"""
    return rows.first(_any(connection.vendor, tuple(_limits()))) is not None


@functools.lru_cache(maxsize=8)
def _any(vendor: str, limits: tuple[tuple[str, int], ...]) -> rows.Query:
    return rows.kept(claimable().order_by())


def counts_running() -> bool:
    """Is there a limit of running tasks? Then a claim is a transaction that counts them, see `has_room`."""
    return bool(_limits())


def has_room(task: AgentTask) -> bool:
    """May this task, which has been taken, run beside the others of its agent and its submitter? Asked in the
    transaction that claims it.

    It locks what it counts for, so that of two claims at the same moment the second one counts the first.
    """
    for field, most in _limits():
        key = getattr(task, f"{field}_id")
        model = Agent if field == "agent" else User
        model._default_manager.select_for_update(no_key=True).get(pk=key)
        if _running().filter(**{field: key}).count() > most:
            return False
    return True


def next_turn(submitter: int, priority: int) -> int:
    """The turn of a task that gets in line now."""
    with connection.cursor() as cursor:
        cursor.execute(_TURNS, {"priority": priority, "submitter": submitter})
        called, last, own = cursor.fetchone()
    line = called if called is not None else last or 0
    return int(line if own is None else max(line, own + 1))


_CLAIMABLE = ", ".join(f"'{status}'" for status in sorted(CLAIMABLE))
_TURNS = f"""
    SELECT (SELECT turn FROM agents_agenttask
             WHERE priority = %(priority)s AND status = 'pending' ORDER BY turn LIMIT 1),
           (SELECT turn FROM agents_agenttask
             WHERE priority = %(priority)s AND status IN ({_CLAIMABLE}) ORDER BY turn DESC LIMIT 1),
           (SELECT turn FROM agents_agenttask
             WHERE submitted_by_id = %(submitter)s AND priority = %(priority)s AND status IN ({_CLAIMABLE})
             ORDER BY turn DESC LIMIT 1)
"""  # noqa: S608 - of our own words alone
"""The turn that is called, the last one in line, and the submitter's own last: each the first entry of an index."""


def _running() -> QuerySet[AgentTask]:
    return AgentTask.objects.filter(status=TaskStatus.RUNNING, lease_until__gt=Now()).order_by()


def _limits() -> list[tuple[str, int]]:
    """By whom running tasks are limited, and to how many; nothing where there is no limit."""
    limits = {
        "submitted_by": settings.COUNTERSIGN_RUNNING_PER_SUBMITTER,
        "agent": settings.COUNTERSIGN_RUNNING_PER_AGENT,
    }
    return [(field, most) for field, most in limits.items() if most]
