"""What becomes of an action that was started, and whose outcome nobody recorded? Case by case, by its effect."""

from datetime import timedelta

from django.utils import timezone

from agents.engine import acting, calling, settling
from agents.engine.calling import NotDone, Unknown
from agents.engine.clock import backoff, margin
from agents.engine.leases import Lease
from agents.engine.parking import hand_over, park_in_doubt, reason
from agents.engine.story import Story
from agents.models import Action
from agents.states import ActionStatus, TaskStatus
from tools.registry import Effect, Tool, registry

MANY_LAPSES = 5
"""So many workers lost with one task, without progress between, and it is set aside for a person."""


def recover(lease: Lease, story: Story, action: Action) -> None:
    """Goes on with a started action: repeats it, asks the tool what happened, or asks a person."""
    tool = registry.get(action.tool) if action.tool in registry else None
    if tool is None:
        _doubt(lease, story, action, f"The tool {action.tool} is no longer registered here.")
    elif action.attempt_until is None or action.effect in (Effect.READ, Effect.IDEMPOTENT):
        acting.try_again(lease, story, action, tool)
    elif action.effect == Effect.RECONCILABLE:
        _reconcile(lease, story, action, tool)
    else:
        _doubt(lease, story, action, "The worker was lost while the call was under way.")


def set_aside(lease: Lease, story: Story) -> None:
    """Parks a task that has cost several workers their lives, so that it does not take the fleet down."""
    action = story.task.current_action
    message = f"A worker was lost with this task {story.task.lapses} times in a row. It does not run until you say so."
    with story.change(lease) as change:
        change.set(lapses=0)
        if action and action.status == ActionStatus.STARTED:
            park_in_doubt(change, action, message)
        else:
            hand_over(change, story.definition, reason("worker.lost_repeatedly", message))


def _doubt(lease: Lease, story: Story, action: Action, why: str) -> None:
    with story.change(lease) as change:
        park_in_doubt(change, action, why)


def _reconcile(lease: Lease, story: Story, action: Action, tool: Tool) -> None:
    """Asks the tool what happened, but only when the first call can't be under way any more."""
    with story.change(lease) as change:
        over = (action.attempt_until or change.now) + margin()
        if change.now < over:
            change.move(TaskStatus.WAITING, wake_at=over)
            return
    deadline = timezone.now() + timedelta(seconds=tool.deadline_seconds)
    context = calling.context_for(story.task.pk, action.idempotency_key, deadline)
    found = calling.reconcile(lease, tool, action.arguments, context)
    if isinstance(found, Unknown):
        _ask_later(lease, story, action, found.message)
        return
    with story.change(lease) as change:
        change.event("action.reconciled", action=action, happened=found.happened)
        if not found.happened:
            change.move_action(action, ActionStatus.STARTED, attempt_until=None)
    if found.happened:
        with lease.waiting(tool.deadline_seconds):
            outcome = calling.verified(tool, found.result, action.arguments, context)
        settling.record(lease, story, action, tool, outcome)
    elif backoff(action.attempts) is None:
        message = f"{tool.name} says that it did not happen, after {action.attempts} attempts."
        settling.record(lease, story, action, tool, NotDone(message))


def _ask_later(lease: Lease, story: Story, action: Action, message: str) -> None:
    """The tool can't say now whether it happened: ask again after a while, and in the end a person."""
    with story.change(lease) as change:
        wait = backoff(action.attempts)
        if wait is None:
            park_in_doubt(change, action, f"The tool could not say whether it happened: {message}")
            return
        change.move_action(action, ActionStatus.STARTED, attempts=action.attempts + 1)
        change.move(TaskStatus.WAITING, wake_at=change.now + wait)
