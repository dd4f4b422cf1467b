"""How are results told? In one table for each experiment, with the ratios to Countersign."""

from collections.abc import Iterable, Sequence

from bench.experiments import Latencies, Used

Row = Sequence[str]


def table(title: str, head: Row, rows: Iterable[Row], notes: Iterable[str] = ()) -> str:
    """Columns as wide as they need to be: the first to the left, all others to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def line(cells: Row) -> str:
        padded = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([title, "", line(head), rule, *map(line, lines[1:]), *(f"  {note}" for note in notes), ""])


def loads(title: str, results: list[tuple[str, Used]], notes: Iterable[str] = (), ideal: float = 0.0) -> str:
    """Ratios are Countersign's first row over the other, so that above 1 is to Countersign's favour."""
    ours = results[0][1]
    head = ["", "steps/s", "ratio", "worker ms/step", "ratio", "database ms/step", "commits/step", "peak MB"]
    head += ["connections", "threads", "seconds", *(["over ideal"] if ideal else [])]
    rows = []
    for name, used in results:
        cpu, our_cpu = used.worker_cpu / used.steps, ours.worker_cpu / ours.steps
        row = [
            name,
            f"{used.steps_per_second:,.0f}",
            f"{ours.steps_per_second / used.steps_per_second:.2f}",
            f"{cpu * 1000:.2f}",
            f"{cpu / our_cpu:.2f}" if our_cpu else "–",
            f"{used.database_cpu / used.steps * 1000:.2f}",
            f"{used.commits / used.steps:.2f}",
            f"{used.megabytes:.0f}",
            f"{used.connections}",
            f"{used.threads}",
            f"{used.whole_seconds:.2f}",
        ]
        rows.append([*row, f"{used.whole_seconds / ideal:.2f}"] if ideal else row)
    return table(title, head, rows, notes)


def latencies(title: str, results: list[tuple[str, Latencies]], notes: Iterable[str] = ()) -> str:
    head = ["", "median ms", "9 of 10 below", "of which in the call", "ratio"]
    ours = results[0][1]
    rows = [
        [
            name,
            f"{found.median:.1f}",
            f"{found.high:.1f}",
            f"{sorted(found.submitting)[len(found.submitting) // 2]:.1f}",
            f"{found.median / ours.median:.2f}",
        ]
        for name, found in results
    ]
    return table(title, head, rows, notes)


def versions(results: Iterable[tuple[str, dict[str, str]]]) -> str:
    """Each system's packages, once."""
    said = {name: ", ".join(f"{package} {number}" for package, number in found.items()) for name, found in results}
    return "\n".join(["Versions", "", *(f"  {name}: {packages}" for name, packages in said.items()), ""])
