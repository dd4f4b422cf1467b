"""How does an action run? Validate, perhaps park, write ahead, call, verify, record."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from agents.changes import Change, Parking, changing
from agents.engine import calling
from agents.engine.calling import Answered, NotDone, Outcome, TryLater, Unknown
from agents.engine.clock import backoff, margin
from agents.engine.identity import action_digest, digest_now, new_key
from agents.engine.leases import WORKER, Lease
from agents.engine.parking import hand_over, park_in_doubt, reason, reasons_of, refuse_step
from agents.engine.proposing import Next, count_fruitless
from agents.engine.story import Story, denials_now
from agents.errors import LeaseLost
from agents.models import Action, Step
from agents.policy import call_digest, denied_now, judge_action
from agents.policy.verdict import Verdict
from agents.states import ActionStatus, ParkedFor, StepKind, StepStatus, TaskStatus
from agents.storable import storable, storable_text
from tools.registry import Effect, Tool, registry
from tools.schema import InvalidArguments

OUTCOME_UNKNOWN = "action.outcome_unknown"


def propose_action(lease: Lease, story: Story, next_: Next) -> None:
    """Judges a proposed tool call, and runs it, parks it or refuses it."""
    proposal = next_.proposal
    tool = registry.get(proposal.name) if proposal.name in registry else None
    arguments, problems = _normalised(tool, proposal.arguments)
    verdict = judge_action(
        tool, proposal.name, arguments, proposal.confidence, story.definition, story.facts(), problems
    )
    if tool is None or arguments is None or verdict.outcome == "deny":
        with story.change(lease) as change:
            step = _add_step(change, next_, verdict)
            refuse_step(change, step, verdict.code(), verdict.message())
            count_fruitless(change, story)
    elif verdict.outcome == "review":
        _ask_people(lease, story, next_, tool, arguments, verdict)
    elif tool.effect == Effect.READ:
        _read(lease, story, next_, tool, arguments, verdict)
    else:
        with story.change(lease) as change:
            if change.end_if_canceled():
                return
            step = _add_step(change, next_, verdict)
            denied = denied_now(tool.name, story.definition, denials_now(change.task))
            if denied:
                refuse_step(change, step, denied.code(), denied.message())
                count_fruitless(change, story)
                return
            action = add_action(
                change,
                step,
                tool,
                arguments,
                ActionStatus.STARTED,
                flagged=verdict.flagged,
                **_attempt(change, tool),
            )
        _call_and_record(lease, story, action, tool)


def add_action(
    change: Change, step: Step, tool: Tool, arguments: dict[str, Any], status: ActionStatus, **fields: Any
) -> Action:
    """Records exactly what is to run: the digest is taken here, over the very arguments that policy saw."""
    return change.add_action(
        step,
        tool=tool.name,
        effect=tool.effect,
        arguments=arguments,
        sentence=tool.describe(arguments),
        call_digest=call_digest(tool.name, arguments),
        digest=action_digest(change.task, step, tool, arguments),
        status=status,
        **{"idempotency_key": new_key()} | fields,
    )


def start_approved(lease: Lease, story: Story, action: Action) -> None:
    """Starts a countersigned action: the approval is used up in the transaction that writes the start ahead.

    Denials in force now win over the approval; a digest or precondition that changed voids it and asks again.
    """
    tool = registry.get(action.tool) if action.tool in registry else None
    found = _fingerprint(lease, tool, action.arguments) if tool else None
    with story.change(lease) as change:
        if change.end_if_canceled():
            return
        denied = denied_now(action.tool, story.definition, denials_now(change.task))
        if tool is None or denied:
            message = denied.message() if denied else f"The tool {action.tool} is no longer registered here."
            change.move_action(action, ActionStatus.SUPERSEDED)
            refuse_step(change, action.step, denied.code() if denied else "tool.unknown", message)
            return
        if digest_now(change.task, action, tool) != action.approved_digest:
            message = f"What “{action.sentence}” would run is no longer what was approved."
            _ask_again(change, story, action, tool, found, "approval.digest_changed", message)
            return
        if action.precondition is not None and found != action.precondition:
            message = f"What the approval of “{action.sentence}” relied on has changed since."
            _ask_again(change, story, action, tool, found, "approval.precondition_changed", message)
            return
        _open_attempt(change, action, tool, approval_used_at=change.now)
    _call_and_record(lease, story, action, tool)


def try_again(lease: Lease, story: Story, action: Action, tool: Tool) -> None:
    """Another attempt within the same start: same row, same key, same approval.

    Present denials still win, and a canceled task makes no further attempt where nothing has happened.
    """
    unharmed = action.effect == Effect.READ or (
        action.attempt_until is None and (action.error or {}).get("code") != OUTCOME_UNKNOWN
    )
    with story.change(lease) as change:
        if change.task.cancel_requested_at and unharmed:
            _fail(change, action, "task.canceled", "The task was canceled before another attempt was made.")
            return
        denied = denied_now(tool.name, story.definition, denials_now(change.task))
        if denied and unharmed:
            _fail(change, action, denied.code(), denied.message())
            return
        if denied:
            park_in_doubt(change, action, f"An earlier attempt may have happened, and now: {denied.message()}")
            return
        _open_attempt(change, action, tool)
    _call_and_record(lease, story, action, tool)


def record(lease: Lease, story: Story, action: Action, tool: Tool, outcome: Outcome) -> None:
    """Records what came of a started action; an outcome that comes too late is journaled and changes nothing."""
    try:
        with story.change(lease) as change:
            _settle(change, story, action, tool, outcome)
    except LeaseLost:
        _journal_late(action, outcome)
        raise


def _read(lease: Lease, story: Story, next_: Next, tool: Tool, arguments: dict[str, Any], verdict: Verdict) -> None:
    """A read needs no write-ahead: when its worker dies, it is asked for again, and nothing had happened."""
    context = calling.context_for(story.task.pk, new_key(), timezone.now() + _deadline(tool))
    outcome = calling.call(lease, tool, arguments, context)
    with story.change(lease) as change:
        step = _add_step(change, next_, verdict)
        action = add_action(
            change,
            step,
            tool,
            arguments,
            ActionStatus.STARTED,
            flagged=verdict.flagged,
            idempotency_key=context.idempotency_key,
            started_at=change.now,
            attempts=1,
        )
        _settle(change, story, action, tool, outcome)


def _ask_people(
    lease: Lease, story: Story, next_: Next, tool: Tool, arguments: dict[str, Any], verdict: Verdict
) -> None:
    precondition = _fingerprint(lease, tool, arguments)
    with story.change(lease) as change:
        step = _add_step(change, next_, verdict)
        if verdict.hand_over:
            action = add_action(change, step, tool, arguments, ActionStatus.PROPOSED)
            hand_over(change, story.definition, reasons_of(verdict), step=step, action=action)
            return
        action = add_action(
            change,
            step,
            tool,
            arguments,
            ActionStatus.AWAITING_REVIEW,
            needs_approval=True,
            precondition=precondition,
        )
        change.park(Parking(ParkedFor.ACTION, reasons_of(verdict), step, action))


def _ask_again(
    change: Change,
    story: Story,
    action: Action,
    tool: Tool,
    precondition: dict[str, Any] | None,
    code: str,
    message: str,
) -> None:
    """Voids an unused approval: what would run now is judged anew, and a new request opens with the difference."""
    change.move_action(action, ActionStatus.SUPERSEDED)
    change.event("approval.voided", action=action, code=code, message=message)
    arguments, problems = _normalised(tool, action.arguments)
    verdict = judge_action(tool, tool.name, arguments, 1.0, story.definition, story.facts(), problems)
    if arguments is None or verdict.outcome == "deny":
        refuse_step(change, action.step, verdict.code(), verdict.message())
        return
    again = add_action(
        change,
        action.step,
        tool,
        arguments,
        ActionStatus.AWAITING_REVIEW,
        needs_approval=True,
        precondition=precondition,
    )
    difference = {
        "approved": {"digest": action.approved_digest, "precondition": action.precondition},
        "now": {"digest": again.digest, "precondition": precondition},
    }
    change.park(Parking(ParkedFor.ACTION, reason(code, message), action.step, again, {"changed": difference}))


def _open_attempt(change: Change, action: Action, tool: Tool, **fields: Any) -> None:
    """The write-ahead of a further attempt, or of an approved action: committed before the tool is called."""
    attempt = _attempt(change, tool) | {"attempts": action.attempts + 1} | fields
    if action.started_at is not None:
        del attempt["started_at"]
    change.move_action(action, ActionStatus.STARTED, **attempt)


def _attempt(change: Change, tool: Tool) -> dict[str, Any]:
    """What a row says of its first attempt."""
    return {"started_at": change.now, "attempts": 1, "attempt_until": change.now + _deadline(tool)}


def _call_and_record(lease: Lease, story: Story, action: Action, tool: Tool) -> None:
    # The tool's deadline runs by this host's clock from now; the row's, by the database's, from the write-ahead.
    context = calling.context_for(story.task.pk, action.idempotency_key, timezone.now() + _deadline(tool))
    outcome = calling.call(lease, tool, action.arguments, context)
    record(lease, story, action, tool, outcome)


def _settle(change: Change, story: Story, action: Action, tool: Tool, outcome: Outcome) -> None:
    change.set(invalid_in_a_row=0)
    match outcome:
        case Answered():
            _settle_answer(change, story, action, tool, outcome)
        case NotDone(message):
            _fail(change, action, "tool.nothing_happened", message)
        case TryLater(message, retry_after):
            _wait(change, story, action, message, retry_after)
        case Unknown(message):
            _settle_unknown(change, story, action, tool, message)


def _settle_answer(change: Change, story: Story, action: Action, tool: Tool, answered: Answered) -> None:
    seen = {"result": answered.result, "verification": answered.verification}
    if answered.verified or (answered.verified is None and action.effect == Effect.READ):
        change.move_action(action, ActionStatus.SUCCEEDED, **seen)
        change.settle_step(action.step, StepStatus.DONE)
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
    unknown_before = (action.error or {}).get("code") == OUTCOME_UNKNOWN
    error = _error(OUTCOME_UNKNOWN if unknown_before else "tool.unavailable", message)
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
    if action.effect != Effect.READ and (action.error or {}).get("code") == OUTCOME_UNKNOWN:
        park_in_doubt(change, action, known)
        return
    _fail(change, action, "tool.unavailable", known)
    told = f"This could not be done or checked: {action.sentence}"
    hand_over(change, story.definition, reason("tool.unavailable", known), step=action.step, told=told)


def _fail(change: Change, action: Action, code: str, message: str) -> None:
    change.move_action(action, ActionStatus.FAILED, error=_error(code, message))
    refuse_step(change, action.step, code, message)


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _add_step(change: Change, next_: Next, verdict: Verdict) -> Step:
    proposal, planned = next_.proposal, next_.planned
    return change.add_step(
        kind=StepKind.TOOL,
        name=storable_text(proposal.name),
        purpose=storable_text(proposal.reasoning),
        confidence=proposal.confidence,
        arguments=storable(planned.arguments if next_.from_plan and planned else proposal.arguments),
        proposer=storable_text(proposal.proposer),
        plan_number=change.task.plan_number if planned else 0,
        planned_id=planned.id if planned else "",
        verdict=verdict.as_json(),
    )


def _normalised(tool: Tool | None, arguments: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[Any, ...]]:
    """The one form of the arguments that schema, policy, digest and tool see; or what is wrong with them."""
    if tool is None:
        return None, ()
    try:
        return tool.normalise(arguments), ()
    except InvalidArguments as invalid:
        return None, invalid.problems


def _fingerprint(lease: Lease, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any] | None:
    if tool.precondition is None:
        return None
    with lease.waiting(tool.deadline_seconds):
        return calling.fingerprint(tool, arguments)


def _deadline(tool: Tool) -> timedelta:
    return timedelta(seconds=tool.deadline_seconds)


def _journal_late(action: Action, outcome: Outcome) -> None:
    """Writes down an outcome that came back to a worker that had lost its lease. Nothing else changes."""
    with changing(action.task_id, Q(), actor=f"worker:{WORKER}") as change:
        change.event("action.late_outcome", action=action.pk, outcome=type(outcome).__name__, detail=vars(outcome))
