"""How does a missing end show? The last line of each journal that grew is kept in a checkpoint, and each in the next.

A chain proves that nothing inside it changed; it can't prove that nothing was cut off its end, nor that a whole task
was not taken out. A checkpoint names the heads as they were, and its root is logged, so that somebody outside can
keep it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.audit import chain
from agents.models import AuditCheckpoint, TaskEvent
from agents.outgoing.journal import Position, horizon

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=10)
RULES = "countersign.checkpoint.1"
REMOVAL_RULES = "countersign.removal.1"
LINES_AT_ONCE = 20_000
"""Lines of the journal that one checkpoint looks at; after a long pause there are several."""

Head = list[Any]
"""Key, task, number and hash of a line."""


def checkpoint_if_due() -> None:
    """For the sweeper of each process: whoever comes first writes it."""
    if AuditCheckpoint.objects.filter(at__gt=timezone.now() - EVERY, removal=False).exists():
        return
    while checkpoint():
        pass


def checkpoint() -> bool:
    """Writes the heads of all journals that grew since the last checkpoint; says whether there is more to write.

    Keys of lines are given out before their transactions commit. So what is not settled yet is looked at again next
    time, and no line that appears late is left out.
    """
    now = horizon()
    last = AuditCheckpoint.objects.order_by("-id").first()
    was = Position(last.low, last.mark, last.mark_transaction) if last else Position(0)
    lines = TaskEvent.objects.filter(id__gt=was.low).order_by("id")
    found = list(lines.values_list("id", "task_id", "number", "hash")[:LINES_AT_ONCE])
    is_part = len(found) == LINES_AT_ONCE
    position = was.advanced(now)
    heads = _heads(found)
    if not found or (last is not None and heads == last.heads and position.low == was.low):
        return False
    if is_part and position.low > found[-1][0]:
        # What is known to be settled beyond this part stays known, so that the next part can follow at once.
        position = Position(found[-1][0], position.low, was.marked or 0)
    try:
        with transaction.atomic():
            _write(heads, last.root if last else "", position)
    except IntegrityError:
        pass  # Another process wrote it a moment ago.
    return is_part and position.low > was.low


def checkpoint_removal(last: AuditCheckpoint, heads: list[Head]) -> str:
    """Names journals that are removed in the caller's transaction, by the ends that they have; gives the root.

    Raises IntegrityError where `last` is not the last checkpoint any more.
    """
    return _write(heads, last.root, Position(last.low, last.mark, last.mark_transaction), removal=True)


def root_of(previous_root: str, at: datetime, heads: list[Head], *, removal: bool = False) -> str:
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    return chain.sha256(chain.text_of([REMOVAL_RULES if removal else RULES, previous_root, when, heads]))


def _heads(lines: list[Any]) -> list[Head]:
    heads: dict[int, Head] = {}
    for line in lines:
        _, task, number, _ = line
        if task not in heads or heads[task][2] < number:
            heads[task] = list(line)
    return sorted(heads.values())


def _write(heads: list[Head], previous_root: str, position: Position, *, removal: bool = False) -> str:
    at = timezone.now()
    root = root_of(previous_root, at, heads, removal=removal)
    AuditCheckpoint.objects.create(
        at=at,
        tasks=len(heads),
        heads=heads,
        removal=removal,
        previous_root=previous_root,
        root=root,
        low=position.low,
        mark=position.mark,
        mark_transaction=position.marked,
    )
    log.info("audit.checkpoint", root=root, tasks=len(heads), removal=removal)
    return root
