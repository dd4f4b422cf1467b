"""What did a system use? Read from outside: CPU and memory from /proc, connections and commits from PostgreSQL.

The database's CPU is that of the backends of the system's own database. The server's other processes (the WAL writer,
the checkpointer) work for all databases and are left out.
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.05
"""Seconds between two looks at the server's backends."""


def family(pid: int) -> list[int]:
    """A process and all its descendants that are alive."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, look = [], [pid]
    while look:
        one = look.pop()
        found.append(one)
        look += parents.get(one, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes with all their threads; those that ended count nothing."""
    return sum((int(stat[11]) + int(stat[12])) / TICKS for stat in map(_stat, pids) if stat)


def peak_megabytes(pids: list[int]) -> float:
    """The most memory that these processes ever held (VmHWM)."""
    return sum(_status(pid, "VmHWM") for pid in pids) / 1024


def threads(pids: list[int]) -> int:
    return sum(_status(pid, "Threads") for pid in pids)


def commits(server: str, database: str) -> int:
    """Transactions that the database has committed so far, those that only read among them.

    A session reports its own when it ends, or after a while: ask when the sessions have ended.
    """
    with psycopg.connect(server, autocommit=True) as connection:
        asked = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"
        row = connection.execute(asked, (database,)).fetchone()
    assert row is not None
    return int(row[0])


@dataclass
class Backends:
    """Watches the backends of one database: their CPU, and the most there were at once."""

    server: str
    database: str
    most: int = 0
    _seen: dict[int, float] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Backends":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._connection = psycopg.connect(self.server, autocommit=True)
        self._look()
        self._before = dict(self._seen)
        self.most = 0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._look()
        self._connection.close()

    @property
    def cpu_seconds(self) -> float:
        """What they used since the watch began."""
        return sum(used - self._before.get(pid, 0.0) for pid, used in self._seen.items())

    def _watch(self) -> None:
        while not self._stopped.wait(EVERY):
            self._look()

    def _look(self) -> None:
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        pids = [pid for (pid,) in self._connection.execute(asked, (self.database,))]
        self.most = max(self.most, len(pids))
        for pid in pids:
            if stat := _stat(pid):
                self._seen[pid] = (int(stat[11]) + int(stat[12])) / TICKS


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/…/stat from the state on: [0] state, [1] parent, [11] and [12] user and system time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
