"""How often did somebody do something lately? A counter in the cache, atomic in Redis, one process's own without."""

import time

from django.core.cache import cache


def window_of(name: str, seconds: int) -> tuple[str, float]:
    """The counter of the window of so many seconds that is open now, and how many of them are left."""
    now = time.time()
    return f"{name}:{int(now // seconds)}", seconds - now % seconds


def count(counter: str, seconds: int) -> int:
    """Counts one more, and says how many there are. Raises whatever a cache raises that is away."""
    if cache.add(counter, 1, timeout=2 * seconds):
        return 1
    try:
        return int(cache.incr(counter))
    except ValueError:
        return 1  # it ended between the two
