"""Where does Countersign's own time go? `python -m bench.inside` runs tasks in this process, and nothing around them.

It prints the statements of a step and a profile by CPU, not by time. What it does not show is what many threads cost
each other; for that, and for shares without the profiler's own cost, point py-spy at a worker, or at `--lines 0`.
"""

import argparse
import cProfile
import os
import pstats
import re
import time
from collections import Counter

import django

from bench import places
from bench.goals import Goal
from bench.processes import Stub, set_up
from bench.systems import COUNTERSIGN, Where


def main() -> None:
    options = read_options()
    places.tidy_when_stopped()
    with places.database("inside") as database, places.empty_redis() as redis, Stub() as stub:
        where = Where(database=database, redis=redis, model=stub.url, client=options.client)
        set_up(COUNTERSIGN, where)
        os.environ.update(where.environment() | COUNTERSIGN.settings(where) | {"LOG_LEVEL": "ERROR"})
        django.setup()
        look(options)


def look(options: argparse.Namespace) -> None:
    """Runs one task with its statements written down, then many under the profiler."""
    from django.contrib.auth.models import User  # they need Django's settings, which are made just before
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from agents import services
    from agents.engine.loop import work_once

    person = User.objects.get(username="submitter")

    def submit(count: int) -> None:
        for number in range(count):
            services.submit(agent="bench", goal=str(Goal(number, options.steps, options.kind)), by=person)

    def work() -> None:
        while work_once():
            pass

    submit(3)
    work()
    submit(1)
    with CaptureQueriesContext(connection) as captured:
        work()
    print_statements([query["sql"] for query in captured], options)
    submit(options.tasks)
    began = time.process_time()
    work()
    spent = (time.process_time() - began) / (options.tasks * options.steps) * 1000
    print(f"\n{spent:.2f} ms of CPU for each step in one thread, without the profiler\n")
    if not options.lines:
        return
    submit(options.tasks)
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    stats = pstats.Stats(profile)
    if options.dump:
        stats.dump_stats(options.dump)
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(options.lines)


def print_statements(statements: list[str], options: argparse.Namespace) -> None:
    """The statements of one task by their shape, and the order in which they come in one step."""
    shapes = [shape(one) for one in statements]
    print(f"{len(shapes)} statements in a task of {options.steps} steps ({options.kind}), by their shape\n")
    for found, count in Counter(shapes).most_common():
        print(f"{count:5}  {found}")
    print("\nIn the order in which they come\n")
    for number, found in enumerate(shapes[: options.order]):
        print(f"{number:5}  {found}")


def shape(statement: str) -> str:
    """A statement without its values and its long lists of columns."""
    short = re.sub(r"SELECT .*? FROM", "SELECT … FROM", statement, count=1)
    short = re.sub(r"\((\"\w+\", )+\"\w+\"\)", "(…)", short)
    short = re.sub(r"VALUES \(.*\)", "VALUES (…)", short)
    short = re.sub(r"'(?:[^']|'')*'(?:::\w+)?", "?", short)
    return re.sub(r"\b\d+\b", "?", short)[:200]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.inside", description=__doc__)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--kind", default="asked", choices=("asked", "given", "effects"))
    parser.add_argument("--client", default="light", choices=("light", "bare", "sdk"), help="see bench/desk/model.py")
    parser.add_argument("--lines", type=int, default=40, help="lines of each profile; 0 for none")
    parser.add_argument("--order", type=int, default=60, help="statements shown in their order")
    parser.add_argument("--dump", help="a file for the profile, which snakeviz and others read")
    return parser.parse_args()


if __name__ == "__main__":
    main()
