"""Runs Countersign in a storm, and checks afterwards that it kept its promises: `make chaos`, told in docs/chaos.md."""

import argparse
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from chaos import fleet, goals, recovery, rows, storm
from chaos.client import Client
from chaos.fleet import Fleet
from chaos.processes import Process, Refused, environment, python
from chaos.servers import GivenPostgres, GivenRedis, Postgres, Redis

MOST_TASKS = 20_000
MOST_SECONDS = 3600


def main() -> int:
    options = read_options()
    signal.signal(signal.SIGTERM, stop)
    begun = time.monotonic()
    say(
        f"seed {options.seed}, {options.tasks} tasks in {options.seconds} s, {', '.join(options.faults) or 'no faults'}"
    )
    say(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with kept_folder(options.keep) as folder:
        good = Run(options, folder).go()
        say(f"{'All promises were kept' if good else 'A promise was BROKEN'}, in {time.monotonic() - begun:.0f} s.")
        if not good:
            seeded = "" if "--seed" in sys.argv else f" --seed {options.seed}"
            say(f"Again: python -m chaos {' '.join(sys.argv[1:])}{seeded}")
    return 0 if good else 1


NOTICED_WITHIN = 5.0
"""Seconds within which PostgreSQL has ended the sessions of processes that are gone."""


class Run:
    """One run, from the first process to the last verdict."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.begun = time.monotonic()

    def go(self) -> bool:
        with ExitStack() as stack:
            ledger, more = self._world(stack)
            run, servers = self._fleet(stack, more)
            run.start("openai:chaos" if self.options.models else "playbook")
            stack.enter_context(rows.reading(run.direct))
            client = Client(run.port, run.key, str(self.options.seed))
            stack.callback(client.stop)
            try:
                good = self._measure(run, client, servers)
                self._storm(run, client, servers, more)
                return self._judge(run, client, ledger) and good
            finally:
                # Everything is ended now; a second Ctrl-C must not leave half of it behind.
                signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _world(self, stack: ExitStack) -> tuple[Path, dict[str, str]]:
        """The ledger, and the model if one is asked: how each is reached."""
        options, path = self.options, self.folder / "ledger.jsonl"
        faults = "faults" if "ledger" in options.faults else "none"
        ledger = self._service(stack, "ledger", "chaos.ledger", str(path), str(options.seed), faults)
        more = {"CHAOS_LEDGER": f"http://127.0.0.1:{ledger}"}
        if options.models:
            faults = "faults" if "models" in options.faults else "none"
            model = self._service(stack, "model", "chaos.model", str(options.seed), faults)
            more["OPENAI_BASE_URL"] = f"http://127.0.0.1:{model}/v1"
        return path, more

    def _service(self, stack: ExitStack, name: str, *module: str) -> int:
        process = Process(name, python("-m", *module), environment(), self.folder, talks=True)
        stack.callback(process.end)
        return int(process.start().first_line())

    def _fleet(self, stack: ExitStack, more: dict[str, str]) -> tuple[Fleet, tuple[Postgres, Redis] | None]:
        if self.options.embedded:
            return fleet.embedded(stack, self.folder, more), None
        if self.options.given:
            made: tuple[Postgres, Redis] = GivenPostgres(self.options.given[0]), GivenRedis(self.options.given[1])
        else:
            made = Postgres(self.folder), Redis(self.folder)
        servers = stack.enter_context(made[0]), stack.enter_context(made[1])
        return fleet.services(stack, self.folder, self.options.workers, more, servers), servers

    def _measure(self, run: Fleet, client: Client, servers: tuple[Postgres, Redis] | None) -> bool:
        """In calm weather: how soon lost work goes on elsewhere."""
        if not self.options.recovery:
            return True
        self._tell("measuring recovery")
        good = True
        restartable = servers[0] if servers and not self.options.given else None
        measured = recovery.of_services(run, client, restartable) if servers else recovery.of_embedded(run, client)
        for one in measured:
            say(f"{'kept  ' if one.good else 'BROKEN'}  {one.name}: {one.seconds:.2f} s ({one.detail})")
            good = good and one.good
        return good

    def _storm(self, run: Fleet, client: Client, servers: tuple[Postgres, Redis] | None, more: dict[str, str]) -> None:
        options = self.options
        chance = random.Random(options.seed)  # noqa: S311
        wanted = goals.mix(options.tasks, chance, "poison" in options.faults)
        faults = list(storm.schedule(chance, options.faults, options.seconds, len(run.members)))
        _weather(more, "foul")
        weather = storm.Storm(run, *(servers or (None, None)), say=self._tell if options.verbose else lambda _: None)
        self._tell(f"the storm begins: {len(faults)} faults are planned")
        client.start(wanted, options.seconds * 0.8)
        weather.start(faults)
        try:
            self._watch(run, options.seconds)
        finally:
            weather.stop()
        weather.heal()
        _weather(more, "calm")
        self._tell(f"it is over, and all heals: {_counted(weather.done) if weather.done else 'no fault'}")
        self._let_finish(run, client)

    def _watch(self, run: Fleet, seconds: float) -> None:
        """Looks after the processes for so long, as a supervisor does."""
        over = time.monotonic() + seconds
        shown = time.monotonic()
        while time.monotonic() < over:
            time.sleep(0.2)
            run.look_after()
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                self._tell(_counted(rows.ask(rows.standing, {})))

    def _let_finish(self, run: Fleet, client: Client) -> None:
        """Until nothing moves any more and everything is submitted, or patience ends; the checks say what is left."""
        give_up = time.monotonic() + self.options.patience
        shown = time.monotonic()
        still = 0
        while still < 5 and time.monotonic() < give_up:
            time.sleep(0.3)
            run.look_after()
            ready = all(rows.ask(lambda pid=one.process.pid: rows.at_work(pid), False) for one in run.workers)
            quiet = ready and not client.submitting and rows.ask(rows.moving, 1) == 0
            still = still + 1 if quiet else 0
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                self._tell(_counted(rows.ask(rows.standing, {})))
        self._tell(_counted(rows.ask(rows.standing, {})))

    def _judge(self, run: Fleet, client: Client, ledger: Path) -> bool:
        from chaos import verdicts
        from chaos.history import read_history

        client.stop()
        rows.close_pool()
        idle = len(rows.idle_transactions())
        codes = run.end()
        left = _left_connections()
        history = read_history(client.record, ledger)
        found = [
            *verdicts.judge(history),
            verdicts.connections(idle, left),
            verdicts.processes(_unexpected(run, "poison" in self.options.faults), codes),
        ]
        say(", ".join(f"{count} {name}" for name, count in history.counted.items()))
        for verdict in found:
            for line in verdict.lines():
                say(line)
        return all(verdict.kept for verdict in found)

    def _tell(self, what: str) -> None:
        say(f"{time.monotonic() - self.begun:6.1f} s  {what}")


def _left_connections() -> list[tuple[str, int]]:
    """Who is connected when everybody has gone. The server learns of a process's end a moment after it."""
    give_up = time.monotonic() + NOTICED_WITHIN
    while (left := rows.connections()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return left


def _unexpected(run: Fleet, poison: bool) -> list[str]:
    """A poisoned task ends its worker with SIGKILL: that is meant."""
    return [one for one in run.surprises if not (poison and one.endswith(f"with -{signal.SIGKILL.value}"))]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "the database does not answer"


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, epilog=_faults(), formatter_class=_Wide
    )
    parser.add_argument("--tasks", type=int, default=2000, help="how many tasks are submitted (2000)")
    parser.add_argument("--seconds", type=int, default=120, help="how long things break (120)")
    parser.add_argument(
        "--patience", type=int, default=240, help="seconds that everything may take to end after that (240)"
    )
    parser.add_argument("--seed", type=int, help="draws the tasks, the faults and what people say; random if left out")
    parser.add_argument("--faults", default="all", help="names divided by commas, all, or none (all)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (3)")
    parser.add_argument("--embedded", action="store_true", help="one process on SQLite, as `make run` starts it")
    parser.add_argument(
        "--given", action="store_true", help="the servers of DATABASE_URL and REDIS_URL, and not its own"
    )
    parser.add_argument("--models", action="store_true", help="ask a stub of a model provider and not the playbook")
    parser.add_argument("--no-recovery", dest="recovery", action="store_false", help="don't measure recovery first")
    parser.add_argument("--verbose", action="store_true", help="say each fault as it happens")
    parser.add_argument(
        "--keep", type=Path, help="an empty folder for logs and data, which stays; by default a temporary one"
    )
    options = parser.parse_args()
    options.seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    options.given = _read_given(parser, options) if options.given else None
    options.faults = _read_faults(parser, options)
    if not 1 <= options.tasks <= MOST_TASKS or not 1 <= options.seconds <= MOST_SECONDS:
        parser.error(f"at most {MOST_TASKS} tasks and {MOST_SECONDS} seconds")
    if not 1 <= options.workers <= 16 or (options.workers < 2 and options.recovery and not options.embedded):
        parser.error("2 to 16 workers (or 1 with --no-recovery)")
    return options


def _read_given(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[str, str]:
    database, broker = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    if options.embedded or not database.startswith("postgres") or not broker.startswith("redis:"):
        parser.error("--given takes DATABASE_URL=postgres://… and REDIS_URL=redis://… from the environment")
    return database, broker


def _read_faults(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    known = [name for name in storm.MEANING if not options.embedded or name in storm.EMBEDDED]
    known = [name for name in known if name != "models" or options.models]
    known = [name for name in known if name != "redis" or not options.given]
    match options.faults:
        case "all":
            return known
        case "none":
            return []
    wanted = [name.strip() for name in options.faults.split(",")]
    for name in wanted:
        if name not in known:
            parser.error(f"{name!r} is no fault here; there are {', '.join(known)}")
    return wanted


def _faults() -> str:
    return "faults:\n" + "\n".join(f"  {name:9} {meaning}" for name, meaning in storm.MEANING.items())


class _Wide(argparse.RawDescriptionHelpFormatter):
    """Keeps the list of faults as it is."""


def _weather(more: dict[str, str], word: str) -> None:
    """Tells the ledger and the model how the weather is: `calm` or `foul`."""
    for address in more.values():
        urllib.request.urlopen(f"{address.removesuffix('/v1')}/{word}", data=b"{}", timeout=10).close()  # noqa: S310


@contextmanager
def kept_folder(wanted: Path | None) -> Iterator[Path]:
    """The folder that everything is written to; a temporary one is removed afterwards."""
    if wanted is not None:
        wanted = wanted.absolute()
        wanted.mkdir(parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            raise Refused(f"{wanted} is not empty.")
        yield wanted
        return
    folder = Path(tempfile.mkdtemp(prefix="countersign-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does."""
    raise KeyboardInterrupt


def say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("Stopped; so is everything that was started.")
        sys.exit(130)
