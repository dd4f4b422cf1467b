"""How far is the journal settled? Up to where no event can appear any more behind a reader's back.

Keys of events are given out before their transactions commit, so on PostgreSQL a smaller key may appear after a
larger one. The journal itself is the outbox: an event is in it exactly if its change was committed. A reader takes
all that it sees beyond `low`, and moves `low` only over keys whose transactions are known to be over.
"""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Max

from agents.models import TaskEvent


@dataclass(frozen=True)
class Horizon:
    """What the journal ends with, and which transactions are over: those before `over`; none has begun from `next` on.

    Every key up to `newest` belongs to a transaction before `next`: it was read first.
    """

    newest: int
    over: int
    next: int


@dataclass(frozen=True)
class Position:
    """Where a reader stands. `mark`: all keys up to it are settled once the transactions before `marked` are over."""

    low: int
    mark: int | None = None
    marked: int | None = None

    def advanced(self, horizon: Horizon) -> "Position":
        """Where it stands at this horizon; everything up to the new `low` can be read in a query made after it."""
        if horizon.over >= horizon.next:
            return Position(max(self.low, horizon.newest))
        low, mark, marked = self.low, self.mark, self.marked
        if mark is not None and marked is not None and horizon.over >= marked:
            low, mark = max(low, mark), None
        # A mark from the future is one of another server, whose backup this database was made from.
        if mark is None or marked is None or marked > horizon.next:
            mark, marked = horizon.newest, horizon.next
        return Position(low, mark, marked)


def horizon() -> Horizon:
    """The journal's horizon now. Must not be asked for inside a transaction, which would wait for itself."""
    newest = TaskEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    if connection.vendor != "postgresql":
        # SQLite has one writer at a time, so keys appear in their order.
        return Horizon(newest, 0, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
        )
        over, following = cursor.fetchone()
    return Horizon(newest, over, following)
