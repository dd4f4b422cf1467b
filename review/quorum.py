"""How many people must say yes to this request, and who of them counts?

The agent's rules say it (`approvals` of its definition), looked at with the exact arguments when the request opens,
and again with those of an edit. The submitter never counts, nor does a person whose own version is put to others, nor
the owner of a task that was taken over: the calls in it are theirs.
"""

from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db.models import QuerySet

from agents.models import Action, AgentTask
from agents.policy import Quorum, quorum_for, quorum_of_question
from review.models import Answer, Decision, ReviewRequest

log = structlog.get_logger(__name__)

RUNS_IT = frozenset({Answer.APPROVE, Answer.RETRY, Answer.NOT_HAPPENED})
"""Answers after which the call runs: these need everybody who must approve it. Any one may say no."""
GOES_ON = RUNS_IT | {Answer.EXTEND, Answer.RESPOND}
"""Answers that are for the members of a request's group alone."""


def quorum_of(task: AgentTask, tool: str, arguments: dict[str, Any]) -> Quorum:
    """Who must approve this call of a task's agent."""
    return quorum_for(tool, arguments, task.version.read()) or Quorum()


def quorum_about(task: AgentTask, kind: str, action: Action | None) -> Quorum:
    """Who must answer this question about a task so that it goes on."""
    if action is not None:
        return quorum_of(task, action.tool, action.arguments)
    return quorum_of_question(kind, task.version.read()) or Quorum()


def missing_approvers(
    task: AgentTask, action: Action | None, quorum: Quorum, edited_by: int | None
) -> dict[str, Any] | None:
    """The reason that nobody can approve this, for the request and the log; None where enough people can.

    Nothing is approved by fewer people meanwhile: the request stays open until it is rejected or people are added.
    """
    people = people_who_may(task, quorum.group)
    if action is not None:
        people = people.exclude(pk__in=[*editors(action.step_id), edited_by or 0, task.owner_id or 0])
    there = len(people.values_list("pk", flat=True)[: quorum.needed])
    if there >= quorum.needed:
        return None
    log.error("review.too_few_approvers", task=task.pk, needed=quorum.needed, group=quorum.group, there_are=there)
    message = (
        f"This can't be approved now: it needs {quorum}, and {there or 'nobody'} may. "
        "Give more people the right, or reject it."
    )
    return {"code": "approvals.too_few", "message": message, "rule": "review"}


def people_who_may(task: AgentTask, group: str = "") -> QuerySet[User]:
    """Who may decide about a task: of this group, if one is named."""
    people = User.objects.with_perm("review.decide", backend="django.contrib.auth.backends.ModelBackend")
    people = people.exclude(pk=task.submitted_by_id).order_by("username")
    return people.filter(groups__name=group).distinct() if group else people.distinct()


def editors(step: int | None) -> QuerySet[ReviewRequest, int]:
    """The people whose versions of a step's call were put to others."""
    edited = ReviewRequest.objects.filter(step=step, edited_by__isnull=False)
    return edited.values_list("edited_by", flat=True)


def may_approve(request: ReviewRequest, person: User) -> str:
    """Why this person's yes would not count, though they may decide; empty when it does."""
    groups = groups_that_approve(request)
    if groups and not person.groups.filter(name__in=groups).exists():
        named = " or ".join(f"“{group}”" for group in groups)
        return f"Only members of the group {named} can say this here."
    if request.step_id is not None and person.pk in editors(request.step_id):
        return "This is your version of the call, so somebody else approves it."
    return ""


def groups_that_approve(request: ReviewRequest) -> tuple[str, ...]:
    """Of which groups who approves must be; none: whoever may decide. Escalated, a request is the other group's too."""
    if not request.approvers_group:
        return ()
    others = (request.escalate_to,) if request.escalated_at and request.escalate_to else ()
    return (request.approvers_group, *others)


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
    groups = {quorum.group, *groups_that_approve(request)[1:]}
    is_member = not quorum.group or person.groups.filter(name__in=groups).exists()
    edited_before = person.pk in editors(request.step_id)
    # Who edits types no password for what had not asked for one: whoever approves their version does.
    unproven = quorum.password and not request.password_again
    is_owner = request.task.owner_id == person.pk
    several = max(quorum.needed, request.approvals_needed) > 1
    return several or not is_member or edited_before or unproven or is_owner
