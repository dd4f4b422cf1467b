"""The loop: plan, validate, execute, verify. One task moves step by step for one time slice, then is given up."""

import time
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from agents.engine import acting, controlling, dispatch, leases, recovery, spans, turns
from agents.engine.by_hand import return_to_owner
from agents.engine.drain import draining
from agents.engine.leases import Lease
from agents.engine.parking import park_deadline, park_limit
from agents.engine.proposing import next_proposal
from agents.engine.story import Story, story_of
from agents.errors import LeaseLost
from agents.llm.base import CONTROL_TOOLS
from agents.privacy.scrubbing import one_task, speak_of
from agents.queue import others_wait
from agents.spending.ledger import give_up_open_calls
from agents.states import ActionStatus, TaskStatus

log = structlog.get_logger(__name__)


def work_once() -> bool:
    """Claims the best runnable task and moves it on for one time slice; False when there was none to take."""
    with turns.working():
        try:
            lease = None if draining() or leases.falls_behind() else _claim()
            if lease is None:
                return False
            with (
                structlog.contextvars.bound_contextvars(task=lease.task_id, token=lease.token),
                one_task(),
                spans.slice_of(lease.task_id),
            ):
                advance(lease)
            return True
        finally:
            connection.close()


def _claim() -> Lease | None:
    try:
        return leases.claim()
    except (DatabaseError, InterfaceError) as away:
        log.warning("claim.database_away", error=str(away)[:200])
        return None


def advance(lease: Lease) -> None:
    """Moves one task on until it parks, ends, waits, or its slice is over and others wait.

    A database that is away costs a moment. Any other exception that nobody foresaw leaves the lease to run out: the
    task is found again later, by whoever is alive, and after a few such losses it is set aside for a person.
    """
    until = time.monotonic() + settings.COUNTERSIGN_SLICE_SECONDS
    try:
        story = story_of(lease.claimed)
        speak_of(story.definition, [story.task.inputs, *((one.step.arguments, one.result) for one in story.past)])
        spans.name_agent(story.task)
        if story.task.fencing_token > 1:  # Before the first claim nobody asked for it, and nobody was lost with it.
            lease.write_put_off()
            give_up_open_calls(story.task.pk)
        while story.task.status == TaskStatus.RUNNING:
            step(lease, story)
            if story.task.status == TaskStatus.RUNNING and (draining() or time.monotonic() >= until):
                if draining() or others_wait():
                    leases.release(lease, story.task)
                    dispatch.hint()
                    return
                until = time.monotonic() + settings.COUNTERSIGN_SLICE_SECONDS
    except LeaseLost as lost:
        log.warning("lease.lost", why=str(lost))
        with suppress(Exception):
            lease.write_aside()
    except (OperationalError, InterfaceError) as away:
        log.warning("loop.database_away", error=str(away)[:200])
        leases.give_up(lease)
    except Exception:
        log.exception("loop.failed")
        with suppress(Exception):
            lease.write_put_off()  # What was read is not what failed, nor what was answered.
            lease.write_aside()
    finally:
        leases.let_go(lease)


def step(lease: Lease, story: Story) -> None:
    """One turn of the loop.

    1. An action that was started comes first: its outcome must be known before anything else happens.
    2. A requested cancel ends the task between steps.
    3. An approved action starts.
    4. A task that somebody has taken over goes back to its owner, unless they asked for a call.
    5. The deadline and the step limit park the task.
    6. Else the next proposal is made, judged, and carried out or parked.
    """
    task, action = story.task, story.task.current_action
    if task.lapses >= recovery.MANY_LAPSES:
        recovery.set_aside(lease, story)
    elif action and action.status == ActionStatus.STARTED:
        recovery.recover(lease, story, action)
    elif task.cancel_requested_at:
        with story.change(lease) as change:
            change.end_if_canceled()
    elif action and action.status == ActionStatus.APPROVED:
        acting.start_approved(lease, story, action)
    elif task.owner_id is not None and task.by_hand is None:
        return_to_owner(lease, story)
    elif task.deadline and task.deadline <= timezone.now():
        with story.change(lease) as change:
            park_deadline(change, story.definition)
    elif task.steps_taken >= task.max_steps:
        with story.change(lease) as change:
            park_limit(change, story.definition)
    elif (next_ := next_proposal(lease, story)) is not None:
        carry_out = controlling.control if next_.proposal.name in CONTROL_TOOLS else acting.propose_action
        carry_out(lease, story, next_)
