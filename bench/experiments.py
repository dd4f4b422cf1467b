"""What is measured? The same work in every system, one after the other, each with a worker process of its own."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import psycopg

from bench import measuring, places
from bench.goals import Goal
from bench.processes import Stub, Submitter, Worker, free_port, set_up, until, working
from bench.systems import System, Where

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Load:
    """So many tasks of so many steps; `kind` as bench.goals has it, and how long the model takes."""

    tasks: int
    steps: int
    kind: str = "asked"
    latency: float = 0.0
    client: str = "light"
    slots: int = 0
    merged: bool = False
    """Model call and tool in one recorded step, where a system's documentation makes two."""


@dataclass(frozen=True)
class Used:
    """What a system did with a load."""

    seconds: float
    """From the first model call until the last task was finished."""
    whole_seconds: float
    """From the moment the worker was let go."""
    steps: int
    worker_cpu: float
    database_cpu: float
    commits: float
    megabytes: float
    connections: int
    threads: int
    in_flight: int
    """The most model calls at once."""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def steps_per_second(self) -> float:
        return self.steps / self.seconds


@dataclass(frozen=True)
class Latencies:
    """Milliseconds, one for each try."""

    values: list[float]
    submitting: list[float] = field(default_factory=list)
    """How much of each was spent in the call that submits."""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def high(self) -> float:
        """Nine of ten are below."""
        return statistics.quantiles(self.values, n=10)[-1] if len(self.values) > 1 else self.values[0]


@dataclass(frozen=True)
class Bench:
    """One system, set up in a database of its own."""

    system: System
    where: Where
    stub: Stub

    @property
    def database(self) -> str:
        return urlsplit(self.where.database).path.lstrip("/")

    def finished(self, goal: Goal, merged: bool = False) -> int:
        """How many tasks of so many steps the system's own rows call finished."""
        last = goal.steps if merged else 2 * goal.steps - 1
        return int(self.ask(self.system.finished % {"last": last}))

    def ask(self, query: str) -> float:
        """One number out of the system's database."""
        with psycopg.connect(self.where.database, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else 0

    @contextmanager
    def warm(self, load: Load) -> Iterator[tuple[Worker, Where]]:
        """A worker that has done one task, so that everything is loaded and connected."""
        slots = load.slots or (load.tasks if load.latency and self.system.slots else self.system.slots)
        where = replace(self.where, client=load.client, slots=slots, door=free_port(), merged=load.merged)
        with ExitStack() as stack:
            worker = stack.enter_context(working(self.system, where))
            self._warm_up(worker, where, load)
            yield worker, where

    def _warm_up(self, worker: Worker, where: Where, load: Load) -> None:
        kind = "asked" if load.kind == "signed" else load.kind
        goal = Goal(0, 3, kind)
        before = self.finished(goal, load.merged)
        self.stub.reset()
        with Submitter(self.system, where) as submitter:
            submitter.submit([str(goal)])
            until(lambda: self.finished(goal, load.merged) > before, "the first task is finished", worker.alive)

    def calls(self, goal: Goal) -> int:
        """How often a system asks for a goal: only Countersign runs a plan's steps without asking."""
        return goal.model_calls if self.system.name == "countersign" else goal.steps


@contextmanager
def bench(system: System, stub: Stub, redis: str, settings: Settings = ()) -> Iterator[Bench]:
    """A system in an empty database, for as long as the block runs."""
    with places.database(system.name) as database:
        where = Where(database=database, redis=redis, model=stub.url, settings=settings)
        set_up(system, where)
        yield Bench(system, where, stub)


def run(at: Bench, load: Load) -> Used:
    """A backlog of tasks, from the moment the worker is let go until the last one is finished.

    The worker stands still while the backlog is submitted, so that only its own work is measured.
    """
    goals = [Goal(number, load.steps, load.kind) for number in range(1, load.tasks + 1)]
    calls = sum(map(at.calls, goals))
    with at.warm(load) as (worker, where):
        before = at.finished(goals[0], load.merged)
        at.stub.reset(load.latency)
        with worker.held():
            with Submitter(at.system, where) as submitter:
                submitter.submit([str(goal) for goal in goals])
                versions = submitter.versions
            committed = measuring.commits(places.SERVER, at.database)
            watch = measuring.Backends(places.SERVER, at.database)
            watch.__enter__()
            cpu = measuring.cpu_seconds(worker.pids)
            began = time.monotonic()
        tally = at.stub.wait(calls, worker.alive)
        until(lambda: at.finished(goals[0], load.merged) >= before + load.tasks, "all tasks are finished", worker.alive)
        ended = time.monotonic()
        cpu = measuring.cpu_seconds(worker.pids) - cpu
        watch.__exit__()
        peak, most_threads = measuring.peak_megabytes(worker.pids), measuring.threads(worker.pids)
    return Used(
        seconds=ended - tally["first"],
        whole_seconds=ended - began,
        steps=load.tasks * load.steps,
        worker_cpu=cpu,
        database_cpu=watch.cpu_seconds,
        commits=measuring.commits(places.SERVER, at.database) - committed,
        megabytes=peak,
        connections=watch.most,
        threads=most_threads,
        in_flight=tally["most_in_flight"],
        versions=versions,
    )


def start(at: Bench, tries: int) -> Latencies:
    """Submit to an idle system until the first model call, one task after the other; the first try is not counted."""
    values, submitting = [], []
    load = Load(tasks=1, steps=3)
    with at.warm(load) as (worker, where), Submitter(at.system, where) as submitter:
        for number in range(tries + 1):
            goal = Goal(number, load.steps)
            before = at.finished(goal)
            at.stub.reset()
            said = submitter.submit([str(goal)], at_once=True)
            tally = at.stub.wait(at.calls(goal), worker.alive)
            values.append((tally["first"] - said["called"]) * 1000)
            submitting.append((said["returned"] - said["called"]) * 1000)
            until(lambda: at.finished(goal) > before, "the task is finished", worker.alive)  # noqa: B023
        return Latencies(values[1:], submitting[1:], submitter.versions)


def approval(at: Bench, tries: int) -> Latencies:
    """From a reviewer's decision, committed, to the start of the action that it approves. Countersign only."""
    values, submitting = [], []
    parked = "SELECT count(*) FROM review_reviewrequest WHERE status = 'open'"
    started = "SELECT (result->>'started')::float FROM agents_action WHERE tool = 'sign' ORDER BY id DESC LIMIT 1"
    load = Load(tasks=1, steps=3, kind="signed")
    with at.warm(load) as (worker, where), Submitter(at.system, where) as submitter:
        for number in range(tries + 1):
            goal = Goal(number, load.steps, load.kind)
            before = at.finished(goal)
            submitter.submit([str(goal)])
            until(lambda: at.ask(parked), "the task is parked", worker.alive)
            said = submitter.submit([], approve=True)
            until(lambda: at.finished(goal) > before, "the task is finished", worker.alive)  # noqa: B023
            values.append((at.ask(started) - said["returned"]) * 1000)
            submitting.append((said["returned"] - said["called"]) * 1000)
        return Latencies(values[1:], submitting[1:], submitter.versions)
