"""Which processes make up a run? The ones of the documentation, each with a line of its own to each server."""

import secrets
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chaos.processes import PATIENCE, Process, environment, free_port, listens, python, run, until
from chaos.proxy import Lines, Proxy, line_to
from chaos.servers import Postgres, Redis

LEASE_SECONDS = 6.0
MARGIN_SECONDS = 2.0

ENGINE = {
    "COUNTERSIGN_APPS": "chaos.desk",
    "COUNTERSIGN_LEASE_SECONDS": str(LEASE_SECONDS),
    "COUNTERSIGN_MARGIN_SECONDS": str(MARGIN_SECONDS),
    "COUNTERSIGN_BACKOFF_SECONDS": "0.5,1,2",
    "COUNTERSIGN_SLICE_SECONDS": "2",
    "COUNTERSIGN_SLOTS": "40",
    "DATABASE_POOL_MAX": "12",
    "DATABASE_POOL_TIMEOUT": "10",
    "LOG_LEVEL": "WARNING",
}
"""Shorter waits than a production has, so that a minute sees what else takes an hour."""


@dataclass(frozen=True)
class Member:
    """A process of Countersign and its lines; embedded it has none."""

    process: Process
    to_postgres: Proxy | None = None
    to_redis: Proxy | None = None


class Fleet:
    """Web, workers and reviewers, and how each is reached."""

    def __init__(
        self, web: Member, workers: list[Member], reviewers: Member, port: int, direct: dict[str, str]
    ) -> None:
        self.web = web
        self.workers = workers
        self.reviewers = reviewers
        self.port = port
        self.direct = direct
        """The settings of a process that nobody gets in the way of."""
        self.key = ""
        """The submitter's API key."""
        self.surprises: list[str] = []
        """Processes that ended though nobody ended them."""

    @property
    def members(self) -> list[Member]:
        return list({id(one): one for one in (self.web, *self.workers, self.reviewers)}.values())

    def start(self, model: str) -> None:
        """Brings the database up to date, opens the desk, and starts everything."""
        run(python("manage.py", "migrate", "--verbosity", "0"), self.direct)
        self.key = run(python("manage.py", "open_chaos_desk", "--model", model), self.direct).strip()
        for member in self.members:
            member.process.start()
        until(lambda: listens(self.port), PATIENCE, f"the web answers on port {self.port} ({self.web.process.log})")

    def look_after(self) -> None:
        """What a supervisor does: starts again what has ended by itself, and remembers that it did."""
        for member in self.members:
            process = member.process
            if not process.runs and not process.stopped_by_us:
                self.surprises.append(f"{process.name} (process {process.pid}) ended by itself with {process.code}")
                process.start()

    def end(self) -> dict[str, int | None]:
        """Ends everything as an operator would, and says how each ended."""
        for member in self.workers:
            if member.process.runs:
                member.process.ask()
        return {one.process.name: one.process.end(60) for one in (self.reviewers, *self.workers, self.web)}

    def kill(self) -> None:
        for member in self.members:
            member.process.end(0)


def services(
    stack: ExitStack, folder: Path, workers: int, more: dict[str, str], servers: tuple[Postgres, Redis]
) -> Fleet:
    """Web and workers as docs/run.md has them, with a line of its own from each of them to each server."""
    postgres, redis = servers
    lines = Lines()
    stack.callback(lines.close)
    port = free_port()
    fixed = (
        ENGINE
        | more
        | {
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": "127.0.0.1",
            "COUNTERSIGN_PLAIN_HTTP": "true",
            "BIND": f"127.0.0.1:{port}",
            "WEB_CONCURRENCY": "1",
            "WEB_THREADS": "16",
        }
    )

    def member(name: str, command: list[str], *, talks: bool = False) -> Member:
        (database_url, to_postgres), (redis_url, to_redis) = (
            line_to(lines, postgres.url),
            line_to(lines, redis.url),
        )
        reached = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        process = Process(name, command, environment(**fixed | reached), folder, talks=talks)
        return Member(process, to_postgres, to_redis)

    celery = python("-m", "celery", "-A", "config", "worker", "--without-gossip", "--without-mingle")
    fleet = Fleet(
        web=member("web", python("-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi")),
        workers=[
            member(f"worker-{number}", [*celery, "--loglevel", "INFO", "--hostname", f"worker-{number}@chaos"])
            for number in range(1, workers + 1)
        ],
        reviewers=member("reviewers", python("manage.py", "decide_chaos"), talks=True),
        port=port,
        direct=environment(**fixed | {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}),
    )
    stack.callback(fleet.kill)
    return fleet


def embedded(stack: ExitStack, folder: Path, more: dict[str, str]) -> Fleet:
    """Everything in one process, as `make run` starts it; the people are a process beside it."""
    port = free_port()
    data = folder / "data"
    settings = environment(**ENGINE | more | {"COUNTERSIGN_SLOTS": "16"})
    shared = settings | {"COUNTERSIGN_DATA": str(data), "COUNTERSIGN_DEMO": "false"}
    up = python("manage.py", "up", "--port", str(port), "--data-dir", str(data), "--no-demo")
    one = Member(Process("up", up, settings, folder))
    reviewers = Member(Process("reviewers", python("manage.py", "decide_chaos"), shared, folder, talks=True))
    fleet = Fleet(web=one, workers=[one], reviewers=reviewers, port=port, direct=shared)
    stack.callback(fleet.kill)
    return fleet


def restart_after(member: Member, wait: Callable[[float], None], seconds: float) -> None:
    """Kills a process, and starts it again after a while."""
    member.process.kill()
    wait(seconds)
    member.process.start()


def drain(member: Member, pid: int, seconds: float = 60) -> int | None:
    """Asks the worker with this process id to hand its tasks over and to end. One that has ended itself says 0."""
    return member.process.wait(seconds) if member.process.ask(signal.SIGTERM, pid) else 0
