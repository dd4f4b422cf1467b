"""What is removed when it is old? Finished tasks that nobody was asked about, with all that belongs to them.

A task that people were asked about stays whole: it is the record of their decisions. Of a removed one its calls stay in
the ledger, without content, so that what was spent stays true; and a checkpoint names it with the end of its journal,
so that nobody takes a removal for a loss, nor a loss for a removal.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q, QuerySet

from agents.audit import checkpoints
from agents.audit.checkpoints import Head
from agents.engine.clock import in_seconds
from agents.models import Action, AgentTask, AuditCheckpoint, ModelCall, PrivateValue, SpendingAccount, Step, TaskEvent
from agents.outgoing.models import Attempt, Callback, Delivery, Relay

log = structlog.get_logger(__name__)

AT_ONCE = 100
LINES_AT_ONCE = 10_000
ROUNDS = 10
"""Batches that the sweeper removes at most each time, so that it has time for the rest of the house."""
DAY = 24 * 3600.0

Archive = Callable[[Iterator[models.Model]], None]
"""Keeps rows somewhere else, for good when it returns."""


def remove_old() -> None:
    """For the sweeper of each process: removes what may not be kept any longer, if that is limited at all."""
    days = settings.COUNTERSIGN_KEEP_TASKS_DAYS
    for _ in range(ROUNDS if days else 0):
        if not remove(days):
            return


def remove(days: float, archive: Archive | None = None) -> int:
    """Removes one batch of tasks that ended longer ago, and says how many; 0 also while another process does it.

    Whoever has the last checkpoint's row removes. What a checkpoint or a webhook has not heard of yet stays for now.
    """
    try:
        with transaction.atomic():
            newest = AuditCheckpoint.objects.order_by("-id").values("id")[:1]
            last = AuditCheckpoint.objects.select_for_update(skip_locked=True).filter(id__in=newest).first()
            heads = _heads(days, last.low) if last else []
            if last is None or not heads:
                return 0
            tasks = [task for _, task, *_ in heads]
            if archive is not None:
                archive(row for rows in _rows(tasks) for row in rows.iterator(chunk_size=AT_ONCE))
            ModelCall.objects.filter(task__in=tasks).update(task=None, request=None, answer="")
            for rows in reversed(_rows(tasks)):
                rows.delete()
            root = checkpoints.checkpoint_removal(last, heads)
    except IntegrityError:
        return 0  # A checkpoint was written meanwhile: this one would have to follow it.
    log.info("tasks.removed", tasks=len(heads), root=root)
    return len(heads)


def old(days: float) -> QuerySet[AgentTask]:
    """All tasks that ended so many days ago, by the database's clock; those that stay are `on_record`."""
    return AgentTask.objects.filter(finished_at__lt=in_seconds(-days * DAY))


def _heads(days: float, covered: int) -> list[Head]:
    """The ends of the journals of one batch that may go."""
    relayed = Relay.objects.values_list("low", flat=True).first() or 0
    lines = TaskEvent.objects.filter(task__in=_due(days))
    on_its_way = lines.filter(deliveries__status=Delivery.Status.PENDING).values("task")
    ends = lines.filter(number=F("task__event_count"), pk__lte=min(covered, relayed)).exclude(task__in=on_its_way)
    return [list(end) for end in ends.order_by("pk").values_list("pk", "task", "number", "hash")]


def _due(days: float) -> list[int]:
    """A batch of the oldest tasks, few where their journals are long; locked, so that nobody adds a line meanwhile."""
    due = old(days).filter(on_record=False).order_by("finished_at").select_for_update(skip_locked=True)
    batch = list(due.values_list("pk", "event_count")[:AT_ONCE])
    so_far = accumulate(lines for _, lines in batch)
    return [pk for (pk, lines), sum_ in zip(batch, so_far, strict=True) if sum_ <= max(LINES_AT_ONCE, lines)]


def _rows(tasks: list[int]) -> list[QuerySet[models.Model]]:
    """Everything that goes with these tasks, each kind after those that it points at."""
    mine = Q(task__in=tasks)
    return [
        AgentTask.objects.filter(pk__in=tasks),
        Step.objects.filter(mine),
        Action.objects.filter(mine),
        TaskEvent.objects.filter(mine),
        PrivateValue.objects.filter(mine),
        SpendingAccount.objects.filter(scope=SpendingAccount.Scope.TASK, key__in=tasks),
        Callback.objects.filter(mine),
        Delivery.objects.filter(event__task__in=tasks),
        Attempt.objects.filter(delivery__event__task__in=tasks),
    ]
