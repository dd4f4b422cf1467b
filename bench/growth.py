"""Does it stay fast as it grows? `make bench-growth`, or `python -m bench.growth --help`.

The same questions are asked of databases with more and more finished tasks, ten thousand parked ones, a hundred running
and a backlog of five thousand; what they cost must not follow the number of finished tasks.
"""

import argparse
import os
import sys
from typing import Any

import django

from bench import places, tables
from bench.processes import Stub, set_up
from bench.systems import COUNTERSIGN, Where

SIZES = "1000,30000,1000000"


def main() -> None:
    options = read_options()
    places.tidy_when_stopped()
    with places.database("growth") as database, places.empty_redis() as redis, Stub() as stub:
        where = Where(database=database, redis=redis, model=stub.url)
        set_up(COUNTERSIGN, where)
        os.environ.update(where.environment() | COUNTERSIGN.settings(where))
        os.environ.update(
            DJANGO_SETTINGS_MODULE="bench.desk.settings", LOG_LEVEL="ERROR", DATABASE_STATEMENT_TIMEOUT="0"
        )
        django.setup()
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Grows the database from size to size, and asks everything at each."""
    from bench.desk import growing, pages  # they need Django's settings, which are made just before

    patterns = growing.patterns()
    number = 1

    def grow(name: str, count: int) -> None:
        nonlocal number
        tell(f"{count:,} {name} tasks")
        growing.copy(patterns[name], number, count)
        number += count

    grow("parked", options.parked)
    grow("running", options.running)
    grow("pending", options.pending)
    found: dict[str, list[pages.Timed]] = {}
    done = 0
    for size in options.sizes:
        grow("finished", (size - done) * 4 // 5)
        grow("reviewed", (size - done) // 5)
        done = size
        growing.settle()
        for name, ask in pages.questions().items():
            found.setdefault(name, []).append(pages.timed(ask, options.tries))
    print(report(options.sizes, found))
    if options.plans:
        for name, timed in found.items():
            for query in timed[-1].queries[: options.plans]:
                print(f"--- {name}\n{query.sql[:400]}\n\n{pages.plan_of(query)}\n")


def report(sizes: list[int], found: dict[str, list[Any]]) -> str:
    """The medians of each question at each size; `found` has a `Timed` for each."""
    head = ["median ms (database ms), pages", *(f"{size:,}" for size in sizes), "ratio", "of pages", "queries"]
    rows = [
        [
            name,
            *(f"{one.whole:.1f} ({one.database:.1f}), {one.buffers:,}" for one in timed),
            f"{timed[-1].whole / timed[0].whole:.2f}",
            f"{timed[-1].buffers / max(timed[0].buffers, 1):.2f}",
            str(len(timed[-1].queries)),
        ]
        for name, timed in found.items()
    ]
    return tables.table(
        "Growth: by the number of finished tasks",
        head,
        rows,
        ["ratio: the largest over the smallest; pages are those of the database's cache that the queries look at"],
    )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help=f"finished tasks, rising ({SIZES})")
    parser.add_argument("--parked", type=int, default=10_000)
    parser.add_argument("--running", type=int, default=100)
    parser.add_argument("--pending", type=int, default=5_000, help="tasks that wait for a worker")
    parser.add_argument("--tries", type=int, default=15)
    parser.add_argument("--plans", type=int, default=1, help="query plans shown for each question, the longest queries")
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 finished tasks, 1,000 parked")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.parked, options.tries = "1000,10000", 1000, 5
    options.sizes = [int(size) for size in options.sizes.split(",")]
    return options


def tell(doing: str) -> None:
    print(f"  {doing}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
