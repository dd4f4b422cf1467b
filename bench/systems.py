"""Which systems are compared, and by which commands is each run?"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.places import python_of
from bench.rivals.rows import FINISHED

SECRET = "only-for-the-bench-0123456789-abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Where:
    """What a process of a system is told, by its environment."""

    database: str
    redis: str
    model: str
    client: str = "light"
    slots: int = 0
    """How many tasks a worker has in hand at once; 0 is what the system's own documentation says."""
    door: int = 0
    """The loopback port of a system without a queue."""
    merged: bool = False
    """Model call and tool in one recorded step, where the documentation makes two."""
    settings: tuple[tuple[str, str], ...] = ()
    """Settings of Countersign beside its defaults, to find out what they do."""

    def environment(self) -> dict[str, str]:
        return {
            "BENCH_DATABASE_URL": self.database.replace("postgres://", "postgresql://"),
            "BENCH_REDIS_URL": self.redis,
            "BENCH_MODEL_URL": self.model,
            "BENCH_CLIENT": self.client,
            "BENCH_SLOTS": str(self.slots),
            "BENCH_DOOR": str(self.door),
            "BENCH_MERGED": "yes" if self.merged else "",
        }


def _nothing(where: Where) -> dict[str, str]:
    return {}


def _settings(where: Where) -> dict[str, str]:
    """Countersign's settings: those that must be given, and else its defaults."""
    given = {
        "COUNTERSIGN_ENV_FILE": "/dev/null",
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": "127.0.0.1",
        "COUNTERSIGN_PLAIN_HTTP": "true",
        "COUNTERSIGN_APPS": "bench.desk",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": where.database,
        "REDIS_URL": where.redis,
        "OPENAI_BASE_URL": f"{where.model}/v1",
        "OPENAI_API_KEY": "none",
        # As docs/sizing.md says: no fewer calls at once than there are slots. The default is 64.
        "OPENAI_CALLS_IN_FLIGHT": "1000",
    }
    slots = {"COUNTERSIGN_SLOTS": str(where.slots)} if where.slots else {}
    return given | slots | dict(where.settings)


@dataclass(frozen=True)
class System:
    """One system: its name in the table, and the commands that set it up, work and submit."""

    name: str
    title: str
    setup: tuple[tuple[str, ...], ...]
    worker: tuple[str, ...]
    submitter: tuple[str, ...]
    finished: str
    """SQL that counts the finished tasks; `%(last)s` is the number of LangGraph's last checkpoint."""
    slots: int
    """Tasks in hand at once while the model answers at once. Waiting for a model, each has a slot for every task."""
    settings: Callable[[Where], dict[str, str]] = _nothing
    requirements: str = ""
    merges: bool = False
    """Its documentation makes a step of the model call and one of the tool; the bench shows them merged as well."""

    def python(self) -> Path:
        """Its interpreter: of its own environment, or, for Countersign, this one."""
        return python_of(self.requirements) if self.requirements else Path(sys.executable)

    def command(self, words: tuple[str, ...], where: Where) -> list[str]:
        return [str(self.python()), *(word.format(slots=where.slots or self.slots) for word in words)]


def _rival(name: str, title: str, finished: str, **more: Any) -> System:
    """A system whose one module does everything."""
    module = ("-m", "bench.rivals", f"on_{name}")
    fields = {
        "setup": ((*module, "setup"),),
        "worker": (*module, "work"),
        "submitter": (*module, "submit"),
        "requirements": name,
        "slots": 20,
    }
    return System(name=name, title=title, finished=finished, **fields | more)


_CELERY = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")

_THREADS = ("--pool", "threads", "--concurrency", "{slots}")

COUNTERSIGN = System(
    name="countersign",
    title="Countersign",
    setup=(("manage.py", "migrate", "--verbosity", "0"), ("-m", "bench.desk.on_countersign", "setup")),
    worker=("-m", "celery", "-A", "config", "worker", *_CELERY),
    submitter=("-m", "bench.desk.on_countersign", "submit"),
    finished="SELECT count(*) FROM agents_agenttask WHERE status = 'complete'",
    slots=0,
    settings=_settings,
)
RIVALS = (
    _rival(
        "celery",
        "Celery + Redis, a row",
        FINISHED,
        worker=("-m", "celery", "-A", "bench.rivals.on_celery", "worker", *_THREADS, *_CELERY),
    ),
    _rival("procrastinate", "procrastinate, a row", FINISHED),
    _rival(
        "langgraph",
        "LangGraph + PostgreSQL",
        "SELECT count(*) FROM checkpoints WHERE metadata->>'step' = '%(last)s'",
        merges=True,
    ),
    _rival("dbos", "DBOS Transact", "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'", merges=True),
)
ALL = (COUNTERSIGN, *RIVALS)
