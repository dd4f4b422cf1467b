"""How is Celery wired? One app; each worker sweeps for itself, and hands its tasks over when it stops."""

import os
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.signals import setup_logging, task_received, worker_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class Sweeping(bootsteps.StartStopStep):
    """A sweeper in each worker process, whoever started it: there is no single beat."""

    requires = ("celery.worker.components:Pool",)

    def create(self, worker: Any) -> Any:
        # Celery needs this module before Django's apps are loaded.
        from agents.engine import dispatch, interpreter
        from agents.engine.sweeper import Sweeper
        from agents.llm import providers

        def start(run: Callable[[], None]) -> None:
            worker.pool.apply_async(run, callback=lambda _: None)  # Celery calls one back in any case.

        by_threads = isinstance(worker.pool, ThreadPool)
        if by_threads:
            task_received.connect(dispatch.receive)
        providers.load(os.environ)
        interpreter.set_up()
        worker.sweeper = Sweeper(worker.concurrency, start, alone=by_threads)
        return worker.sweeper

    def close(self, worker: Any) -> None:
        """The worker was asked to stop: running slices hand their tasks over at their next step."""
        from agents.engine import drain

        drain.begin()

    def stop(self, worker: Any) -> None:
        """Nothing yet: the pool stops after this step, and until its slices end their leases must be kept."""

    def terminate(self, worker: Any) -> None:
        """Nothing yet, as above."""


@worker_shutdown.connect
def stop_sweeping(sender: Any, **_: Any) -> None:
    """The last slice has ended."""
    if sweeper := getattr(sender, "sweeper", None):
        sweeper.stop()


app.steps["worker"].add(Sweeping)


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery sets logging up unless someone listens to this signal. Django has set it up already."""
