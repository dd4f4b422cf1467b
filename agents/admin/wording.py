"""Where does a task stand, in words for whoever reads its page?"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from agents.kill_switches import engaged, why_stopped
from agents.models import AgentTask
from agents.states import ParkedFor, TaskStatus

PARKED = {
    ParkedFor.PLAN: "Waiting for a reviewer to approve the plan",
    ParkedFor.ACTION: "Waiting for a countersignature",
    ParkedFor.RESULT: "Waiting for a person to check a result",
    ParkedFor.IN_DOUBT: "Waiting for a person to find out whether an action happened",
    ParkedFor.LIMIT: "At its limit: a reviewer extends it, or ends it",
    ParkedFor.ESCALATION: "Handed over to a person",
}

STATUS = {
    TaskStatus.PENDING: ("In the queue", "A worker takes it as soon as one is free."),
    TaskStatus.RUNNING: ("Being worked on", ""),
    TaskStatus.NEEDS_INPUT: ("The agent has a question for the submitter", ""),
    TaskStatus.COMPLETE: ("Complete", ""),
    TaskStatus.FAILED: ("Ended without a result", ""),
    TaskStatus.CANCELED: ("Canceled", ""),
}


@dataclass(frozen=True)
class Standing:
    """One headline and what else there is to say about why the task is where it is."""

    headline: str
    details: tuple[str, ...] = ()


def standing(task: AgentTask, *, to_submitter: bool = False) -> Standing:
    """`to_submitter`: is it the submitter who reads this?"""
    headline, detail = _headline(task, to_submitter)
    said = [why_stopped(task, engaged()) or detail, task.notice, _cancel(task)]
    if task.status in (TaskStatus.FAILED, TaskStatus.CANCELED):
        said = [task.failure]
    return Standing(headline, tuple(one for one in dict.fromkeys(said) if one))


def _headline(task: AgentTask, to_submitter: bool) -> tuple[str, str]:
    match task.status:
        case TaskStatus.NEEDS_INPUT if to_submitter:
            return "The agent has a question for you", ""
        case TaskStatus.NEEDS_REVIEW if task.parked_for == ParkedFor.TAKEOVER:
            return f"{task.owner} works on this task", "The agent does nothing until it is given back."
        case TaskStatus.PENDING | TaskStatus.RUNNING if task.owner_id is not None:
            return f"{task.owner} works on this task", "A call that they asked for is being carried out."
        case TaskStatus.NEEDS_REVIEW:
            return PARKED[ParkedFor(task.parked_for)], ""
        case TaskStatus.WAITING:
            return "Waiting", f"It goes on at {_time(task.wake_at)}." if task.wake_at else ""
        case status:
            return STATUS[TaskStatus(status)]


def _cancel(task: AgentTask) -> str:
    if task.cancel_requested_at is None or task.is_final:
        return ""
    return (
        f"{task.cancel_requested_by} asked at {_time(task.cancel_requested_at)} to cancel it. "
        "It ends as soon as the action under way has an outcome."
    )


def _time(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M:%S}"
