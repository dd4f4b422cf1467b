"""Is every journal as it was written? Each line, its payload, its place, the ends, and the checkpoints.

Reads task by task in small consistent portions, so that memory is bounded and nobody is held up; what is written
meanwhile is no finding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from agents.audit import chain
from agents.audit.checkpoints import Head, root_of
from agents.models import AgentTask, AuditCheckpoint, TaskEvent

TASKS_AT_ONCE = 100
LINES_AT_ONCE = 200
LOOKED_AROUND = 2_000
"""Numbers that are tried for a line that seems to stand in another's place."""
ERASED = {"erased": True}
"""What stands instead of a payload that was erased."""
ERASURE = "journal.erased"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written."""

    task: int | None
    number: int | None
    """The line of the task's journal."""
    what: str

    def __str__(self) -> str:
        line = f", line {self.number}" if self.number is not None else ""
        return f"task {self.task}{line}: {self.what}" if self.task is not None else self.what


@dataclass
class Seen:
    """What was looked at, so that nobody takes an empty database for a sound one."""

    tasks: int = 0
    lines: int = 0
    erased: int = 0
    checkpoints: int = 0
    removed: int = 0
    """Tasks that were removed on record."""
    root: str = ""


@dataclass(frozen=True)
class Told:
    """A line about reviews, for whoever keeps rows that it speaks of. Its payload may be erased."""

    task: int
    number: int
    kind: str
    at: Any
    data: dict[str, Any]

    @property
    def is_erased(self) -> bool:
        return self.data == ERASED


@dataclass
class Portion:
    """Some tasks, by their keys, and what their journals tell of reviews."""

    after: int
    until: int | None
    """None: to the end."""
    told: list[Told] = field(default_factory=list)

    def within(self, name: str) -> dict[str, int]:
        """The condition that a row belongs to these tasks, missing ones too; `name` is its key of the task."""
        upper = {} if self.until is None else {f"{name}__lte": self.until}
        return {f"{name}__gt": self.after} | upper


def verify(check_more: Callable[[Portion], Iterable[Finding]], seen: Seen, anchor: str = "") -> Iterator[Finding]:
    """Everything that is wrong. `check_more` compares other rows with what the journals tell of them.

    `anchor` is the root of a checkpoint that somebody kept outside: it must still be here.
    """
    after: int | None = 0
    while after is not None:
        with _snapshot():
            rows = AgentTask.objects.filter(pk__gt=after).order_by("pk")
            tasks = list(rows.values_list("pk", "event_count", "journal_head")[:TASKS_AT_ONCE])
            until = tasks[-1][0] if len(tasks) == TASKS_AT_ONCE else None
            portion = Portion(after, until)
            yield from _portion(tasks, portion, seen)
            yield from check_more(portion)
            after = until
    yield from _checkpoints(seen, anchor)


@contextmanager
def _snapshot() -> Iterator[None]:
    """Task and journal are read as they were at one moment."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _portion(tasks: Sequence[tuple[int, int, str]], portion: Portion, seen: Seen) -> Iterator[Finding]:
    lines = TaskEvent.objects.filter(**portion.within("task_id")).order_by("task_id", "number")
    journals = groupby(lines.iterator(chunk_size=LINES_AT_ONCE), key=lambda line: line.task_id)
    known = iter(tasks)
    task = next(known, None)
    for key, journal in journals:
        while task is not None and task[0] < key:
            yield from _journal(task, (), portion, seen)
            task = next(known, None)
        if task is None or task[0] != key:
            yield Finding(key, None, "the task is missing, and its journal is here")
            continue
        yield from _journal(task, journal, portion, seen)
        task = next(known, None)
    while task is not None:
        yield from _journal(task, (), portion, seen)
        task = next(known, None)


def _journal(
    task: tuple[int, int, str], journal: Iterable[TaskEvent], portion: Portion, seen: Seen
) -> Iterator[Finding]:
    pk, count, head = task
    seen.tasks += 1
    last, expected, was_sound = "", 1, True
    erased: set[int] = set()
    for line in journal:
        seen.lines += 1
        whole = line.number == expected
        if line.number > expected:
            yield Finding(pk, expected, _missing(expected, line.number - 1))
        wrong = list(_line(line, count))
        yield from (Finding(pk, line.number, what) for what in wrong)
        if whole and was_sound and not wrong and line.previous_hash != last:
            what = f"does not follow what stands before it: line {line.number - 1} was replaced, or this one"
            yield Finding(pk, line.number, what if line.number > 1 else "it is not the beginning of a journal")
        if line.number > count:
            yield Finding(pk, line.number, f"was added: the task counts {count} lines")
        if not line.salt and line.hash:
            erased.add(line.number)
            seen.erased += 1
        if line.kind == ERASURE:
            erased -= set(line.data.get("lines", ()))
        elif line.kind.startswith("review."):
            portion.told.append(Told(pk, line.number, line.kind, line.at, line.data))
        last, expected, was_sound = line.hash, line.number + 1, not wrong
    for number in sorted(erased):
        yield Finding(pk, number, "its payload is gone, and no line says who erased it")
    if expected <= count:
        yield Finding(pk, expected, _missing(expected, count) + " from the end")
    elif expected == count + 1 and last != head:
        yield Finding(pk, count or None, "is not the end that the task knows: it was replaced, or the task was changed")


def _line(line: TaskEvent, count: int) -> Iterator[str]:
    if not line.hash:
        yield "has no hash, so something else than Countersign wrote it"
        return
    if chain.line_hash(line) != line.hash:
        numbers = range(max(1, line.number - LOOKED_AROUND), min(count, line.number + LOOKED_AROUND) + 1)
        true = next((one for one in numbers if chain.line_hash(line, one) == line.hash), None)
        yield (
            f"stands out of order: it was written as line {true}"
            if true
            else "was changed: its kind, actor, time or links are not those that were written"
        )
    if line.salt:
        if chain.payload_digest(line.salt, line.data) != line.payload_digest:
            yield "was changed: its payload is not the one that was written"
    elif line.data != ERASED:
        yield "was changed: its payload was erased, and something else stands there now"


def _missing(first: int, last: int) -> str:
    return "this line is missing" if first == last else f"lines {first} to {last} are missing"


def _checkpoints(seen: Seen, anchor: str) -> Iterator[Finding]:
    removed = _removed()
    seen.removed = len(removed)
    previous, anchored = "", not anchor
    for one in AuditCheckpoint.objects.order_by("id").iterator(chunk_size=1):
        seen.checkpoints += 1
        if one.previous_root != previous:
            yield Finding(None, None, f"checkpoint {one.pk}: a checkpoint before it is missing")
        if root_of(one.previous_root, one.at, one.heads, removal=one.removal) != one.root:
            yield Finding(None, None, f"checkpoint {one.pk}: it was changed")
        elif one.removal:
            yield from _removal(one, removed)
        else:
            yield from _heads(one, removed)
        previous, anchored = one.root, anchored or one.root == anchor
    seen.root = previous
    if not anchored:
        yield Finding(None, None, f"no checkpoint has the root {anchor}: checkpoints were removed or written anew")


def _removed() -> dict[int, str]:
    """The tasks that were removed on record, each with the hash that its journal ended with."""
    removals = AuditCheckpoint.objects.filter(removal=True).values_list("heads", flat=True).iterator(chunk_size=1)
    return {task: last for heads in removals for _, task, _, last in heads}


def _removal(checkpoint: AuditCheckpoint, removed: dict[int, str]) -> Iterator[Finding]:
    """What was removed must be gone, and must have ended as a checkpoint before had seen it."""
    tasks = [task for _, task, *_ in checkpoint.heads]
    for task in AgentTask.objects.filter(pk__in=tasks).order_by("pk").values_list("pk", flat=True):
        yield Finding(task, None, f"checkpoint {checkpoint.pk} says that it was removed, and it is here")
    for task in sorted(task for task in tasks if removed[task]):
        yield Finding(task, None, f"checkpoint {checkpoint.pk} removed it with an end that no checkpoint before knows")


def _heads(checkpoint: AuditCheckpoint, removed: dict[int, str]) -> Iterator[Finding]:
    """`removed`: an end that is known to have been the last one is taken out of it."""
    for first in range(0, len(checkpoint.heads), LINES_AT_ONCE):
        heads: list[Head] = checkpoint.heads[first : first + LINES_AT_ONCE]
        rows = TaskEvent.objects.filter(pk__in=[head[0] for head in heads])
        here = {row[0]: list(row) for row in rows.values_list("id", "task_id", "number", "hash")}
        tasks = AgentTask.objects.filter(pk__in=[head[1] for head in heads])
        there = set(tasks.values_list("pk", flat=True))
        for head in heads:
            key, task, number, last = head
            if task in removed and last == removed[task]:
                removed[task] = ""
            if here.get(key) == head or (task in removed and task not in there):
                continue
            known = f"at checkpoint {checkpoint.pk} ({checkpoint.at:%Y-%m-%d %H:%M} UTC)"
            if task not in there:
                yield Finding(task, None, f"the task is missing; {known} its journal had {number} lines")
            else:
                gone = "is another one now" if key in here else "is not there any more"
                yield Finding(task, number, f"was the last line {known}, and {gone}")
