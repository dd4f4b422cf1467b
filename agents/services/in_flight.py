"""Is a request with this idempotency key being worked on at this moment? Only one is; another is told so at once."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from agents.errors import KeyInFlight

_here: set[tuple[int, str]] = set()
_here_lock = threading.Lock()


@contextmanager
def alone(owner: int, key: str) -> Iterator[None]:
    """One transaction for the only request with this key of this owner. Raises KeyInFlight beside another one.

    On PostgreSQL a lock that ends with the transaction says so to all processes, whatever dies. SQLite serves one
    process, which remembers it.
    """
    if not key:
        with transaction.atomic():
            yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            _lock(owner, key)
            yield
    else:
        with _remembered(owner, key), transaction.atomic():
            yield


def _lock(owner: int, key: str) -> None:
    name = hashlib.sha256(f"idempotency:{owner}:{key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name[:8], "big", signed=True)])
        if not cursor.fetchone()[0]:
            raise _in_flight(key)


@contextmanager
def _remembered(owner: int, key: str) -> Iterator[None]:
    with _here_lock:
        if (owner, key) in _here:
            raise _in_flight(key)
        _here.add((owner, key))
    try:
        yield
    finally:
        with _here_lock:
            _here.remove((owner, key))


def _in_flight(key: str) -> KeyInFlight:
    return KeyInFlight(
        f"A request with the idempotency key “{key}” is being worked on at this moment. "
        "Send the same request again in a second: it gets that one's answer.",
        field="idempotency_key",
    )
