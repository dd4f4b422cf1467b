"""What does each worker process do besides its tasks? It renews its leases, takes up work that nobody heard of, and
tells those outside what happened.

Every process has all its threads and none is special: there is no single beat. They are apart because a broker that
hangs must not let leases run out.
"""

import threading
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connection

from agents import retention, signals
from agents.audit import checkpoints
from agents.engine import dispatch, drain, leases
from agents.engine.clock import lease_seconds
from agents.engine.liveness import Life
from agents.engine.loop import work_once
from agents.engine.one_cpu import OneCpu
from agents.outgoing.courier import Courier
from agents.queue import claimable
from agents.spending import housekeeping

log = structlog.get_logger(__name__)

HOUSEKEEPING_SECONDS = 60.0
CROWDED_SECONDS = 1.0


class Sweeper:
    """The threads of one process with `slots` slots, of which `start` lets one run something.

    `alone`: the process does nothing but work on tasks, by threads.
    """

    def __init__(self, slots: int, start: Callable[[Callable[[], None]], object], *, alone: bool = False) -> None:
        self.slots = slots
        self._start = start
        self._cpu = OneCpu() if alone else None
        self._stopped = threading.Event()
        self._life = Life(slots)
        self._courier = Courier()
        self._threads = [
            threading.Thread(target=self._every, args=(seconds, run), name=run.__name__, daemon=True)
            for seconds, run in (
                (settings.COUNTERSIGN_SWEEP_SECONDS, self.sweep),
                (settings.COUNTERSIGN_SWEEP_SECONDS, self.tell),
                (settings.COUNTERSIGN_SWEEP_SECONDS, self.post),
                (leases.ASIDE_SECONDS, self.settle),
                *([(CROWDED_SECONDS, self._cpu.look)] if self._cpu else []),
                (lease_seconds() / 3, self.keep),
                (HOUSEKEEPING_SECONDS, self.keep_house),
            )
        ]

    def start(self) -> None:
        drain.end()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops all threads and says in the database that this process is gone."""
        self._stopped.set()
        self._courier.close()
        for thread in self._threads:
            thread.join(timeout=10)
        if self._cpu is not None:
            self._cpu.leave()
        try:
            self._life.end()
            leases.sign_off()
        except Exception as error:
            log.warning("sweeper.sign_off_failed", error=str(error)[:200])
        finally:
            connection.close()

    def sweep(self) -> None:
        """Ends the leases of the dead, and lets idle slots look for tasks, as many as no busy one is about to take.

        No broker is needed for that: where it is away, this is how tasks are found.
        """
        self._life.sweep()
        leases.give_back()
        busy = dispatch.busy()
        idle, about_to = self.slots - busy, max(busy - leases.held(), 0)
        if idle <= 0 or drain.draining():
            return
        # In no order, so that the database stops counting there.
        left = claimable().order_by().values("pk")[: idle + about_to].count() - about_to
        dispatch.hear()
        for _ in range(left):
            self._start(dispatch.occupied(_look))

    def settle(self) -> None:
        """Writes what tasks put aside whose tools take long."""
        leases.write_asides()

    def tell(self) -> None:
        """Tells those outside who asked for it what happened."""
        if not drain.draining():
            self._courier.round()

    def post(self) -> None:
        """Lets the rooms above send what is due. It may take long: a mail server that hangs keeps nobody else."""
        if not drain.draining():
            signals.post_goes_out.send(sender=Sweeper)

    def keep(self) -> None:
        """Renews the leases of this process and its heartbeat."""
        leases.heartbeat(self.slots)
        leases.sign_off_silent()
        leases.keep()

    def keep_house(self) -> None:
        """What has to be done now and then, by whoever looks first; then the other rooms are told that time passed."""
        housekeeping.keep_house()
        checkpoints.checkpoint_if_due()
        retention.remove_old()
        signals.time_passed.send_robust(sender=Sweeper)

    def _every(self, seconds: float, run: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            try:
                run()
            except Exception as error:
                # A database that is away comes back; until then there is nothing to sweep and no lease to keep.
                log.warning("sweeper.failed", job=run.__name__, error=str(error)[:200])
            finally:
                connection.close()
            self._stopped.wait(seconds)


def _look() -> None:
    """Nobody asks for the result of what a slot was let run, so that it says itself what went wrong."""
    try:
        work_once()
    except Exception:
        log.exception("look.failed")
