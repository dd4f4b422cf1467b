"""How does a real process die between two statements? It kills itself at the commit that it was told, or is cut off.

Started as a process of its own. It loads Django once, then reads orders from its standard input, one JSON object a
line, and forks a child for each, which lives one life: it does one thing with a database connection of its own, and
ends before or after its n-th commit, whatever code that commit belongs to; a statement that changes something outside
of a transaction is a commit of its own. Nothing of ours is patched. Instead of ending, it may be stopped there
(SIGSTOP), and end at its next commit when it is woken, or lose its connection to the database (CUT): then it never
learns whether that commit counts. Whoever is killed says where: which functions of the engine the commit belongs to.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import django

BEFORE = "before"
CUT = "CUT"
ENGINE = Path(__file__).resolve().parents[2] / "agents" / "engine"


Around = Callable[[Callable[[], object]], AbstractContextManager[None]]


def around_commits(around: Around, put: Callable[[Any, str, Any], object] = setattr) -> None:
    """Has each commit of this process take place within `around`, which is given what cuts its connection.

    Seen at Django's own end of a transaction; and, for a statement that is one by itself, where the driver takes it.
    """
    import psycopg
    from django.db import connection
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

    commit = BaseDatabaseWrapper._commit
    driver: Any = psycopg.Cursor if connection.vendor == "postgresql" else CursorWrapper
    name = "execute" if connection.vendor == "postgresql" else "_execute"
    execute = getattr(driver, name)

    def committed(here: BaseDatabaseWrapper) -> None:
        with around(lambda: here.connection.close()):
            commit(here)

    def executed(cursor: Any, sql: Any, *rest: Any, **options: Any) -> Any:
        if not (_is_alone(cursor) and str(sql).lstrip().startswith(("WITH", "INSERT", "UPDATE", "DELETE"))):
            return execute(cursor, sql, *rest, **options)
        with around(lambda: cursor.connection.close()):
            return execute(cursor, sql, *rest, **options)

    put(BaseDatabaseWrapper, "_commit", committed)
    put(driver, name, executed)


def _is_alone(cursor: Any) -> bool:
    return not cursor.db.in_atomic_block if hasattr(cursor, "db") else cursor.connection.autocommit


def engine_functions() -> Iterator[str]:
    """The functions of the engine that are under way, as `module.function`."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        place = Path(frame.f_code.co_filename)
        if place.parent == ENGINE:
            yield f"{place.stem}.{frame.f_code.co_name}"


def end_at(number: int, moment: str, by: str, then: str, within: str, say: int) -> Callable[[], int]:
    """Arranges what happens to this process at its commit of that number; 0 is never. Gives a counter of commits.

    Where a function of the engine is given, only commits that belong to it count.
    `then` is what happens at the commit after that, to one that was stopped and woken. `say` hears where it ends.
    """
    from django.db import OperationalError

    commits = 0

    @contextmanager
    def counting(cut: Callable[[], object]) -> Iterator[None]:
        nonlocal commits
        if within and within not in engine_functions():
            yield
            return
        commits += 1
        mine = commits == number
        if mine and moment == BEFORE:
            end(cut)
        yield
        if mine and moment != BEFORE:
            end(cut)

    def end(cut: Callable[[], object]) -> None:
        nonlocal number, by, then
        if by == CUT:
            cut()
            raise OperationalError("The connection was cut.")
        if by == "SIGKILL":
            os.write(say, json.dumps({"where": list(engine_functions())}).encode())
        os.kill(os.getpid(), signal.Signals[by])
        number, by, then = (number + 1, then, "") if then else (0, by, "")

    around_commits(counting)
    return lambda: commits


def work(**_: Any) -> None:
    """Does what there is to do; a claim that fails is made again, as the next message would."""
    from django.db import OperationalError

    from agents.engine.loop import work_once

    try:
        while work_once():
            pass
    except OperationalError:
        while work_once():
            pass


def submit(goal: str, person: str, key: str = "") -> None:
    from django.contrib.auth.models import User

    from agents import services

    services.submit(agent="desk", goal=goal, by=User.objects.get(username=person), idempotency_key=key)


def decide(request: int, person: str, answer: str) -> None:
    from django.contrib.auth.models import User

    from review.models import ReviewRequest
    from review.services import decide

    asked = ReviewRequest.objects.get(pk=request)
    decide(request, User.objects.get(username=person), answer, asked.digest)


VERBS: dict[str, Callable[..., None]] = {"work": work, "submit": submit, "decide": decide}


def live(order: dict[str, Any], say: int) -> None:
    """One life, in the child."""
    from django.conf import settings
    from django.db import connections

    for name, value in order["settings"].items():
        setattr(settings, name, value)
    os.environ.update(order["environment"])
    commits = end_at(*(order[name] for name in ("at", "moment", "by", "then", "within")), say)
    error = ""
    try:
        VERBS[order["verb"]](**order["arguments"])
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    connections.close_all()
    os.write(say, json.dumps({"commits": commits(), "error": error}).encode())


def give_birth(order: dict[str, Any]) -> tuple[int, int]:
    """Forks a child that lives by this order; gives its number and where its last words can be heard."""
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        os.close(hear)
        try:
            live(order, say)
        finally:
            os._exit(0)
    os.close(say)
    return child, hear


def outlive(child: int, hear: int) -> dict[str, Any]:
    """What became of a child: it was killed, stopped, or survived with so many commits."""
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"end": "stopped", "child": child, "commits": 0, "error": ""}
    with os.fdopen(hear) as words:
        said = words.read()
    if os.WIFSIGNALED(status):
        return {"end": "killed", "child": child, "commits": 0, "error": "", **json.loads(said or "{}")}
    return {"end": "survived", "child": child, **json.loads(said or '{"commits": 0, "error": "it died unasked"}')}


def main(answers: int) -> None:
    django.setup()
    stopped: dict[int, int] = {}
    with os.fdopen(answers, "w", buffering=1) as out:
        for line in sys.stdin:
            order = json.loads(line)
            if "wake" in order:
                child, hear = order["wake"], stopped.pop(order["wake"])
                os.kill(child, signal.SIGCONT)
            else:
                child, hear = give_birth(order)
            became = outlive(child, hear)
            if became["end"] == "stopped":
                stopped[child] = hear
            out.write(json.dumps(became) + "\n")
    for child in stopped:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
