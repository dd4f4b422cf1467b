"""How soon does a lost or leaving worker's work go on elsewhere? Measured in calm weather, with nothing else wrong."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from chaos import rows
from chaos.client import Client, NoAnswer
from chaos.fleet import LEASE_SECONDS, Fleet, Member
from chaos.goals import Goal
from chaos.processes import Refused, until
from chaos.servers import Postgres

FIRST = 900_000
"""Subjects of these tasks begin here, so that they are nobody else's."""
PATIENCE = 60.0
TAKEOVER_TARGET = 2.0


@dataclass(frozen=True)
class Measured:
    """One number, and whether it is what is promised. A number without a promise is good."""

    name: str
    seconds: float
    good: bool
    detail: str = ""


def of_services(run: Fleet, client: Client, postgres: Postgres | None) -> Iterator[Measured]:
    """A killed worker, a restarted PostgreSQL where it may be restarted, a drained worker: each with tasks in hand."""
    numbers = iter(range(FIRST, FIRST + 1000))
    yield _killed(run, client, numbers)
    if postgres is not None:
        yield _database_restarted(run, client, numbers, postgres)
    yield _drained(run, client, numbers)


def of_embedded(run: Fleet, client: Client) -> Iterator[Measured]:
    """The one process, killed with tasks in hand and started again."""
    up = run.workers[0]
    held = _hand_out(run, client, iter(range(FIRST, FIRST + 1000)), [up])[up.process.pid]
    up.process.kill()
    up.process.start()
    until(lambda: _web_answers(client), PATIENCE, "the web answers again")
    ready = time.monotonic()
    until(lambda: not _not_taken(held, {up.process.pid}), PATIENCE, "its tasks go on")
    took = time.monotonic() - ready
    yield Measured("from a restart of `up` to its tasks going on", took, took <= TAKEOVER_TARGET, f"{len(held)} tasks")


def _killed(run: Fleet, client: Client, numbers: Iterator[int]) -> Measured:
    victim = run.workers[0]
    held = _hand_out(run, client, numbers, run.workers)[victim.process.pid]
    killed = time.monotonic()
    victim.process.kill()
    others = {member.process.pid for member in run.workers[1:]}
    until(lambda: not _not_taken(held, others), PATIENCE, "the tasks of a killed worker go on elsewhere")
    took = time.monotonic() - killed
    victim.process.start()
    detail = f"all of its {len(held)} tasks; the lease is {LEASE_SECONDS:.0f} s"
    return Measured("from kill -9 to take-over", took, took <= TAKEOVER_TARGET, detail)


def _database_restarted(run: Fleet, client: Client, numbers: Iterator[int], postgres: Postgres) -> Measured:
    """Nobody who lives may be taken for dead because the server was away."""
    held = _hand_out(run, client, numbers, run.workers)
    before = _newest()
    postgres.restart()
    begun = time.monotonic()
    tasks = set().union(*held.values())
    until(lambda: not _still(tasks, before), PATIENCE, "all tasks go on after a restart of PostgreSQL")
    took = time.monotonic() - begun
    dead = _taken_for_dead(run)
    detail = f"{len(tasks)} tasks were in hand, {dead} live workers were taken for dead"
    return Measured("from PostgreSQL's return to its tasks going on", took, dead == 0, detail)


def _drained(run: Fleet, client: Client, numbers: Iterator[int]) -> Measured:
    leaver = run.workers[-1]
    held = _hand_out(run, client, numbers, run.workers)[leaver.process.pid]
    others = {member.process.pid for member in run.workers[:-1]}
    before = _lost(held)
    begun = time.monotonic()
    leaver.process.ask()
    until(lambda: not _not_taken(held, others), PATIENCE, "a drained worker's tasks go on elsewhere")
    took = time.monotonic() - begun
    code = leaver.process.wait(PATIENCE)
    ended = time.monotonic() - begun
    leaver.process.kill()
    leaver.process.start()
    lost = _lost(held) - before
    detail = f"all of its {len(held)} tasks, {lost} by a lapse; it ended with {code} after {ended:.1f} s"
    return Measured("from SIGTERM to handover", took, code == 0 and not lost and took < LEASE_SECONDS, detail)


def _hand_out(run: Fleet, client: Client, numbers: Iterator[int], workers: list[Member]) -> dict[int, set[int]]:
    """Gives long tasks until each of these workers has some in hand; says which, by process id."""

    def all_busy() -> dict[int, set[int]]:
        found = rows.ask(lambda: {member.process.pid: rows.held_by(member.process.pid) for member in workers}, {})
        return found if found and all(found.values()) else {}

    # A worker that is idle hears of nothing while the others are quicker; then more is needed.
    for tasks in (6, 20, 40):
        for _ in range(tasks * len(workers)):
            client.submit(Goal("stroll", next(numbers)))
        with contextlib.suppress(Refused):
            return until(all_busy, 15, "every worker has tasks in hand")
    raise Refused("Some worker never takes a task; its log may say why.")


def _not_taken(tasks: set[int], by: set[int]) -> set[int]:
    """Of these tasks, those that are neither with one of these processes nor past the need of one."""
    from agents.models import AgentTask
    from agents.states import FINAL, PARKED, TaskStatus

    def left() -> set[int]:
        found = AgentTask.objects.filter(pk__in=tasks).exclude(status__in=FINAL | PARKED)
        return {
            pk
            for pk, status, worker in found.values_list("pk", "status", "worker")
            if status != TaskStatus.RUNNING or int(worker.split(":")[1]) not in by
        }

    return rows.ask(left, tasks)


def _still(tasks: set[int], before: int) -> set[int]:
    """Of these tasks, those that have neither ended nor made a step since the event of this key."""
    from agents.models import AgentTask, TaskEvent
    from agents.states import FINAL

    def left() -> set[int]:
        moved = TaskEvent.objects.filter(pk__gt=before, task__in=tasks, kind__startswith="action.")
        ended = AgentTask.objects.filter(pk__in=tasks, status__in=FINAL)
        return tasks - set(moved.values_list("task", flat=True)) - set(ended.values_list("pk", flat=True))

    return rows.ask(left, tasks)


def _newest() -> int:
    """The key of the newest event."""
    from agents.models import TaskEvent

    return TaskEvent.objects.latest("pk").pk


def _taken_for_dead(run: Fleet) -> int:
    """How many workers that live are said to be dead in the log of another one."""
    said = "".join(member.process.log.read_text(errors="replace") for member in run.workers)
    dead = [line for line in said.splitlines() if '"worker.dead"' in line]
    return sum(any(f":{member.process.pid}:" in line for line in dead) for member in run.workers)


def _lost(tasks: set[int]) -> int:
    """How often one of these tasks was claimed because its lease had lapsed."""
    from agents.models import TaskEvent

    claims = TaskEvent.objects.filter(task__in=tasks, kind="task.claimed", data__has_key="lost")
    return rows.ask(claims.count, 0)


def _web_answers(client: Client) -> bool:
    try:
        return client.ask("GET", "/api/v1/tasks?limit=1")[0] == 200
    except NoAnswer:
        return False
