"""How does a free worker hear that there is work? By a hint through the broker, which may be lost or come twice."""

import threading
import time
from collections.abc import Callable

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

_busy = 0
_busy_lock = threading.Lock()
_heard_at = 0.0
"""When this process last heard that there is work, in its own monotonic seconds."""
_received = False
"""Does this process say so when a hint arrives? One that is handed its hints by another can't."""
_nothing_at = -1.0
"""When the last look that found nothing to take began, by the same clock."""


def hint() -> None:
    """Sends a hint. A broker that can't be reached costs seconds, not tasks: the sweeper finds them in the database."""
    from agents.tasks import work

    try:
        work.apply_async(retry=False)
    except Exception as error:
        log.warning("hint.not_sent", error=str(error)[:200])


def hint_after_commit() -> None:
    transaction.on_commit(hint)


def hear() -> None:
    """There is word of work: whoever looks from now on asks the database."""
    global _heard_at
    _heard_at = time.monotonic()


def receive(**_: object) -> None:
    """A hint has arrived in this process, which will carry it out when a slot is free."""
    global _received
    _received = True
    hear()


def carry_out_hint(look: Callable[[], object]) -> None:
    """What a hint sets off. Its news is as old as the hint, where this process is who received it."""
    if not _received:
        hear()
    occupied(look)()


def nothing_found(began: float) -> None:
    """A look that began then found nothing to take. Those that were told of work before need not look, too."""
    global _nothing_at
    _nothing_at = began


def occupied(look: Callable[[], object]) -> Callable[[], None]:
    """What a slot of this process is to do. It counts as busy from now on, until that is over.

    After a flood there are as many hints left as there were tasks, and nobody needs to look for each.
    """
    _count(1)

    def running() -> None:
        try:
            if _nothing_at <= _heard_at:
                look()
        finally:
            _count(-1)

    return running


def busy() -> int:
    """How many slots of this process have something to do."""
    return _busy


def _count(more: int) -> None:
    global _busy
    with _busy_lock:
        _busy += more
