"""Who sees people's data? The submitter of a task, whose data they are; everybody else sees them masked.

Who has the right may have them shown for a while, and the journal says who, when and which values. Masks are put over
rows as they are read, for a page or an answer; what is stored and what runs is not touched.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from agents.changes import changing
from agents.errors import Invalid, NotAllowed
from agents.models import Action, AgentTask, AgentVersion, Step, TaskEvent
from agents.privacy.content import CONTENT
from agents.privacy.masking import MARK, masked
from agents.privacy.vault import known_values
from agents.privacy.veil import Seeker, StandIn

REVEALED = "privacy.revealed"
FOR = timedelta(minutes=15)
"""So long a person who asked for it sees a task's data."""
NAMED = 200
"""Values that a line of the journal names."""
RIGHT = "agents.see_personal_data"
COLUMNS = frozenset(column for content in CONTENT.values() for column in content.columns)

TOLD = frozenset({"inputs", "metadata", "arguments", "answer", "result", "precondition"})
"""Members of rows and answers whose insides are named by agents and tools: fields that an agent declares are there."""

Person = AbstractBaseUser | AnonymousUser | None


@dataclass(frozen=True)
class Hidden:
    """What of some rows this person does not see."""

    rows: frozenset[Model]

    def __contains__(self, row: object) -> bool:
        return row in self.rows

    def __bool__(self) -> bool:
        return bool(self.rows)


def show_to(person: Person, *rows: Model | None) -> Hidden:
    """Puts masks over the values in these rows, in memory, where this person does not see them; says over which."""
    present = [row for row in rows if row is not None]
    seekers = _seekers(person, {key for row in present if (key := _task_of(row))})
    changes: list[tuple[Model, dict[str, Any]]] = []
    for row in present:
        seeker = seekers.get(_task_of(row) or 0)
        if seeker is not None and (changed := _masked(row, seeker)):
            changes.append((row, changed))
    plain = _revealed(person, {key for row, _ in changes if (key := _task_of(row))})
    hidden = [(row, changed) for row, changed in changes if _task_of(row) not in plain]
    for row, changed in hidden:
        for column, value in changed.items():
            setattr(row, column, value)
    return Hidden(frozenset(row for row, _ in hidden))


def hides_from(person: Person, row: Model) -> bool:
    """Would this person see a mask in the row?"""
    return bool(show_to(person, copy.copy(row)))


def answer_to(person: Person, answers: Mapping[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What of an API's answers, by their tasks, this person sees: the same, with masks."""
    seekers = _seekers(person, set(answers))
    seen = {task: _answer(answer, seekers[task]) if task in seekers else answer for task, answer in answers.items()}
    plain = _revealed(person, {task for task in answers if seen[task] != answers[task]})
    return {task: answers[task] if task in plain else seen[task] for task in answers}


def may_reveal(person: Any) -> bool:
    return bool(person.has_perm(RIGHT))


def reveal(task_id: int, *, by: User) -> None:
    """Lets this person see the task's data for a while, and writes down who saw which. Raises NotAllowed."""
    if not may_reveal(by):
        raise NotAllowed("Seeing personal data needs the permission agents.see_personal_data: ask an operator.")
    with changing(task_id, Q(), actor=f"person:{by.get_username()}") as change:
        found = _values_of(change.task)
        change.event(REVEALED, values=found[:NAMED], count=len(found), minutes=FOR.seconds // 60)


def shown_until(person: Person, task_id: int) -> datetime | None:
    """Until when this person sees the task's data, because they asked for them; None where they did not."""
    newest = _lines_of(person, {task_id}).order_by("-number").values_list("at", flat=True).first()
    return newest + FOR if newest else None


def refuse_masks(value: Any, field: str) -> None:
    """What a person typed must not be what they were shown instead of a value. Raises Invalid."""
    if _holds_mask(value):
        raise Invalid(
            f"A masked value ({MARK}) stands there, which is not what would run. Have the personal data shown first, "
            "or write the value out.",
            field=field,
        )


def _values_of(task: AgentTask) -> list[str]:
    """What would be shown, masked."""
    found: dict[str, None] = {}
    seeker = _seekers(None, {task.pk}).get(task.pk)
    rows: list[Model] = [task, *Step.objects.filter(task=task), *Action.objects.filter(task=task)]

    def note(label: str, value: Any) -> str:
        found[f"{label}: {masked(label, value)}"] = None
        return ""

    for row in rows if seeker else ():
        for column in CONTENT[row._meta.label_lower].columns:
            _replaced({column: getattr(row, column)}, seeker, note)  # type: ignore[arg-type]
    return sorted(found)


def _seekers(person: Person, tasks: set[int]) -> dict[int, Seeker]:
    """By their tasks, for those of which this person is not the submitter and whose agents hide anything."""
    if not tasks:
        return {}
    seekers: dict[int, Seeker] = {}
    others = AgentTask.objects.filter(pk__in=tasks).exclude(submitted_by=getattr(person, "pk", None))
    for pk, version, inputs in others.values_list("pk", "version", "inputs"):
        privacy = AgentVersion(pk=version).read().privacy
        if privacy.hides:
            seekers[pk] = Seeker(privacy.kinds, frozenset(privacy.fields))
            seekers[pk].learn(inputs)
    by_field = [task for task, seeker in seekers.items() if seeker.fields]
    for pk, label, value in known_values(by_field) if by_field else ():
        seekers[pk].know(label, value)
    return seekers


def _revealed(person: Person, tasks: set[int]) -> set[int]:
    return set(_lines_of(person, tasks).values_list("task_id", flat=True)) if tasks else set()


def _lines_of(person: Person, tasks: set[int]) -> QuerySet[TaskEvent]:
    """The lines of these tasks' journals by which this person sees their data now."""
    if not isinstance(person, User):
        return TaskEvent.objects.none()
    actor, since = f"person:{person.get_username()}", timezone.now() - FOR
    return TaskEvent.objects.filter(task__in=tasks, kind=REVEALED, actor=actor, at__gt=since)


def _task_of(row: Model) -> int | None:
    """The key of its task; None for a probe's call, or a trial delivery, which belong to none."""
    value: Any = row
    for part in CONTENT[row._meta.label_lower].task.split("__"):
        value = getattr(value, f"{part}_id" if hasattr(value, f"{part}_id") and part == "task" else part, None)
    return value


def _masked(row: Model, seeker: Seeker) -> dict[str, Any]:
    deferred = row.get_deferred_fields()
    changed = {}
    for column in CONTENT[row._meta.label_lower].columns:
        if column not in deferred:
            was = {column: getattr(row, column)}
            _learn(was, seeker)
            if (now := _replaced(was, seeker, masked)) != was:
                changed[column] = now[column]
    return changed


def _answer(answer: dict[str, Any], seeker: Seeker) -> Any:
    _learn(answer, seeker)
    return _replaced(answer, seeker, masked, is_content=False)


def _learn(value: Any, seeker: Seeker) -> None:
    match value:
        case dict():
            for name, inner in value.items():
                if name in TOLD:
                    seeker.learn(inner)
                else:
                    _learn(inner, seeker)
        case list() | tuple():
            for inner in value:
                _learn(inner, seeker)
        case str():
            seeker.learn(value)


def _replaced(value: Any, seeker: Seeker, by: StandIn, is_content: bool = True) -> Any:
    """A value of our own structure, with what is found in its content replaced; its names are ours, and stay."""
    match value:
        case {"op": str(), "path": str(path)} if is_content:
            return _change_replaced(value, path, seeker, by)
        case dict():
            return {
                name: seeker.replaced(inner, by)
                if name in TOLD
                else _replaced(inner, seeker, by, is_content or name in COLUMNS)
                for name, inner in value.items()
            }
        case list() | tuple():
            return [_replaced(inner, seeker, by, is_content) for inner in value]
    return seeker.replaced(value, by) if is_content else value


def _change_replaced(change: dict[str, Any], path: str, seeker: Seeker, by: StandIn) -> dict[str, Any]:
    """One change of a difference: its values are of the field that its path names."""
    name = next((part for part in path.split("/") if part in seeker.fields), "")

    def replaced(inner: Any) -> Any:
        return next(iter(seeker.replaced({name: inner}, by).values()))

    return {key: replaced(inner) if key in ("old", "value") else inner for key, inner in change.items()}


def _holds_mask(value: Any) -> bool:
    match value:
        case str():
            return MARK in value
        case dict():
            return any(_holds_mask(part) for pair in value.items() for part in pair)
        case list() | tuple():
            return any(map(_holds_mask, value))
    return False


def rows_of_list(rows: Iterable[Any]) -> list[Model]:
    """The rows of a list that hold content, with those that they show beside it."""
    beside = ("task", "request", "action")
    shown = (one for row in rows for one in (row, *(row._state.fields_cache.get(name) for name in beside)))
    return [one for one in shown if isinstance(one, Model) and one._meta.label_lower in CONTENT]
