"""Who works on which task? Claiming, holding and giving up a task's lease.

A lease is a row's `worker`, `fencing_token` and `lease_until` by the database's clock. The token grows with every
claim, and each later transaction of the holder names it, so that a worker that was paused, cut off or taken for dead
can record nothing. After D. B. Lomet's and M. Kleppmann's descriptions of leases with fencing.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents import queue, rows
from agents.changes import Ahead, Change, changing_known
from agents.engine import dispatch, turns
from agents.engine.clock import in_seconds, lease_seconds
from agents.errors import LeaseLost, Stale
from agents.models import AgentTask, WorkerProcess
from agents.states import TaskStatus

log = structlog.get_logger(__name__)

WORKER = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
"""This process's random identity."""


ASIDE_SECONDS = 1.0
"""Seconds after which what was put aside is written by itself."""


@dataclass
class Lease:
    """The right to record steps of one task, for as long as nobody claimed it after us."""

    task_id: int
    token: int
    good_until: float
    """Monotonic seconds of this process, never later than the database's `lease_until`."""
    claimed: AgentTask = field(repr=False)
    """The task as it was when it was claimed."""
    claim: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the journal says of the claim."""
    suspect: bool = False
    """Workers were lost with this task before: nothing else runs beside it in this process."""
    call_until: float | None = field(default=None)
    """Monotonic deadline of the call in hand: renewal stops there, so that a hung thread can't keep a lease."""

    ahead: Ahead | None = field(default=None, repr=False)
    """What the last change got for the next one."""
    put_off: Change | None = field(default=None, repr=False)
    """A change that goes with whatever is written next, and before anything is waited for."""
    aside: rows.Aside | None = field(default=None, repr=False)
    """What belongs to no change, and is written with the next one, or by the sweeper where that is long in coming.
    It is kept until that is known to have happened: its own condition lets it happen once."""
    _aside_since: float = 0.0

    @property
    def condition(self) -> Q:
        return Q(fencing_token=self.token, status=TaskStatus.RUNNING)

    def check(self) -> None:
        """Raises LeaseLost when another worker may have the task by now; needs no database."""
        if time.monotonic() >= self.good_until:
            raise LeaseLost(f"The lease on task {self.task_id} ran out before the call was made.")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What may hang is done, so long at most: renewal stops at its deadline."""
        self.call_until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.call_until = None

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Something slow is waited for, so long at most: nothing is held, and renewal stops at its deadline."""
        self.write_put_off()
        with self.within(seconds), waiting():
            yield

    @contextmanager
    def change(
        self, known: AgentTask | None = None, *, at_once: bool = False, put_off: bool = False
    ) -> Iterator[Change]:
        """One transaction of the loop. It begins with the conditional UPDATE that proves the lease and renews it.

        Without the task as the caller knows it, it is read first. `at_once` as `changing_known` has it. With `put_off`
        a change that is one statement, and leaves the task running, is written together with what comes next.
        """
        self.write_put_off()
        asked = time.monotonic()
        known = known or AgentTask.objects.get(pk=self.task_id)
        before = {"fencing_token": self.token, "status": TaskStatus.RUNNING}
        ahead, self.ahead = self.ahead, None
        if ahead is not None and ahead.age > lease_seconds():
            ahead = None
        with (
            _or_lost(),
            changing_known(
                known,
                before,
                actor=f"worker:{WORKER}",
                ahead=ahead,
                at_once=at_once,
                put_off=put_off,
                lease_until=in_seconds(lease_seconds()),
            ) as change,
        ):
            change.aside = self.aside
            yield change
        if change.is_put_off:
            self.put_off = change
        else:
            self.good_until, self.ahead, self.aside = asked + lease_seconds(), change.ahead, None

    def write_put_off(self, rider: rows.Rider | None = None) -> bool:
        """Writes the change that was put off, if there is one. False where others changed the task meanwhile: then it
        goes behind what they did, and the rider is left out.
        """
        change, self.put_off = self.put_off, None
        if change is None:
            return True
        asked = time.monotonic()
        with _or_lost():
            change.write_put_off(rider)
        self.good_until, self.ahead, self.aside = asked + lease_seconds(), change.ahead, None
        return change.at_once is not None

    def put_aside(self, aside: rows.Aside) -> None:
        """Has it written with the next change."""
        with _held_lock:
            self.aside, self._aside_since = aside, time.monotonic()

    def write_aside(self, waited: float = 0.0) -> None:
        """Writes by itself what was put aside so many seconds ago."""
        aside = self.aside
        if aside is None or time.monotonic() < self._aside_since + waited:
            return
        rows.carry_out_aside(aside)
        with _held_lock:  # The sweeper is another thread than the one that works on the task.
            if self.aside is aside:
                self.aside = None


@contextmanager
def _or_lost() -> Iterator[None]:
    try:
        yield
    except Stale as gone:
        raise LeaseLost(str(gone)) from gone


_CLAIMED = "task.claimed"
_held: dict[int, Lease] = {}
_given_up: list[Lease] = []
_held_lock = threading.Lock()
_kept_at: float | None = None
"""When this process last renewed its leases, by its own clock; None where it has no sweeper to do so."""


def claim() -> Lease | None:
    """Takes the best runnable task, or None. Two workers never take the same one.

    Nothing else is taken beside a task that may have killed workers. That it was claimed is journaled with what is
    written next.
    """
    asked = time.monotonic()
    with _held_lock:
        in_hand = list(_held.values())
    if any(one.suspect for one in in_hand):
        return None
    with nullcontext() if rows.takes_several() and not queue.counts_running() else transaction.atomic():
        taken = queue.take(WORKER, in_seconds(lease_seconds()), beside_others=bool(in_hand))
        if taken is None:
            dispatch.nothing_found(asked)
            return None
        task = taken.task
        if not queue.has_room(task):
            transaction.set_rollback(True)
            return None
        ahead = Ahead(taken.now, time.monotonic(), {})
        claim = {"was": taken.was, "token": task.fencing_token, "lost": taken.lost_worker or None}
        good_until = asked + lease_seconds()
        lease = Lease(task.pk, task.fencing_token, good_until, task, claim, suspect=taken.suspect, ahead=ahead)
        with lease.change(task, at_once=True, put_off=True) as change:
            change.event(_CLAIMED, **claim)
    with _held_lock:
        _held[lease.task_id] = lease
    return lease


def held() -> int:
    """How many tasks this process has in hand."""
    with _held_lock:
        return len(_held)


def falls_behind() -> bool:
    """Does this process come to its renewals so late that its leases may run out? Then it takes no more tasks.

    A machine that is starved of CPU would otherwise claim what it can't keep, and others would begin it anew.
    """
    return _kept_at is not None and time.monotonic() - _kept_at > lease_seconds() * 2 / 3


def let_go(lease: Lease) -> None:
    """Forgets a lease in this process: it is no longer renewed. The row was settled by whoever parked the task."""
    with _held_lock:
        if _held.get(lease.task_id) is lease:
            del _held[lease.task_id]


def release(lease: Lease, known: AgentTask | None = None) -> None:
    """Gives a task that can go on back to the queue, behind those that waited meanwhile.

    Where nobody knows the task, nobody knows either what the database has heard of it, the claim among it.
    """
    with lease.change(known) as change:
        if known is None and not change.task.events.filter(kind=_CLAIMED, data__token=lease.token).exists():
            change.event(_CLAIMED, **lease.claim)
        change.move(TaskStatus.PENDING)


def give_up(lease: Lease) -> None:
    """Remembers a task whose slice broke off because the database was away; `give_back` releases it soon."""
    lease.put_off = None
    with _held_lock:
        _given_up.append(lease)


def give_back() -> None:
    """Releases what this process gave up, so that an outage costs a moment and not a lease."""
    while _given_up:
        lease = _given_up[0]
        with suppress(LeaseLost):
            release(lease)
        with _held_lock:
            _given_up.remove(lease)


def keep() -> None:
    """Renews this process's leases, and remembers when: the sweeper's beat, see `falls_behind`."""
    global _kept_at
    asked = time.monotonic()
    renew()
    _kept_at = asked


def write_asides() -> None:
    """Writes what the tasks of this process put aside and what no change has come for yet: their tools take long."""
    with _held_lock:
        in_hand = list(_held.values())
    for lease in in_hand:
        try:
            lease.write_aside(waited=ASIDE_SECONDS)
        except (DatabaseError, InterfaceError) as error:
            log.warning("aside.not_written", task=lease.task_id, error=str(error)[:200])


def renew() -> None:
    """Renews every lease of this process whose call in hand, if any, is within its deadline."""
    asked = time.monotonic()
    with _held_lock:
        leases = [one for one in _held.values() if one.call_until is None or asked < one.call_until]
    if not leases:
        return
    AgentTask.objects.filter(
        pk__in=[one.task_id for one in leases],
        worker=WORKER,
        status=TaskStatus.RUNNING,
        lease_until__gt=Now(),
    ).update(lease_until=in_seconds(lease_seconds()))
    good = set(
        AgentTask.objects.filter(
            pk__in=[one.task_id for one in leases],
            worker=WORKER,
            status=TaskStatus.RUNNING,
            lease_until__gt=Now(),
        ).values_list("pk", "fencing_token")
    )
    for lease in leases:
        if (lease.task_id, lease.token) in good:
            lease.good_until = max(lease.good_until, asked + lease_seconds())


def heartbeat(slots: int) -> None:
    """Tells the database that this process lives."""
    WorkerProcess.objects.update_or_create(
        identity=WORKER,
        defaults={"seen_at": Now(), "stopped_at": None},
        create_defaults={
            "identity": WORKER,
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "slots": slots,
        },
    )


def anybody_alive() -> bool:
    """Whether some process that works on tasks has shown a sign of life within a lease."""
    return alive().exists()


def alive() -> QuerySet[WorkerProcess]:
    """The processes that work on tasks, by their signs of life."""
    lately = Now() - timedelta(seconds=lease_seconds())
    return WorkerProcess.objects.filter(stopped_at=None, seen_at__gt=lately)


def sign_off_silent() -> None:
    """Writes off processes that have shown no sign of life for long, so that nobody takes them for running."""
    silent = Now() - timedelta(seconds=10 * lease_seconds())
    WorkerProcess.objects.filter(stopped_at=None, seen_at__lt=silent).update(stopped_at=Now())


def sign_off() -> None:
    global _kept_at
    _kept_at = None
    WorkerProcess.objects.filter(identity=WORKER).update(stopped_at=Now())


def end_leases_of(worker: str) -> int:
    """Makes the tasks of a worker that is known to be dead claimable at once."""
    dead = AgentTask.objects.filter(worker=worker, status=TaskStatus.RUNNING, lease_until__gt=Now())
    return dead.update(lease_until=Now())


def take_back_everything() -> int:
    """Ends every lease at once. Only for the embedded process at boot: its file lock proves that nobody else lives."""
    return AgentTask.objects.filter(status=TaskStatus.RUNNING).update(lease_until=Now())


def let_go_of_database() -> None:
    """Returns this thread's connection to the pool before a model, a tool or a person is waited for."""
    here = connections[DEFAULT_DB_ALIAS]
    if here.in_atomic_block:
        raise RuntimeError("A transaction is open while something slow is about to be waited for.")
    if here.connection is not None:
        here.close()


@contextmanager
def waiting() -> Iterator[None]:
    """Something slow is waited for: no connection is held, and no turn of this process."""
    let_go_of_database()
    with turns.waiting():
        try:
            yield
        finally:
            drop_connection()


def drop_connection() -> None:
    """Leaves nothing behind of a tool that used the database: no dead connection, no open transaction, no setting."""
    here = connections[DEFAULT_DB_ALIAS]
    if here.connection is not None:
        here.close()
    if here.in_atomic_block or not here.autocommit:
        del connections[DEFAULT_DB_ALIAS]
