"""How do the engine's waits read the settings, and the database's clock do sums?"""

import functools
import random
from datetime import timedelta

from django.conf import settings
from django.db.models import DateTimeField
from django.db.models.functions import Now

from agents.rows import Kept

LONGEST_WAIT = 300.0
_jitter = random.SystemRandom()


@functools.lru_cache(maxsize=64)
def in_seconds(seconds: float) -> Kept:
    """So many seconds from now by the database's clock, as an expression."""
    return Kept(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def lease_seconds() -> float:
    return float(settings.COUNTERSIGN_LEASE_SECONDS)


def margin() -> timedelta:
    """How long after its deadline a call may still be under way on another host."""
    return timedelta(seconds=settings.COUNTERSIGN_MARGIN_SECONDS)


def backoff(attempts: int, retry_after: float | None = None) -> timedelta | None:
    """The wait after so many attempts (1, 2, …), or None when it is time to ask a person.

    A stated `retry_after` (seconds) is honoured up to five minutes.
    """
    waits = settings.COUNTERSIGN_BACKOFF_SECONDS
    if attempts > len(waits):
        return None
    return timedelta(seconds=max(waits[attempts - 1], min(retry_after or 0.0, 300.0)))


def patient_backoff(tries: int, retry_after: float | None = None, longest: float = LONGEST_WAIT) -> timedelta:
    """The wait after so many tries (1, 2, …) for something that is tried again for as long as somebody is patient.

    After the last of the settings' waits it doubles, up to the longest. A stated `retry_after` (seconds) is honoured
    up to that too. All of it with jitter, so that what was turned away together does not come back together.
    """
    waits = settings.COUNTERSIGN_BACKOFF_SECONDS
    beyond = max(tries - len(waits), 0)
    wait = waits[min(tries, len(waits)) - 1] * 2.0 ** min(beyond, 16)
    return timedelta(seconds=min(max(wait, retry_after or 0.0), longest) * _jitter.uniform(1.0, 1.25))
