"""How does a person claim and decide? The only door: permission, digest and kind are checked here, under lock."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.functions import Now

from agents import services
from agents.changes import Change
from agents.errors import Invalid, NotAllowed, Stale
from agents.privacy.showing import refuse_masks
from agents.services.resuming import Approval
from agents.storable import storable
from review import requests
from review.audit import decision_digest
from review.difference import difference
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest, Via
from review.password import Proof
from review.quorum import GOES_ON, RUNS_IT, decided_by, may_approve, needs_others, others_who_said

ANSWERS: dict[str, tuple[Answer, ...]] = {
    Kind.PLAN: (Answer.APPROVE, Answer.REJECT, Answer.TAKE_OVER, Answer.TERMINATE),
    Kind.ACTION: (Answer.APPROVE, Answer.EDIT, Answer.REJECT, Answer.TAKE_OVER, Answer.TERMINATE),
    Kind.RESULT: (Answer.ACCEPT, Answer.RETRY, Answer.TAKE_OVER, Answer.TERMINATE),
    Kind.IN_DOUBT: (Answer.HAPPENED, Answer.NOT_HAPPENED, Answer.TERMINATE),
    Kind.LIMIT: (Answer.EXTEND, Answer.TAKE_OVER, Answer.TERMINATE),
    Kind.ESCALATION: (Answer.RESPOND, Answer.TAKE_OVER, Answer.TERMINATE),
    Kind.SPOT_CHECK: (Answer.FINE, Answer.NOT_FINE),
    Kind.TAKEOVER: (Answer.CALL, Answer.FINISH, Answer.GIVE_BACK, Answer.TAKE_OVER, Answer.TERMINATE),
}
"""What a person may say to each kind of request."""

CLAIM = timedelta(minutes=15)


@dataclass(frozen=True)
class Given:
    """What a person filled in: each answer reads what it needs and says what is missing."""

    comment: str = ""
    tool: str = ""
    arguments: dict[str, Any] | None = None
    summary: str = ""
    """What the person did before giving the task back."""
    result: Any = None
    steps: int = 0
    amount: Decimal | None = None
    """Dollars or tokens for a budget; None is what the request suggests."""
    deadline: datetime | None = None
    """A task's new deadline; None is what the request suggests."""
    details: dict[str, Any] = field(default_factory=dict)
    proof: Proof | None = None
    """That the person typed their password just now, where the request wants it."""


def may_decide(request: ReviewRequest, person: User) -> str:
    """Why this person may not decide this request, or not once more; empty when they may."""
    return _may_take_part(request, person) or decided_by(request, person)


def _may_take_part(request: ReviewRequest, person: User) -> str:
    extends = budget_of(request) is not None and person.has_perm("agents.extend_budget")
    if not person.is_active or not (person.has_perm("review.decide") or extends):
        return "You don't have the permission to decide review requests."
    if request.task.submitted_by_id == person.pk:
        return "You submitted this task, so somebody else decides about it."
    if request.kind == Kind.SPOT_CHECK and request.step and request.step.proposer == f"person:{person.username}":
        return "You asked for this call, so somebody else looks at it."
    return ""


def budget_of(request: ReviewRequest) -> dict[str, Any] | None:
    """The budget that the request asks to extend, if it is about one."""
    if request.kind != Kind.LIMIT:
        return None
    return (request.shown.get("evidence") or {}).get("budget")


def deadline_asked(request: ReviewRequest, given: Given) -> datetime | None:
    """The new deadline that the answer gives, if the request asks for one."""
    passed = (request.shown.get("evidence") or {}).get("deadline") if request.kind == Kind.LIMIT else None
    return given.deadline or datetime.fromisoformat(passed["suggested"]) if passed else None


def may_answer(request: ReviewRequest, person: User, answer: str) -> str:
    """Why this person may not give this answer, though they may decide the request; empty when they may."""
    if request.kind == Kind.TAKEOVER and (request.task.owner_id == person.pk) == (answer == Answer.TAKE_OVER):
        return f"{request.task.owner} has taken this task over. Others may only take it over in turn."
    if answer == Answer.EXTEND and budget_of(request) is not None:
        needed, why = "agents.extend_budget", "Only who may extend budgets can do this. Ask an operator."
    else:
        needed, why = "review.decide", "You may extend this budget. Other answers are the reviewers'."
    if not person.has_perm(needed):
        return why
    if answer in RUNS_IT and request.task.owner_id == person.pk:
        return "You asked for this call, so somebody else approves it."
    return may_approve(request, person) if answer in GOES_ON else ""


def wants_password(request: ReviewRequest, answer: str) -> bool:
    """Does this answer let a call run that wants the person's password once more?"""
    return request.password_again and (answer in RUNS_IT or answer == Answer.EDIT)


def claim(request_id: int, person: User) -> ReviewRequest:
    """Takes a request for a while, so that two people don't read the same one. The claim ends by itself."""
    request = readable(request_id, person)
    free = Q(claimed_by=None) | Q(claimed_by=person) | Q(claimed_until__lte=Now())
    until = ExpressionWrapper(Now() + CLAIM, output_field=DateTimeField())
    taken = ReviewRequest.objects.filter(free, pk=request_id, status=RequestStatus.OPEN)
    if not taken.update(claimed_by=person, claimed_until=until):
        request.refresh_from_db()
        raise Stale(
            closed_as(request)
            or f"{request.claimed_by} is looking at this request until {request.claimed_until:%H:%M}."
        )
    request.refresh_from_db()
    return request


def look_up(request_id: int, person: User) -> services.Said:
    """What the tool's own system says now of a call that is in doubt: for who may decide it, and decides nothing."""
    request = readable(request_id, person)
    if closed := closed_as(request):
        raise Stale(closed)
    if request.kind != Kind.IN_DOUBT or request.action is None:
        raise Stale("Only a call that is in doubt is looked up.")
    return services.look_up(request.action, by=person)


def release(request_id: int, person: User) -> None:
    """Gives a request back to the queue, whether it was claimed by this person or handed to them; else nothing."""
    ReviewRequest.objects.filter(pk=request_id, claimed_by=person).update(claimed_by=None, claimed_until=None)
    request = readable(request_id, person)
    if request.assigned_to_id == person.pk and request.status == RequestStatus.OPEN:
        with on_task(request, person) as change:
            _give_up(change, request, person)


def _give_up(change: Change, request: ReviewRequest, person: User) -> None:
    """It is nobody's again. A claim ends by itself and is no matter of record; whose it was to answer is."""
    held = ReviewRequest.objects.filter(pk=request.pk, status=RequestStatus.OPEN)
    held.filter(claimed_by=person).update(claimed_by=None, claimed_until=None)
    if held.filter(assigned_to=person).update(assigned_to=None):
        change.event("review.given_up", request=request.pk, kind=request.kind)


def decide(
    request_id: int, person: User, answer: str, digest: str, given: Given | None = None, via: str = Via.ADMIN
) -> Decision:
    """Decides a request: one transaction from the lock on the task to the task's next state.

    Refused, with nothing changed: an answer that this kind does not take, a person who may not, a digest that is not
    the one on record, a request that is closed, claimed by somebody else, or decided by this person before.
    """
    given = given or Given()
    if given.comment.strip():
        services.read_text(given.comment, "comment")
    request = readable(request_id, person)
    refuse_masks(given.arguments, "arguments")
    refuse_masks(given.result, "result")
    if answer not in ANSWERS[request.kind]:
        offered = ", ".join(Answer(one).label for one in ANSWERS[request.kind])
        raise Invalid(f"“{answer}” is no answer to this request. The answers are: {offered}.", field="answer")
    if why := may_answer(request, person, answer):
        raise NotAllowed(why)
    if digest != request.digest:
        raise Stale("What you saw is not what is asked now. Nothing was decided; look at the page again.")
    if closed := closed_as(request):
        raise Stale(closed)
    if wants_password(request, answer) and (given.proof is None or given.proof.person != person.pk):
        message = "Whoever lets this run types their password once more, on the page of the review in the admin."
        raise NotAllowed(message, field="password")
    precondition = _precondition(request, answer, given)
    if answer == Answer.APPROVE and request.action and precondition != request.action.precondition:
        _ask_anew(request, person, precondition)
    try:
        with on_task(request, person) as change:
            return _decide(change, request_id, person, Answer(answer), given, Via(via), precondition)
    except IntegrityError as twice:
        # PostgreSQL names the constraint, SQLite its columns.
        if "one_decision_per_person" in str(twice) or "decision.request_id, review_decision.person_id" in str(twice):
            raise Stale("You have decided this request already.") from twice
        raise


def on_task(request: ReviewRequest, person: User) -> AbstractContextManager[Change]:
    """The transaction of what people say. The task waits for it, but for a spot check, which changes nothing of it."""
    if request.kind == Kind.SPOT_CHECK:
        return services.noted(request.task_id, by=person)
    return services.parked(request.task_id, request.kind, by=person)


def _decide(
    change: Change,
    request_id: int,
    person: User,
    answer: Answer,
    given: Given,
    via: Via,
    precondition: dict[str, Any] | None,
) -> Decision:
    """Under the task's lock, everything is looked at once more: the page and the checks before it may be old."""
    related = ("task__submitted_by", "task__owner", "task__version", "claimed_by", "action", "step")
    request = ReviewRequest.objects.select_related(*related).get(pk=request_id)
    if closed := closed_as(request):
        raise Stale(closed)
    if request.expires_at and request.expires_at <= change.now:
        raise Stale(f"This request expired at {request.expires_at:%H:%M}, so nothing was decided.")
    if why := may_decide(request, person) or may_answer(request, person, answer):
        raise NotAllowed(why)
    if why := held_by_other(request, person, change.now):
        raise Stale(why)
    decision = Decision.objects.create(
        request=request,
        person=person,
        answer=answer,
        digest=request.digest,
        comment=given.comment,
        details=storable(_details(request, answer, given)),
        via=via,
        at=change.now,
    )
    missing = _missing_approvals(request, person, answer)
    change.event(
        "review.decision",
        request=request.pk,
        decision=decision.pk,
        answer=str(answer),
        comment=given.comment,
        missing=missing or None,
        record=decision_digest(decision),
    )
    if missing:
        _give_up(change, request, person)  # It is the others' turn.
        return decision
    if not requests.close(request, RequestStatus.DECIDED, change):
        raise Stale("Somebody else decided this request a moment ago.")
    _apply(change, decision, answer, given, precondition)
    return decision


def held_by_other(request: ReviewRequest, person: User, now: datetime) -> str:
    """Who else is looking at it right now, in a sentence; empty when nobody is. A claim ends by itself."""
    if request.claimed_by_id in (None, person.pk) or request.claimed_until is None or request.claimed_until <= now:
        return ""
    return f"{request.claimed_by} is looking at this request until {request.claimed_until:%H:%M}."


def _missing_approvals(request: ReviewRequest, person: User, answer: Answer) -> int:
    """How many more people must say the same before it is done. Who lost the right meanwhile does not count."""
    if answer not in RUNS_IT or request.approvals_needed <= 1:
        return 0
    others = others_who_said(request, answer, but=person)
    count = sum(1 for one in others if not (_may_take_part(request, one) or may_answer(request, one, answer)))
    return max(request.approvals_needed - count - 1, 0)


def _apply(
    change: Change, decision: Decision, answer: Answer, given: Given, precondition: dict[str, Any] | None
) -> None:
    """Does to the task what the answer says."""
    person, kind = decision.person, decision.request.kind
    match answer:
        case Answer.APPROVE if kind == Kind.PLAN:
            services.approve_plan(change)
        case Answer.APPROVE:
            services.approve_action(change, Approval(decision.pk, decision.digest))
        case Answer.EDIT if _goes_to_others(change, decision, given):
            services.put_to_others(change, given.arguments or {}, precondition, by=person)
        case Answer.EDIT:
            services.edit_action(change, given.arguments or {}, decision.pk, precondition)
        case Answer.REJECT if kind == Kind.PLAN:
            services.reject_plan(change, given.comment)
        case Answer.REJECT:
            services.reject_action(change, given.comment)
        case Answer.ACCEPT:
            services.accept_result(change)
        case Answer.RETRY:
            services.retry_result(change, decision.pk, given.comment)
        case Answer.HAPPENED:
            services.confirm_happened(change, given.result)
        case Answer.NOT_HAPPENED:
            services.confirm_not_happened(change, decision.pk)
        case Answer.EXTEND if reached := budget_of(decision.request):
            services.extend_budget(change, reached, given.amount, given.comment, by=person)
        case Answer.EXTEND if until := deadline_asked(decision.request, given):
            services.extend_deadline(change, until, given.comment, by=person)
        case Answer.EXTEND:
            services.extend(change, given.steps, given.comment, by=person)
        case Answer.RESPOND:
            services.respond(change, given.comment, by=person)
        case Answer.TAKE_OVER:
            services.take_over(change, by=person)
        case Answer.CALL:
            services.call_by_hand(change, given.tool, given.arguments or {}, given.comment, by=person)
        case Answer.FINISH:
            services.finish_by_person(change, given.result)
        case Answer.GIVE_BACK:
            services.give_back(change, given.comment, given.summary, by=person)
        case Answer.TERMINATE:
            services.terminate(change, given.comment)
        case Answer.NOT_FINE:
            services.read_text(given.comment, "reason")


def _goes_to_others(change: Change, decision: Decision, given: Given) -> bool:
    """The rules are looked at with the very arguments that would run."""
    action = change.task.current_action
    if action is None:
        return False
    arguments = services.normalised_edit(change, action, given.arguments or {})
    return needs_others(decision.request, decision.person, arguments)


def _precondition(request: ReviewRequest, answer: str, given: Given) -> dict[str, Any] | None:
    """What the call relies on now, as edited or approved: read before the transaction, since a tool is asked."""
    if request.action is None:
        return None
    if answer == Answer.EDIT:
        return services.fingerprint(request.action.tool, given.arguments or {})
    relies = answer == Answer.APPROVE and request.action.precondition is not None
    return services.fingerprint(request.action.tool, request.action.arguments) if relies else None


def _ask_anew(request: ReviewRequest, person: User, precondition: dict[str, Any] | None) -> NoReturn:
    """Nobody approves what they were not shown: the request makes way for one that shows what changed."""
    with services.parked(request.task_id, request.kind, by=person) as change:
        if not requests.close(request, RequestStatus.WITHDRAWN, change):
            raise Stale(closed_as(request) or "Somebody else decided this request a moment ago.")
        services.ask_anew(change, precondition)
    raise Stale(
        "What this call relies on has changed since you were asked, or can't be read now. Nothing was approved: it is "
        "asked anew, with what changed."
    )


def _details(request: ReviewRequest, answer: Answer, given: Given) -> dict[str, Any]:
    """What the decision carried, beside the comment; an edit with its difference to what was proposed."""
    match answer:
        case Answer.EDIT:
            was = request.action.arguments if request.action else {}
            now = given.arguments or {}
            return {"arguments": now, "difference": difference(was, now)}
        case Answer.CALL:
            return {"tool": given.tool, "arguments": given.arguments or {}}
        case Answer.GIVE_BACK if given.summary:
            return {"summary": given.summary}
        case Answer.HAPPENED | Answer.FINISH:
            return {"result": given.result}
        case Answer.EXTEND if reached := budget_of(request):
            amount = reached["suggested"] if given.amount is None else f"{given.amount:f}"
            return {"budget": reached["name"], "unit": reached["unit"], "amount": amount}
        case Answer.EXTEND if until := deadline_asked(request, given):
            return {"deadline": until.isoformat()}
        case Answer.EXTEND:
            return {"steps": given.steps}
        case _:
            return given.details


def readable(request_id: int, person: User) -> ReviewRequest:
    """The request, for who may decide it. Raises Stale where there is none, and NotAllowed."""
    request = (
        ReviewRequest.objects.select_related("task__submitted_by", "task__owner", "claimed_by", "action", "step")
        .filter(pk=request_id)
        .first()
    )
    if request is None:
        raise Stale(f"There is no review request {request_id}.")
    if why := may_decide(request, person):
        raise NotAllowed(why)
    return request


def closed_as(request: ReviewRequest) -> str:
    """Who closed the request and how, in a sentence; empty while it is open."""
    match request.status:
        case RequestStatus.DECIDED:
            last = request.decisions.select_related("person").last()
            said = f"{last.get_answer_display().lower()} by {last.person}" if last else "by somebody"
            return f"This request is decided already: {said}."
        case RequestStatus.WITHDRAWN:
            return "This request was withdrawn: the task moved on, so there is nothing to decide."
        case RequestStatus.EXPIRED:
            return "This request has expired, so there is nothing to decide."
    return ""
