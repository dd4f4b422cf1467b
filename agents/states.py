"""Which states are there, and which changes between them are allowed? (No database here.)"""

from collections.abc import Mapping

from django.db.models import IntegerChoices, TextChoices


class TaskStatus(TextChoices):
    PENDING = "pending", "Pending"
    """Runnable now; no worker has it."""
    RUNNING = "running", "Running"
    """A worker holds its lease."""
    WAITING = "waiting", "Waiting"
    """Until `wake_at`: a backoff, a schedule, or a moment at which an outcome can be known."""
    NEEDS_REVIEW = "needs_review", "Needs review"
    """Parked for reviewers; exactly one open parking request."""
    NEEDS_INPUT = "needs_input", "Needs input"
    """Parked for the submitter, who was asked a question."""
    COMPLETE = "complete", "Complete"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


class ActionStatus(TextChoices):
    PROPOSED = "proposed", "Proposed"
    """Recorded, and nothing has been decided yet."""
    AWAITING_REVIEW = "awaiting_review", "Awaiting review"
    """A person is asked: before it starts, or about an effect that could not be verified."""
    APPROVED = "approved", "Approved"
    """Countersigned, not yet started; the approval is unused."""
    REJECTED = "rejected", "Rejected"
    STARTED = "started", "Started"
    """Written before the tool is called: from here on it may have happened."""
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"
    """Started, and nobody knows whether it happened."""
    SUPERSEDED = "superseded", "Superseded"
    """Replaced by an edit, denied at the start, or left behind when the task ended; it never started."""


class StepStatus(TextChoices):
    OPEN = "open", "Open"
    """What came of the proposal is not known yet."""
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    """Invalid, denied, rejected or failed: the next proposal sees the structured error."""


class StepKind(TextChoices):
    PLAN = "plan", "Plan"
    TOOL = "tool", "Tool"
    FINISH = "finish", "Finish"
    ASK = "ask", "Question"
    ESCALATE = "escalate", "Escalation"
    INVALID = "invalid", "Invalid answer"


class ParkedFor(TextChoices):
    """What reviewers are asked for while a task `needs_review`."""

    PLAN = "plan", "Plan"
    ACTION = "action", "Action"
    RESULT = "result", "Result"
    IN_DOUBT = "in_doubt", "In doubt"
    LIMIT = "limit", "Limit"
    ESCALATION = "escalation", "Escalation"
    TAKEOVER = "takeover", "Taken over"


class Priority(IntegerChoices):
    """Lower runs first."""

    HIGH = 10, "High"
    NORMAL = 20, "Normal"
    LOW = 30, "Low"


T, A = TaskStatus, ActionStatus

FINAL = frozenset({T.COMPLETE, T.FAILED, T.CANCELED})
PARKED = frozenset({T.NEEDS_REVIEW, T.NEEDS_INPUT})
CLAIMABLE = frozenset({T.PENDING, T.WAITING, T.RUNNING})
SETTLED_ACTION = frozenset({A.REJECTED, A.SUCCEEDED, A.FAILED, A.SUPERSEDED})
LIVE_ACTION = frozenset({A.PROPOSED, A.AWAITING_REVIEW, A.APPROVED, A.STARTED, A.IN_DOUBT})

TASK_CHANGES: Mapping[str, frozenset[TaskStatus]] = {
    T.PENDING: frozenset({T.RUNNING, T.CANCELED}),
    T.RUNNING: frozenset({T.PENDING, T.WAITING, *PARKED, *FINAL}),
    T.WAITING: frozenset({T.RUNNING, T.CANCELED}),
    T.NEEDS_REVIEW: frozenset({T.PENDING, T.NEEDS_REVIEW, T.COMPLETE, T.FAILED, T.CANCELED}),
    T.NEEDS_INPUT: frozenset({T.PENDING, T.CANCELED}),
    **{status: frozenset() for status in FINAL},
}

ACTION_CHANGES: Mapping[str, frozenset[ActionStatus]] = {
    A.PROPOSED: frozenset({A.AWAITING_REVIEW, A.STARTED, A.SUPERSEDED}),
    A.AWAITING_REVIEW: frozenset({A.APPROVED, A.REJECTED, A.SUPERSEDED, A.SUCCEEDED, A.FAILED}),
    A.APPROVED: frozenset({A.STARTED, A.AWAITING_REVIEW, A.SUPERSEDED}),
    A.STARTED: frozenset({A.STARTED, A.SUCCEEDED, A.FAILED, A.IN_DOUBT, A.AWAITING_REVIEW}),
    A.IN_DOUBT: frozenset({A.SUCCEEDED, A.FAILED}),
    **{status: frozenset() for status in SETTLED_ACTION},
}
