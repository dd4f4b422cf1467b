"""Which events does the world outside hear of, and what does each one say? What is not named here stays inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.models import TaskEvent
from agents.states import ActionStatus, ParkedFor, TaskStatus

Schema = dict[str, Any]
_STEP: Schema = {"type": "integer", "description": "The number of the step."}
_STATUS: Schema = {"type": "string", "enum": list(TaskStatus.values)}
_ERROR: Schema = {"description": "Why: an object with `code` and `message`."}


@dataclass(frozen=True)
class Told:
    """One kind of event: what it means, and the fields of its data."""

    kind: str
    means: str
    fields: Mapping[str, Schema] = field(default_factory=dict)


def _action(status: ActionStatus, means: str) -> Told:
    fields = {
        "action": {"type": "integer", "description": "The action's id."},
        "tool": {"type": "string"},
        "step": _STEP,
        "attempt": {"type": "integer", "description": "Counts the starts of this action."},
        "error": _ERROR,
    }
    return Told(f"action.{status}", means, fields)


_REVIEW: dict[str, Schema] = {
    "request": {"type": "integer", "description": "The id of the review request."},
    "kind": {"type": "string", "enum": [*ParkedFor.values, "spot_check"]},
}
_DUE: Schema = {"type": "string", "format": "date-time", "description": "When it is, or was, to be answered."}

CATALOGUE: dict[str, Told] = {
    told.kind: told
    for told in (
        Told("task.created", "A task was accepted.", {"agent": {"type": "string"}, "version": {"type": "integer"}}),
        Told("task.state_changed", "The task's status changed.", {"was": _STATUS, "now": _STATUS}),
        Told(
            "task.stopped",
            "A kill switch stopped the agent while it worked; the task waits until that is lifted.",
            {"message": {"type": "string", "description": "Why, as the one said who engaged it."}},
        ),
        Told("task.cancel_requested", "Somebody asked for an end; it comes when nothing is under way."),
        Told("task.taken_over", "A person works on the task, and the agent does nothing."),
        Told("task.given_back", "The agent goes on with what the person told it."),
        Told("plan.proposed", "The agent proposed a plan.", {"step": _STEP}),
        Told(
            "plan.accepted",
            "A plan is in force.",
            {"step": _STEP, "steps": {"type": "integer", "description": "How many steps it has."}},
        ),
        Told("question.asked", "The agent asks the submitter.", {"step": _STEP, "question": {"type": "string"}}),
        Told("question.answered", "The submitter answered.", {"step": _STEP}),
        _action(ActionStatus.PROPOSED, "An action was proposed and may run."),
        _action(ActionStatus.AWAITING_REVIEW, "A person is asked about an action."),
        _action(ActionStatus.APPROVED, "A person approved an action."),
        _action(ActionStatus.REJECTED, "A person rejected an action; it never runs."),
        _action(ActionStatus.STARTED, "An action was started: from here on it may have happened."),
        _action(ActionStatus.SUCCEEDED, "An action happened, and was verified or accepted."),
        _action(ActionStatus.FAILED, "An action failed."),
        _action(ActionStatus.IN_DOUBT, "Nobody knows whether an action happened; a person finds out."),
        _action(ActionStatus.SUPERSEDED, "An action was left behind and never runs."),
        Told("review.opened", "People are asked something about the task.", _REVIEW),
        Told("review.decided", "A person decided.", _REVIEW),
        Told("review.withdrawn", "The task moved on, so nothing is to be decided any more.", _REVIEW),
        Told("review.due_soon", "Nobody has decided yet, and it is due soon.", _REVIEW | {"due_at": _DUE}),
        Told(
            "review.delegated",
            "Somebody handed it on, to a person or to a group.",
            _REVIEW | {"group": {"type": "string", "description": "Empty where it went to a person."}},
        ),
        Told("review.given_up", "The person whose it was to answer gave it back to all.", _REVIEW),
        Told(
            "review.escalated",
            "It was due, and went to another group.",
            _REVIEW | {"group": {"type": "string"}, "due_at": _DUE},
        ),
        Told("review.expired", "Nobody decided in time.", _REVIEW),
        Told(
            "limit.extended",
            "A person let the task go on.",
            {"by_steps": {"type": "integer"}, "max_steps": {"type": "integer"}},
        ),
        Told(
            "deadline.extended",
            "A person gave the task more time.",
            {"until": {"type": "string", "format": "date-time"}},
        ),
        Told(
            "budget.warning",
            "Most of the task's own budget is used.",
            {
                "unit": {"type": "string", "enum": ["dollars", "tokens"]},
                "used": {"type": "string", "description": "In the unit, as a decimal number."},
                "most": {"type": "string", "description": "What the budget allows, like `used`."},
            },
        ),
    )
}

TYPES = list(CATALOGUE)

OUTCOMES = frozenset(
    {TaskStatus.NEEDS_REVIEW, TaskStatus.NEEDS_INPUT, TaskStatus.COMPLETE, TaskStatus.FAILED, TaskStatus.CANCELED}
)
"""What a callback hears of: people are needed, the submitter is, or it is over."""


def tells_outcome(kind: str, data: Mapping[str, Any]) -> bool:
    return kind == "task.state_changed" and data.get("now") in OUTCOMES


def as_json(event: TaskEvent) -> dict[str, Any]:
    """The event as everybody outside gets it, whichever way."""
    told = CATALOGUE[event.kind]
    return {
        "type": event.kind,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "task": event.task_id,
            "number": event.number,
            **{name: event.data[name] for name in told.fields if name in event.data},
        },
    }
