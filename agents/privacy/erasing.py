"""How is a person forgotten? Their values leave every row of finished tasks, and the audit stays valid.

Rows keep their shape, with `[erased]` where a value stood. Lines of the journal that held one, or the digest of a row
that changed, lose their payloads as in `agents.audit.erasing`, and a line says so.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import Error
from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from agents.audit.verifying import ERASED, ERASURE
from agents.changes import Change, changing
from agents.errors import Invalid, Refused, Stale, Unfinished
from agents.models import AgentTask, PrivateValue, TaskEvent
from agents.privacy import keys
from agents.privacy.content import CONTENT, TASK, Content
from agents.privacy.veil import Seeker
from agents.services.submitting import read_text
from agents.states import FINAL

SHORTEST = 3
"""Characters of the shortest value that is looked for: a shorter one would take other words with it."""
NAMED = 20
"""Tasks that a refusal names."""
INSTEAD = "[erased]"


@dataclass(frozen=True)
class Erased:
    """What was changed."""

    tasks: int = 0
    rows: int = 0
    lines: int = 0

    def __str__(self) -> str:
        return (
            f"erased from {self.tasks} tasks, {self.rows} rows changed, and {self.lines} lines of journals lost their "
            "payloads"
        )

    def and_(self, other: "Erased") -> "Erased":
        return Erased(self.tasks + other.tasks, self.rows + other.rows, self.lines + other.lines)


def erase_person(values: Sequence[str], why: str, *, by: User | None) -> Erased:
    """Erases these values, as whole words in any case, from everything that finished tasks hold.

    Raises Stale, and changes nothing, while a task that is not over holds one of them. Each task is a transaction of
    its own: where one fails, Unfinished says how far it came, and the same call goes on from there.
    """
    why = read_text(why, "reason")
    wanted = sorted({value.strip() for value in values})
    if not wanted or any(len(value) < SHORTEST for value in wanted):
        raise Invalid(f"Give values of {SHORTEST} characters or more: an address, a name, a number.", field="values")
    tasks = _tasks_with(wanted)
    _refuse_while_running(tasks)
    actor = f"person:{by.get_username()}" if by else "operator"
    erased = Erased()
    for number, task in enumerate(sorted(tasks)):
        try:
            with changing(task, Q(status__in=FINAL), actor=actor) as change:
                one = _erase(change, wanted, why)
        except (Error, Refused) as failed:
            raise Unfinished(
                f"Task {task} could not be changed, and is as it was ({failed}). {number} of {len(tasks)} tasks were "
                f"done before it: {erased}. That stays so. Run it again with the same values for the rest."
            ) from failed
        erased = erased.and_(one)
    return erased


def _refuse_while_running(tasks: set[int]) -> None:
    live = AgentTask.objects.filter(pk__in=tasks).exclude(status__in=FINAL).order_by("pk")
    named = [f"{task.pk} ({task.get_status_display().lower()})" for task in live[:NAMED]]
    if named:
        raise Stale(
            f"These tasks are not over and hold one of the values: {', '.join(named)}. Cancel them, or wait until they "
            "are over. Nothing was erased."
        )


def _erase(change: Change, wanted: list[str], why: str) -> Erased:
    known, digests = {value.casefold(): "" for value in wanted}, _digests(wanted)
    seeker = Seeker(kinds=(), known=known)
    rows, lines = 0, set[int]()
    for name, content in CONTENT.items():
        for row in _rows_of(name, content, change.task.pk):
            changed = _without(seeker, row, content.columns)
            if not changed:
                continue
            rows += 1
            if name == TASK:
                change.set(**changed)
            elif isinstance(row, TaskEvent):
                lines.add(row.number)
            else:
                _model(name).filter(pk=row.pk).update(**changed)
            if content.told_by:
                lines.update(_lines_about(change.task.pk, *content.told_by, row.pk))
    for value in PrivateValue.objects.filter(task=change.task):
        if value.digest in digests or _opens_as(value.sealed, known):
            value.delete()
            rows += 1
    gone = TaskEvent.objects.filter(task=change.task, number__in=lines).exclude(kind=ERASURE).exclude(salt="")
    found = sorted(gone.values_list("number", flat=True))
    gone.update(data=ERASED, salt="")
    if not rows:
        return Erased()
    change.event(ERASURE, lines=found, why=why, rows=rows)
    return Erased(1, rows, len(found))


def _without(seeker: Seeker, row: Model, columns: Sequence[str]) -> dict[str, Any]:
    """The columns that hold a value, without it."""
    changed = {}
    for column in columns:
        was = getattr(row, column)
        now = seeker.replaced(was, lambda *_: INSTEAD)
        limit = row._meta.get_field(column).max_length  # type: ignore[union-attr]
        if now != was:
            changed[column] = now[:limit] if isinstance(now, str) and limit else now
    return changed


def _lines_about(task: int, kind: str, member: str, key: int) -> Iterator[int]:
    for number, data in TaskEvent.objects.filter(task=task, kind=kind).values_list("number", "data"):
        if data.get(member) == key:
            yield number


def _tasks_with(wanted: list[str]) -> set[int]:
    """The tasks of which some row may hold a value. The database looks only roughly."""
    found = set(PrivateValue.objects.filter(digest__in=_digests(wanted)).values_list("task_id", flat=True))
    for name, content in CONTENT.items():
        holds, texts = Q(), {}
        for column in content.columns:
            texts[f"text_of_{column}"] = Cast(F(column), TextField())
            for needle in _needles(wanted):
                holds |= Q(**{f"text_of_{column}__icontains": needle})
        rows = _model(name).annotate(**texts).filter(holds)
        found.update(rows.order_by().values_list(content.task, flat=True).distinct())
    found.discard(None)
    return found


def _needles(wanted: list[str]) -> set[str]:
    """The values as text columns have them, and as either database writes them inside JSON."""
    cases = {case for value in wanted for case in (value, value.lower(), value.upper(), value.title())}
    return {form for one in cases for form in (one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])}


def _digests(wanted: list[str]) -> set[str]:
    numbers = [int(value) for value in wanted if value.isascii() and value.isdigit()]
    return {keys.digest(value) for value in (*wanted, *numbers)}


def _opens_as(sealed: str, known: dict[str, str]) -> bool:
    try:
        return str(keys.unseal(sealed)).strip().casefold() in known
    except keys.InvalidToken:
        return False


def _rows_of(name: str, content: Content, task: int) -> Iterator[Model]:
    return _model(name).filter(**{content.task: task}).order_by("pk").iterator(chunk_size=20)


def _model(name: str) -> QuerySet[Any]:
    return apps.get_model(name)._default_manager.all()
