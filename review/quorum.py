"""How many people must say yes to this request, and who of them counts?

The agent's rules say it (`approvals` of its definition), looked at with the exact arguments when the request opens,
and again with those of an edit. The submitter never counts, nor does a person whose own version is put to others.
"""

from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db.models import QuerySet

from agents.models import Action, AgentTask
from agents.policy import Quorum, quorum_for
from review.models import Answer, Decision, ReviewRequest

log = structlog.get_logger(__name__)

RUNS_IT = frozenset({Answer.APPROVE, Answer.RETRY, Answer.NOT_HAPPENED})
"""Answers after which the call runs: these need everybody who must approve it. Any one may say no."""


def quorum_of(task: AgentTask, tool: str, arguments: dict[str, Any]) -> Quorum:
    """Who must approve this call of a task's agent."""
    return quorum_for(tool, arguments, task.version.read()) or Quorum()


def missing_approvers(task: AgentTask, action: Action, quorum: Quorum, edited_by: int | None) -> dict[str, Any] | None:
    """The reason that nobody can approve this, for the request and the log; None where enough people can.

    Nothing is approved by fewer people meanwhile: the request stays open until it is rejected or people are added.
    """
    if quorum == Quorum() and edited_by is None:
        return None
    people = User.objects.with_perm("review.decide", backend="django.contrib.auth.backends.ModelBackend")
    people = people.exclude(pk=task.submitted_by_id).exclude(pk__in=[*editors(action.step_id), edited_by or 0])
    if quorum.group:
        people = people.filter(groups__name=quorum.group)
    there = people.distinct().count()
    if there >= quorum.needed:
        return None
    log.error("review.too_few_approvers", task=task.pk, needed=quorum.needed, group=quorum.group, there_are=there)
    message = (
        f"This can't be approved now: it needs {quorum}, and {there or 'nobody'} may. "
        "Give more people the right, or reject it."
    )
    return {"code": "approvals.too_few", "message": message, "rule": "review"}


def editors(step: int | None) -> QuerySet[ReviewRequest, int]:
    """The people whose versions of a step's call were put to others."""
    edited = ReviewRequest.objects.filter(step=step, edited_by__isnull=False)
    return edited.values_list("edited_by", flat=True)


def may_approve(request: ReviewRequest, person: User) -> str:
    """Why this person's yes would not count, though they may decide; empty when it does."""
    if request.approvers_group and not person.groups.filter(name=request.approvers_group).exists():
        return f"Only members of the group “{request.approvers_group}” can approve this."
    if request.step_id is not None and person.pk in editors(request.step_id):
        return "This is your version of the call, so somebody else approves it."
    return ""


def decided_by(request: ReviewRequest, person: User) -> str:
    """What this person has said to a request that waits for others; empty when nothing."""
    if request.approvals_needed <= 1:
        return ""
    said = request.decisions.filter(person=person).first()
    return f"You have said “{said.get_answer_display()}” already; others must too." if said else ""


def others_who_said(request: ReviewRequest, answer: Answer, but: User) -> list[User]:
    """Who else gave this answer to the request; whether each still counts is for the caller to say."""
    given = Decision.objects.filter(request=request, answer=answer).exclude(person=but).select_related("person")
    return [decision.person for decision in given]


def needs_others(request: ReviewRequest, person: User, arguments: dict[str, Any]) -> bool:
    """Must others approve this person's version of the call, or is the edit their own approval of it?"""
    if request.action is None:
        return False
    quorum = quorum_of(request.task, request.action.tool, arguments)
    is_member = not quorum.group or person.groups.filter(name=quorum.group).exists()
    edited_before = person.pk in editors(request.step_id)
    return max(quorum.needed, request.approvals_needed) > 1 or not is_member or edited_before
