"""The Celery tasks: thin, and every one of them may be lost or come twice."""

from celery import shared_task

from agents.engine import dispatch
from agents.engine.loop import work_once


@shared_task(ignore_result=True)
def work() -> None:
    """A hint that there is work: takes the best runnable task and moves it on for one time slice."""
    dispatch.carry_out_hint(work_once)
