"""What becomes of an action when its call is over? Succeeded, failed, tried again, in doubt, or before a person."""

import time

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q

from agents import signals
from agents.changes import Change, Parking, changing
from agents.engine import turns
from agents.engine.calling import Answered, NotDone, Outcome, TryLater, Unknown
from agents.engine.clock import backoff, margin
from agents.engine.leases import WORKER, Lease
from agents.engine.parking import hand_over, park_in_doubt, reason, refuse_step
from agents.engine.story import Story
from agents.errors import LeaseLost
from agents.models import Action, AgentTask
from agents.policy import spot_check_of
from agents.states import ActionStatus, ParkedFor, StepStatus, TaskStatus
from tools.registry import Effect, Tool

log = structlog.get_logger(__name__)

OUTCOME_UNKNOWN = "action.outcome_unknown"
"""The error code of an action of which some attempt may have happened."""


def doubted(action: Action) -> bool:
    """May an earlier attempt have happened, whatever later ones say of themselves? Reading changes nothing ever."""
    return action.effect != Effect.READ and (action.error or {}).get("code") == OUTCOME_UNKNOWN


def nothing_happened_yet(action: Action) -> bool:
    """Is no call in hand, and did every attempt so far say that nothing happened?"""
    return action.effect == Effect.READ or (action.attempt_until is None and not doubted(action))


def record(lease: Lease, story: Story, action: Action, tool: Tool, outcome: Outcome) -> None:
    """Records what came of a started action; an outcome that comes too late is journaled and changes nothing.

    The outcome is known, so a database that is away for a moment must not turn it into a doubt: while the lease is
    good, the recording is tried again.
    """
    now: Action | None = action
    while now is not None:
        try:
            with story.change(lease) as change:
                settle(change, story, now, tool, outcome)
            return
        except LeaseLost:
            _journal_late(action, outcome)
            raise
        except (OperationalError, InterfaceError) as away:
            log.warning("record.database_away", action=action.pk, error=str(away)[:200])
            now = _still_started(lease, story, action)


def _still_started(lease: Lease, story: Story, action: Action) -> Action | None:
    """Waits for the database; the action as it stands then, or None where the recording had gone through after all."""
    while True:
        lease.check()
        with turns.waiting():
            time.sleep(0.2)
        try:
            connection.close()
            if not story.read_again(lease.condition):
                return None
        except (OperationalError, InterfaceError):
            continue
        now = story.task.current_action
        return now if now == action and now is not None and now.status == ActionStatus.STARTED else None


def settle(change: Change, story: Story, action: Action, tool: Tool, outcome: Outcome) -> None:
    """What a started action becomes by what its call said, and where the task goes from there."""
    change.set(invalid_in_a_row=0)
    match outcome:
        case Answered():
            _settle_answer(change, story, action, tool, outcome)
        case NotDone(message) if doubted(action):
            park_in_doubt(change, action, f"An earlier attempt may have happened; the last one did not: {message}")
        case NotDone(message):
            fail(change, action, "tool.nothing_happened", message)
        case TryLater(message, retry_after):
            _wait(change, story, action, message, retry_after)
        case Unknown(message):
            _settle_unknown(change, story, action, tool, message)


def _settle_answer(change: Change, story: Story, action: Action, tool: Tool, answered: Answered) -> None:
    seen = {"result": answered.result, "verification": answered.verification}
    if answered.verified or (answered.verified is None and action.effect == Effect.READ):
        change.move_action(action, ActionStatus.SUCCEEDED, error=None, **seen)
        change.settle_step(action.step, StepStatus.DONE)
        _look_afterwards(change, story, action)
    elif action.effect == Effect.READ or tool.unverified != "review":
        change.move_action(action, ActionStatus.FAILED, **seen)
        message = f"{action.tool} answered, and its answer did not pass verification."
        refuse_step(
            change,
            action.step,
            "tool.unverified",
            message,
            result=answered.result,
            verification=answered.verification,
        )
    else:
        change.move_action(action, ActionStatus.AWAITING_REVIEW, attempt_until=None, **seen)
        if answered.verification is None:
            why = f"“{action.sentence}” ran, and the tool has no verifier: a person says whether it succeeded."
            code = "result.no_verifier"
        else:
            why = f"“{action.sentence}” ran, and its outcome did not pass verification."
            code = "result.unverified"
        change.park(Parking(ParkedFor.RESULT, reason(code, why), action.step, action, seen))


def _look_afterwards(change: Change, story: Story, action: Action) -> None:
    """Has a person look at an effect that nobody had to be asked about, where it was flagged or the lot says so."""
    if action.effect == Effect.READ or action.needs_approval:
        return
    why = spot_check_of(action.flagged, action.idempotency_key, story.definition)
    if why:
        signals.spot_check_due.send(
            sender=AgentTask, change=change, action=action, reasons=reason(why.code, why.message)
        )


def _settle_unknown(change: Change, story: Story, action: Action, tool: Tool, message: str) -> None:
    """Nobody knows whether it happened: repeat what is safe to repeat, ask who can know, else ask a person."""
    if action.effect == Effect.RECONCILABLE and action.attempt_until is not None:
        change.move(TaskStatus.WAITING, wake_at=max(action.attempt_until + margin(), change.now))
        change.event("action.outcome_unknown", action=action.pk, message=message)
    elif action.effect == Effect.ONCE:
        park_in_doubt(change, action, message)
    elif not _back_off(change, action, _error(OUTCOME_UNKNOWN, message)):
        _give_up(change, story, action, message)


def _wait(change: Change, story: Story, action: Action, message: str, retry_after: float | None) -> None:
    """Nothing happened this time: back off in the database, a few times; then a person is asked."""
    error = _error(OUTCOME_UNKNOWN if doubted(action) else "tool.unavailable", message)
    if not _back_off(change, action, error, retry_after):
        _give_up(change, story, action, message)


def _back_off(change: Change, action: Action, error: dict[str, str], retry_after: float | None = None) -> bool:
    """Puts the task to sleep until the next attempt; False when there have been enough."""
    wait = backoff(action.attempts, retry_after)
    change.move_action(action, ActionStatus.STARTED, attempt_until=None, error=error)
    if wait is None:
        return False
    change.move(TaskStatus.WAITING, wake_at=change.now + wait, notice=f"Waiting for {action.tool}: {error['message']}")
    return True


def _give_up(change: Change, story: Story, action: Action, message: str) -> None:
    """Hands a tool that stays down to a person, and tells the submitter what could not be done or checked."""
    known = f"{action.tool} did not answer in {action.attempts} attempts: {message}"
    if not nothing_happened_yet(action):
        park_in_doubt(change, action, known)
        return
    fail(change, action, "tool.unavailable", known)
    told = f"This could not be done or checked: {action.sentence}"
    hand_over(change, story.definition, reason("tool.unavailable", known), step=action.step, told=told)


def fail(change: Change, action: Action, code: str, message: str) -> None:
    """Ends a started action of which nothing happened; the next proposal sees why."""
    change.move_action(action, ActionStatus.FAILED, error=_error(code, message))
    refuse_step(change, action.step, code, message)


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _journal_late(action: Action, outcome: Outcome) -> None:
    """Writes down an outcome that came back to a worker that had lost its lease. Nothing else changes."""
    with changing(action.task_id, Q(), actor=f"worker:{WORKER}") as change:
        change.event("action.late_outcome", action=action.pk, outcome=type(outcome).__name__, detail=vars(outcome))
