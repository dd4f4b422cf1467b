"""How does a free worker hear that there is work? By a hint through the broker, which may be lost or come twice."""

import threading

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

_busy = 0
_busy_lock = threading.Lock()


def hint(count: int = 1) -> None:
    """Sends hints. A broker that can't be reached costs seconds, not tasks: the sweeper finds them in the database."""
    from agents.tasks import work

    for _ in range(count):
        try:
            work.apply_async(retry=False)
        except Exception as error:
            log.warning("hint.not_sent", error=str(error)[:200])
            return


def hint_after_commit() -> None:
    transaction.on_commit(hint)


def busy() -> int:
    """How many slots of this process have a hint in hand."""
    return _busy


class Slot:
    """Counts one slot of this process as busy while a hint is worked on."""

    def __enter__(self) -> None:
        global _busy
        with _busy_lock:
            _busy += 1

    def __exit__(self, *_: object) -> None:
        global _busy
        with _busy_lock:
            _busy -= 1
