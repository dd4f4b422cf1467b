"""Who sends? Each worker process, with a few threads of its own: a slow target takes none from the loop."""

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import connection

from agents.outgoing import delivering, relaying
from agents.outgoing.models import Delivery, Endpoint

log = structlog.get_logger(__name__)

SENDERS = 8
PER_ENDPOINT = 3
"""How many at once to one endpoint that answers; one that does not is tried with a single one."""


class Courier:
    """Reads the journal on and sends what is due. `round` is called by one thread, again and again."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._lock = threading.Lock()
        self._on_the_way: dict[int, int] = {}

    def round(self) -> None:
        while relaying.relay():
            pass
        for endpoint in delivering.endpoints_with_due():
            free = self._free(endpoint)
            for delivery in delivering.due(endpoint).order_by("due_at", "id")[:free]:
                if delivering.claim(delivery):
                    self._hand_over(delivery)

    def close(self) -> None:
        """Sends nothing more. What is on its way is sent again by somebody else, under the same id."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _free(self, endpoint: Endpoint) -> int:
        """How many more may go to this endpoint now, as far as senders are free."""
        most = 1 if endpoint.failures_in_a_row else PER_ENDPOINT
        with self._lock:
            idle = SENDERS - sum(self._on_the_way.values())
            return max(0, min(idle, most - self._on_the_way.get(endpoint.pk, 0)))

    def _hand_over(self, delivery: Delivery) -> None:
        with self._lock:
            self._on_the_way[delivery.endpoint_id] = self._on_the_way.get(delivery.endpoint_id, 0) + 1
        self._pool.submit(self._send, delivery)

    def _send(self, delivery: Delivery) -> None:
        try:
            delivering.send(delivery)
        except Exception as error:
            # It is due again when its lease ends.
            log.warning("webhook.not_sent", delivery=delivery.message_id, error=str(error)[:200])
        finally:
            connection.close()
            with self._lock:
                left = self._on_the_way[delivery.endpoint_id] - 1
                self._on_the_way[delivery.endpoint_id] = left
                if not left:
                    del self._on_the_way[delivery.endpoint_id]
