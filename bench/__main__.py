"""Runs the comparison and prints its tables: `make bench`, or `python -m bench --help`."""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import Any

from bench import experiments, tables
from bench.experiments import Bench, Load, Used
from bench.places import empty_redis, tidy_when_stopped
from bench.processes import Stub
from bench.systems import ALL, COUNTERSIGN

PARTS = ("overhead", "sdk", "concurrency", "start")


@dataclass(frozen=True)
class Row:
    """One line of a table: a system, and the load that it gets."""

    name: str
    at: Bench
    load: Load


def main() -> None:
    options = read_options()
    tidy_when_stopped()
    chosen = [one for one in ALL if not options.systems or one.name in options.systems]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", file=sys.stderr)
    with empty_redis() as redis, Stub() as stub, ExitStack() as stack:
        benches = []
        for system in chosen:
            tell(f"setting up {system.title}")
            benches.append(stack.enter_context(experiments.bench(system, stub, redis, tuple(options.set))))
        said: dict[str, dict[str, str]] = {}
        for part in options.parts or PARTS:
            print(_PARTS[part](benches, options, said), flush=True)
        print(tables.versions(said.items()))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--systems", type=lambda said: said.split(","), help=", ".join(one.name for one in ALL))
    parser.add_argument("--quick", action="store_true", help="small sizes, for a look or for CI")
    parser.add_argument("--repeat", type=int, default=1, help="run each load so often, and take the medians")
    parser.add_argument("--tasks", type=int, help="tasks of a load")
    parser.add_argument("--steps", type=int, help="steps of a task")
    parser.add_argument("--latency", type=float, help="seconds that the model takes in the concurrency experiment")
    parser.add_argument("--tries", type=int, help="tries of the start latency")
    parser.add_argument("--client", choices=("light", "bare", "sdk"), help="instead of a part's own client")
    parser.add_argument("--slots", type=int, default=0, help="tasks that a worker has in hand, in every system")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=lambda said: tuple(said.split("=", 1)),
        metavar="NAME=VALUE",
        help="a setting of Countersign, such as DATABASE_POOL_MAX=10",
    )
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"{part!r} is none of {', '.join(PARTS)}")
    return options


def overhead(benches: list[Bench], options: argparse.Namespace, said: dict[str, dict[str, str]]) -> str:
    """What each step costs when the model takes no time, asked by the same light client everywhere."""
    load = sized(options, Load(200, 10), Load(40, 6))
    rows = []
    for at in benches:
        rows.append(Row(at.system.title, at, load))
        if at.system is COUNTERSIGN:
            rows.append(Row("  … without the ledger of model calls", at, replace(load, client="bare")))
            rows.append(Row("  … plan with all arguments", at, replace(load, kind="given")))
            rows.append(Row("  … each step an effect", at, replace(load, kind="effects")))
        if at.system.merges:
            rows.append(Row(f"  {at.system.name}, model and tool in one step", at, replace(load, merged=True)))
    title = f"Overhead: {load.tasks} tasks of {load.steps} steps, the model answers at once, the same light client"
    return tables.loads(title, run_all(rows, options, said), NOTES)


def sdk(benches: list[Bench], options: argparse.Namespace, said: dict[str, dict[str, str]]) -> str:
    """The same with the official SDK in every system, which sends the whole conversation at each turn."""
    load = sized(options, Load(200, 10, client="sdk"), Load(40, 6, client="sdk"))
    title = f"Overhead: {load.tasks} tasks of {load.steps} steps, the model answers at once, the official openai SDK"
    rows = [Row(at.system.title, at, load) for at in benches]
    return tables.loads(title, run_all(rows, options, said), NOTES)


def concurrency(benches: list[Bench], options: argparse.Namespace, said: dict[str, dict[str, str]]) -> str:
    """Many tasks that all wait for the model at once, in one worker process."""
    load = sized(options, Load(500, 5, latency=1.0), Load(60, 4, latency=0.3))
    load = replace(load, latency=options.latency or load.latency)
    ideal = load.steps * load.latency
    title = f"Concurrency: {load.tasks} tasks of {load.steps} steps, the model takes {load.latency} s; ideal {ideal} s"
    rows = [Row(at.system.title, at, load) for at in benches]
    return tables.loads(title, run_all(rows, options, said), NOTES, ideal)


def start(benches: list[Bench], options: argparse.Namespace, said: dict[str, dict[str, str]]) -> str:
    """How soon an idle system begins, and an approved action starts."""
    tries = options.tries or (5 if options.quick else 30)
    found = []
    for at in benches:
        tell(f"start latency of {at.system.title}")
        found.append((at.system.title, experiments.start(at, tries)))
    said.update({name: one.versions for name, one in found})
    text = tables.latencies(f"Start: submit to an idle system until the first model call, {tries} tries", found, START)
    if (ours := _ours(benches)) is not None:
        tell("from approval to start")
        approved = [(COUNTERSIGN.title, experiments.approval(ours, tries))]
        text += "\n" + tables.latencies(
            f"Approval: a committed decision until the action starts, {tries} tries", approved
        )
    return text


_PARTS: dict[str, Callable[[list[Bench], argparse.Namespace, dict[str, dict[str, str]]], str]] = {
    "overhead": overhead,
    "sdk": sdk,
    "concurrency": concurrency,
    "start": start,
}
NOTES = (
    "Ratios: above 1 is to Countersign's favour. CPU is of the worker process and of its database's backends.",
    "seconds: from letting the worker go until the last task is finished; steps/s counts from the first model call.",
)
START = ("DBOS and LangGraph are started inside their process; DBOS's queue would add up to its poll of a second.",)


def sized(options: argparse.Namespace, full: Load, quick: Load) -> Load:
    load = quick if options.quick else full
    tasks, steps, client = options.tasks or load.tasks, options.steps or load.steps, options.client or load.client
    return replace(load, tasks=tasks, steps=steps, client=client, slots=options.slots)


def run_all(
    rows: Iterable[Row], options: argparse.Namespace, said: dict[str, dict[str, str]]
) -> list[tuple[str, Used]]:
    """Each row as often as wanted, in turn, so that a busy minute of the machine does not fall on one system alone."""
    found: dict[str, list[Used]] = {}
    for _ in range(options.repeat):
        for row in rows:
            tell(f"{row.name.strip()}: {row.load.tasks} tasks of {row.load.steps} steps ({row.load.kind})")
            found.setdefault(row.name, []).append(experiments.run(row.at, row.load))
            said[row.at.system.title] = found[row.name][-1].versions
    return [(name, middle(used)) for name, used in found.items()]


def middle(used: list[Used]) -> Used:
    """The medians, number by number."""

    def median(name: str) -> Any:
        values = [getattr(one, name) for one in used]
        return values[0] if isinstance(values[0], dict) else statistics.median(values)

    return Used(**{one.name: median(one.name) for one in fields(Used)})


def _ours(benches: list[Bench]) -> Bench | None:
    return next((at for at in benches if at.system is COUNTERSIGN), None)


def tell(doing: str) -> None:
    print(f"  {doing}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
