"""Is this process alive, and can it serve? /livez and /readyz, for supervisors and load balancers."""

import functools
from collections.abc import Callable

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from agents import kill_switches
from agents.engine import leases

log = structlog.get_logger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

OK = "ok"
NO_ANSWER = "no answer"
SWITCHES = "kill_switches"


def health(get_response: Next) -> Next:
    """Answer the two addresses before anything else does: a probe comes by plain HTTP, to a bare address."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/livez":
            return JsonResponse({"status": OK})
        if request.path == "/readyz":
            return _readiness()
        return get_response(request)

    return middleware


def _readiness() -> JsonResponse:
    found = parts()
    ready = is_ready(found)
    return JsonResponse({"status": OK if ready else "not ready", **found}, status=200 if ready else 503)


def is_ready(found: dict[str, str]) -> bool:
    """It serves while kill switches are engaged, too: they are told, and decide nothing here."""
    return all(said == OK for part, said in found.items() if part != SWITCHES)


def parts() -> dict[str, str]:
    """What this process needs to serve, each `ok` or what is wrong with it; and whether anything is stopped."""
    found = {"database": NO_ANSWER, "migrations": "unknown", "worker": "unknown", SWITCHES: "unknown"}
    try:
        found = {"database": OK, "migrations": _migrations(), "worker": _worker(), SWITCHES: _switches()}
    except (DatabaseError, InterfaceError):
        log.warning("the database does not answer", exc_info=True)
    finally:
        connection.close()
    return found | {"cache": _answer("cache", _ask_cache), "broker": _answer("broker", _ask_broker)}


def _migrations() -> str:
    """Whether the database has the shape that this code is written for."""
    applied = MigrationRecorder(connection).applied_migrations()
    missing = sum(one not in applied for one in _migrations_of_this_code())
    return f"{missing} to be applied" if missing else OK


@functools.cache
def _migrations_of_this_code() -> frozenset[tuple[str, str]]:
    """Read once a process: code does not change under it."""
    return frozenset(MigrationLoader(None).graph.nodes)


def _worker() -> str:
    """Tasks are accepted without a worker, and lie there."""
    return OK if leases.anybody_alive() else "none is alive"


def _switches() -> str:
    return f"{kill_switches.engaged().count() or 'none'} engaged"


def _answer(name: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    # The clients of cache and broker raise their own errors, which differ from one backend to the next.
    except Exception:
        log.warning("a part does not answer", part=name, exc_info=True)
        return NO_ANSWER
    return OK


def _ask_cache() -> None:
    cache.set("countersign:readyz", OK, timeout=10)


def _ask_broker() -> None:
    with current_app.connection_for_write() as broker:
        broker.connect()
