"""How does a Celery worker run inside the web process? In a thread, stopped by a flag and joined."""

import threading
from collections.abc import Callable
from typing import Any

from celery.worker import state as worker_state

from config.celery import app

# Celery declares the flag as None and reads exit codes from it.
state: Any = worker_state


class EmbeddedWorker:
    """One worker with a pool of threads. `on_end` is called in its thread when it ends, asked or not."""

    def __init__(self, slots: int, on_end: Callable[[], None]) -> None:
        self.slots = slots
        self._on_end = on_end
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self, timeout: float = 30) -> bool:
        """Start it, and wait until it takes messages. False if it does not in so many seconds."""
        state.should_stop = None
        self._thread.start()
        return self._ready.wait(timeout)

    def stop(self, timeout: float = 60) -> bool:
        """Ask it to finish what is in its slots, and wait. False if something still runs after that time."""
        state.should_stop = 0
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        controller = app.WorkController(
            pool="threads",
            concurrency=self.slots,
            ready_callback=lambda _: self._ready.set(),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        try:
            controller.start()
        finally:
            self._on_end()
