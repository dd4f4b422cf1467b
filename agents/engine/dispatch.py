"""How does a free worker hear that there is work? By a hint through the broker, which may be lost or come twice."""

import threading
from collections.abc import Callable

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

_busy = 0
_busy_lock = threading.Lock()


def hint() -> None:
    """Sends a hint. A broker that can't be reached costs seconds, not tasks: the sweeper finds them in the database."""
    from agents.tasks import work

    try:
        work.apply_async(retry=False)
    except Exception as error:
        log.warning("hint.not_sent", error=str(error)[:200])


def hint_after_commit() -> None:
    transaction.on_commit(hint)


def occupied(run: Callable[[], object]) -> Callable[[], None]:
    """What a slot of this process is to do. It counts as busy from now on, until that is over."""
    _count(1)

    def running() -> None:
        try:
            run()
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
