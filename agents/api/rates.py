"""How often may a key call? So many times a minute; the counter is atomic in Redis, and one process's own without."""

import structlog
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from agents.counting import count, window_of
from agents.models import ApiKey

log = structlog.get_logger(__name__)

WINDOW = 60


class KeyRate(BaseThrottle):
    """One counter for each key, or each person with a session, and each minute."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        who = f"key:{request.auth.pk}" if isinstance(request.auth, ApiKey) else f"user:{request.user.pk}"
        counter, self._left = window_of(f"api-rate:{who}", WINDOW)
        return _count(counter) <= settings.COUNTERSIGN_API_REQUESTS_PER_MINUTE

    def wait(self) -> float:
        return self._left


def _count(counter: str) -> int:
    """Counts one call. A cache that is away lets calls through: a limit is not worth an outage."""
    try:
        return count(counter, WINDOW)
    except Exception as error:
        log.warning("rate.not_counted", error=str(error)[:200])
        return 0
