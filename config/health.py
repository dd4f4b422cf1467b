"""Is this process alive, and can it serve? /livez and /readyz, for supervisors and load balancers."""

from collections.abc import Callable

import structlog
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse

log = structlog.get_logger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]


def health(get_response: Next) -> Next:
    """Answer the two addresses before anything else does: a probe comes by plain HTTP, to a bare address."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/livez":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            return _readiness()
        return get_response(request)

    return middleware


def _readiness() -> JsonResponse:
    parts = {"database": _database_answers(), "cache": _cache_answers()}
    ready = all(parts.values())
    words = {name: "ok" if answers else "no answer" for name, answers in parts.items()}
    return JsonResponse({"status": "ok" if ready else "not ready", **words}, status=200 if ready else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.warning("the database does not answer", exc_info=True)
        return False
    finally:
        connection.close()
    return True


def _cache_answers() -> bool:
    try:
        cache.set("countersign:readyz", "ok", timeout=10)
    # The cache's client raises its own errors, which differ from one backend to the next.
    except Exception:
        log.warning("the cache does not answer", exc_info=True)
        return False
    return True
