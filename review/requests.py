"""How does a question to people come to be, and go? In the transaction that parks the task, or lets it move on."""

from dataclasses import replace
from textwrap import shorten
from typing import Any

from agents.changes import Change, Parking
from agents.models import Action, AgentTask
from agents.policy import Quorum, times_for
from agents.states import ParkedFor
from agents.storable import storable
from review import signals
from review.audit import request_digest, shown_digest
from review.models import Kind, RequestStatus, ReviewRequest, Risk
from review.quorum import missing_approvers, quorum_about
from tools.registry import Stakes, registry
from tools.schema import digest

RUNS_AN_ACTION = frozenset({ParkedFor.ACTION, ParkedFor.RESULT, ParkedFor.IN_DOUBT})
"""Questions of which one answer is that a call runs."""


def open_request(sender: object, *, change: Change, parking: Parking, **_: Any) -> None:
    """Opens the one request of a task that was just parked, with everything that a person will be shown."""
    task = change.task
    action = parking.action if parking.kind in RUNS_AN_ACTION else None
    quorum = Quorum() if "budget" in parking.evidence else quorum_about(task, parking.kind, action)
    edited_by = parking.evidence.get("edited", {}).get("person")
    problem = missing_approvers(task, action, quorum, edited_by)
    if problem:
        parking = replace(parking, reasons=[*parking.reasons, problem])
    title, shown = _title(task, parking), shown_of(task, parking)
    open_one(
        change,
        parking,
        kind=Kind(parking.kind),
        title=title,
        shown=shown,
        risk=Risk.CRITICAL if quorum.password else _risk(parking),
        approvals_needed=quorum.needed,
        approvers_group=quorum.group,
        edited_by_id=edited_by,
        password_again=quorum.password,
        assigned_group=parking.evidence.get("expired", {}).get("group", ""),
        **_times(change, parking, action),
    )


def open_one(change: Change, parking: Parking, *, shown: dict[str, Any], **fields: Any) -> ReviewRequest:
    """Opens a request, writes down in the journal what was asked and shown, and announces it."""
    request = ReviewRequest.objects.create(
        task=change.task,
        step=parking.step,
        action=parking.action,
        reasons=parking.reasons,
        shown=shown,
        digest=_digest(change.task, parking, shown),
        opened_at=change.now,
        **fields,
    )
    change.event(
        "review.opened",
        request=request.pk,
        kind=request.kind,
        group=request.assigned_group or None,
        reasons=parking.reasons,
        shown=shown_digest(request),
        record=request_digest(request),
    )
    signals.request_opened.send(sender=ReviewRequest, request=request)
    return request


def withdraw_requests(sender: object, *, change: Change, **_: Any) -> None:
    """Closes what was asked about a task that moved on without an answer. What ran may be looked at all the same."""
    asked = ReviewRequest.objects.filter(task=change.task, status=RequestStatus.OPEN)
    for request in asked.exclude(kind=Kind.SPOT_CHECK):
        close(request, RequestStatus.WITHDRAWN, change)


def close(request: ReviewRequest, to: RequestStatus, change: Change) -> bool:
    """Closes a request by a conditional UPDATE; False when it was closed already."""
    open_one = ReviewRequest.objects.filter(pk=request.pk, status=RequestStatus.OPEN)
    if not open_one.update(status=to, closed_at=change.now):
        return False
    request.status = to
    change.event(f"review.{to}", request=request.pk, kind=request.kind)
    return True


def _title(task: AgentTask, parking: Parking) -> str:
    action = parking.action
    match parking.kind:
        case ParkedFor.ACTION if action:
            return action.sentence
        case ParkedFor.RESULT if action:
            return f"Did this succeed? {action.sentence}"
        case ParkedFor.RESULT:
            return "Is this result right?"
        case ParkedFor.IN_DOUBT if action:
            return f"Did this happen? {action.sentence}"
        case ParkedFor.PLAN:
            return f"May it go by this plan? {_about(task)}"
        case ParkedFor.LIMIT if "budget" in parking.evidence:
            return f"The budget of {parking.evidence['budget']['name']} is reached: extend?"
        case ParkedFor.LIMIT if "deadline" in parking.evidence:
            return f"The deadline has passed: extend? {_about(task)}"
        case ParkedFor.LIMIT:
            return f"{task.steps_taken} of {task.max_steps} steps are used: extend? {_about(task)}"
        case ParkedFor.TAKEOVER:
            return f"Taken over by {task.owner}: {_about(task)}"
        case _:
            return f"The agent needs a person: {_about(task)}"


def _about(task: AgentTask) -> str:
    return shorten(task.goal, 160, placeholder=" …")


def _times(change: Change, parking: Parking, action: Action | None) -> dict[str, Any]:
    """By when it is to be answered, as the agent's rules say, counted from now."""
    tool, arguments = (action.tool, action.arguments) if action else ("", {})
    times = times_for(parking.kind, tool, arguments, change.task.version.read())
    return {
        "remind_at": times.remind and change.now + times.remind,
        "due_at": times.due and change.now + times.due,
        "expires_at": times.expires and change.now + times.expires,
        "hands_on": times.hands_on,
        "escalate_to": times.escalate_to,
    }


def _risk(parking: Parking) -> Risk:
    if parking.kind in (ParkedFor.IN_DOUBT, ParkedFor.RESULT) and parking.action:
        return Risk.HIGH
    if parking.action and parking.action.tool in registry:
        tainted = any(one["tainted"] for one in parking.action.origins)
        high = registry.get(parking.action.tool).stakes == Stakes.HIGH or tainted
        return Risk.HIGH if high else Risk.MEDIUM
    return Risk.LOW if parking.kind == ParkedFor.TAKEOVER else Risk.MEDIUM


def _digest(task: AgentTask, parking: Parking, shown: dict[str, Any]) -> str:
    """An action is bound by its own digest; any other question by the digest of what is asked."""
    if parking.kind == ParkedFor.ACTION and parking.action:
        return parking.action.digest
    asked = {key: shown[key] for key in ("kind", "asked", "action", "reasons")}
    return digest({"task": task.pk, "steps_taken": task.steps_taken, "max_steps": task.max_steps, **asked})


def shown_of(task: AgentTask, parking: Parking) -> dict[str, Any]:
    """Everything that a person is shown, as it is stored."""
    steps = list(task.steps.prefetch_related("actions").order_by("number"))
    shown = {
        "kind": str(parking.kind),
        "goal": task.goal,
        "inputs": task.inputs,
        "agent": str(task.version),
        "submitter": task.submitted_by.get_username(),
        "plan": task.plan,
        "asked": (parking.step.arguments if parking.step else None),
        "steps": [_shown_step(step) for step in steps],
        "action": _shown_action(parking.action),
        "reasons": parking.reasons,
        "evidence": parking.evidence,
    }
    return dict(storable(shown))


def _shown_step(step: Any) -> dict[str, Any]:
    actions = list(step.actions.all())
    result = actions[-1].result if actions else None
    return {
        "number": step.number,
        "name": step.name,
        "purpose": step.purpose,
        "confidence": step.confidence,
        "status": step.status,
        "said": step.raw,
        "arguments": actions[-1].arguments if actions else step.arguments,
        "answer": step.answer if step.answer is not None else result,
        "screened": step.screened,
    }


def _shown_action(action: Action | None) -> dict[str, Any] | None:
    if action is None:
        return None
    return {
        "tool": action.tool,
        "effect": action.effect,
        "arguments": action.arguments,
        "sentence": action.sentence,
        "digest": action.digest,
        "idempotency_key": action.idempotency_key,
        "precondition": action.precondition,
        "origins": action.origins,
    }
