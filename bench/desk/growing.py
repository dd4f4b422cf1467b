"""How is a database with a million finished tasks made in minutes? The loop writes one, and the server copies its rows.

So the rows are what Countersign itself writes, whatever columns they have by now.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import connection, models

from agents import services
from agents.engine.loop import work_once
from agents.models import Action, AgentTask, Step, TaskEvent
from bench.desk.agents import approve_all
from bench.goals import Goal
from review.models import Decision, ReviewRequest

SUBMITTERS = 50
ROOM = 1_000
"""Keys between the copies of one task, so that the rows of each find theirs by counting."""
OWN = {"id", "task_id", "step_id", "action_id", "current_action_id", "request_id", "approval"}
"""Columns that point at rows of the same task."""


@dataclass(frozen=True)
class Pattern:
    """A task that the loop has written, to be copied with all that belongs to it."""

    task: int
    changes: dict[str, str] = field(default_factory=dict)
    """Columns of the copied tasks that differ, as SQL; `g` numbers the copies."""


def written(kind: str, steps: int = 3) -> int:
    """A task that was really submitted and worked on until it ended or parked."""
    person = User.objects.get(username="submitter")
    task = services.submit(agent="bench", goal=str(Goal(0, steps, kind)), by=person)
    work()
    return task.pk


def work() -> None:
    while work_once():
        pass


def patterns() -> dict[str, Pattern]:
    """A task that is finished, one that was reviewed before, one that is parked, one that runs, and one that waits."""
    ids = [User.objects.create_user(f"submitter{number}").pk for number in range(SUBMITTERS)]
    common = {
        "goal": "'Look at order ' || g",
        "submitted_by_id": f"(ARRAY{ids})[1 + mod(g, {SUBMITTERS})]",
        "created_at": "now() - (g || ' seconds')::interval",
        "request_digest": "md5(g::text) || md5(g::text)",
    }
    running = {"status": "'running'", "worker": "'host:1:bench'", "lease_until": "now() + interval '1 day'"}
    finished, reviewed = written("given"), written("signed")
    approve_all()
    work()
    parked = written("signed")
    pending = written_and_left("asked")  # the last one, since the loop takes what is there
    return {
        "finished": Pattern(finished, common),
        "reviewed": Pattern(reviewed, common),
        "parked": Pattern(parked, common),
        "running": Pattern(pending, common | running),
        "pending": Pattern(pending, common),
    }


def written_and_left(kind: str) -> int:
    """A task that was submitted and that nobody took."""
    person = User.objects.get(username="submitter")
    task = services.submit(agent="bench", goal=str(Goal(0, 3, kind)), by=person)
    AgentTask.objects.filter(pk=task.pk).update(queued_at="2100-01-01T00:00:00Z")
    return task.pk


def copy(pattern: Pattern, first: int, count: int) -> None:
    """Copies a task `count` times, numbered from `first` on, with its steps, actions, events and decisions.

    Foreign keys are not checked meanwhile: each copy is shifted as a whole.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in _statements(pattern):
            cursor.execute(statement, {"first": first, "last": first + count - 1, "task": pattern.task})
        cursor.execute("SET session_replication_role = DEFAULT")


def settle() -> None:
    """Lets the server look at what it has, as it does by itself after a while."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _statements(pattern: Pattern) -> Iterator[str]:
    yield _copy(AgentTask, "id = %(task)s", **pattern.changes)
    for model in (Step, Action, TaskEvent, ReviewRequest):
        yield _copy(model, "task_id = %(task)s")
    yield _copy(Decision, "request_id IN (SELECT id FROM review_reviewrequest WHERE task_id = %(task)s)")


def _copy(model: type[models.Model], which: str, **changes: str) -> str:
    columns = [column.column for column in model._meta.concrete_fields]
    values = [changes.get(name) or (f"{name} + g * {ROOM}" if name in OWN else name) for name in columns]
    table = model._meta.db_table
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM {table}, generate_series(%(first)s, %(last)s) AS g WHERE {which}"
    )
