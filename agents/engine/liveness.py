"""Which worker processes are dead? On PostgreSQL each holds a session lock, which the server drops with its connection.

A lost lock means death only while it can mean nothing else: the server has not restarted since the lock was taken, and
our own lock still stands. Otherwise, and on SQLite, the lease decides. To be wrong here costs no promise: whoever is
taken for dead finds its fencing token outdated and records nothing.
"""

import copy
import secrets

import structlog
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.db.utils import DatabaseError, InterfaceError

from agents.engine.leases import WORKER, end_leases_of, heartbeat
from agents.models import WorkerProcess

log = structlog.get_logger(__name__)

# pg_locks shows a bigint key as two halves, the upper one in classid and the lower one in objid, with objsubid 1.
_DEAD = """
    SELECT w.identity
      FROM agents_workerprocess w
     WHERE w.stopped_at IS NULL
       AND w.lock_key IS NOT NULL
       AND w.locked_at > pg_postmaster_start_time()
       AND w.lock_key NOT IN (SELECT key FROM held)
       AND %s IN (SELECT key FROM held)
"""
_HELD = """
    WITH held AS (
        SELECT (classid::bigint << 32) | objid::bigint AS key
          FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 1 AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""


class Life:
    """The session lock of this process with `slots` slots. Used by one thread, the sweeper's."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._session: BaseDatabaseWrapper | None = None
        self._key = 0

    def sweep(self) -> None:
        """Keeps our lock, and ends the leases of every process that has lost its own by dying."""
        if connection.vendor != "postgresql":
            return
        try:
            self._sweep()
        except (DatabaseError, InterfaceError) as error:
            # Without a lock of ours the leases decide, and tasks are found as ever.
            log.warning("life.failed", error=str(error)[:200])
            self.end()

    def _sweep(self) -> None:
        if not self._stands():
            self._take()
        for identity in self._dead():
            ended = end_leases_of(identity)
            WorkerProcess.objects.filter(identity=identity).update(stopped_at=Now())
            log.warning("worker.dead", identity=identity, tasks=ended)

    def end(self) -> None:
        """Lets the lock go with its connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _stands(self) -> bool:
        """Is the connection that holds the lock alive?"""
        if self._session is None:
            return False
        try:
            with self._session.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (DatabaseError, InterfaceError):
            self.end()
            return False
        return True

    def _take(self) -> None:
        """Takes a lock of a new key on a connection of its own, outside the pool, and tells the others."""
        settings = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
        settings["OPTIONS"].pop("pool", None)
        session = type(connections[DEFAULT_DB_ALIAS])(settings, f"life-{WORKER}")
        self._session = session
        session.inc_thread_sharing()  # the sweeper's thread uses it, the one that stops the process closes it
        key = secrets.randbits(62)
        with session.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        heartbeat(self._slots)  # Others learn of our death by a lock that our row names, from the first task on.
        WorkerProcess.objects.filter(identity=WORKER).update(lock_key=key, locked_at=Now())
        self._key = key

    def _dead(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_HELD + _DEAD, [self._key])
            return [identity for (identity,) in cursor.fetchall()]
