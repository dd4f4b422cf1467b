"""How does an action start? Validated, then refused, parked, or written ahead and called."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents.changes import Change, Parking
from agents.engine import calling
from agents.engine.gate import pass_gate, pause
from agents.engine.identity import action_digest, digest_now, new_key
from agents.engine.leases import Lease
from agents.engine.parking import hand_over, park_in_doubt, reason, reasons_of, refuse_step
from agents.engine.proposing import Next, count_fruitless
from agents.engine.provenance import facts_of
from agents.engine.settling import OUTCOME_UNKNOWN, fail, nothing_happened_yet, record, settle
from agents.engine.story import Story
from agents.models import Action, Step
from agents.policy import Denial, call_digest, judge_action, still_denied
from agents.policy.ceilings import ceilings
from agents.policy.verdict import Verdict
from agents.states import ActionStatus, ParkedFor, StepKind
from agents.storable import storable, storable_text
from tools.registry import Effect, Tool, registry
from tools.schema import InvalidArguments


@dataclass(frozen=True)
class Judged:
    """A proposed call that no rule denies, with the verdict on it."""

    proposed: Next
    tool: Tool
    arguments: dict[str, Any]
    verdict: Verdict
    origins: list[dict[str, Any]]

    def add(self, change: Change, status: ActionStatus, **fields: Any) -> Action:
        """Records it as the next step, and as that step's action."""
        step = _add_step(change, self.proposed, self.verdict)
        return add_action(change, step, self.tool, self.arguments, status, origins=self.origins, **fields)


def propose_action(lease: Lease, story: Story, next_: Next) -> None:
    """Judges a proposed tool call, and runs it, parks it or refuses it."""
    proposal = next_.proposal
    tool = registry.get(proposal.name) if proposal.name in registry else None
    arguments, problems = _normalised(tool, proposal.arguments)
    facts = facts_of(story, next_, tool, arguments)
    if stop := story.stopped_by(facts):
        with story.change(lease) as change:
            pause(change, stop)
        return
    verdict = judge_action(tool, proposal.name, arguments, proposal.confidence, story.definition, facts, problems)
    if tool is None or arguments is None or verdict.outcome == "deny":
        with story.change(lease) as change:
            step = _add_step(change, next_, verdict)
            refuse_step(change, step, verdict.code(), verdict.message())
            count_fruitless(change, story)
        return
    call = Judged(next_, tool, arguments, verdict, [one.as_json() for one in facts.origins])
    if verdict.outcome == "review":
        _ask_people(lease, story, call)
    elif tool.effect == Effect.READ and not any(ceilings(tool.name, arguments, story.definition)):
        _read(lease, story, call)
    else:
        _start_allowed(lease, story, call)


def _start_allowed(lease: Lease, story: Story, call: Judged) -> None:
    """Writes the start of an allowed call ahead, if it still may start, and calls it."""
    with story.change(lease) as change:
        if change.end_if_canceled():
            return
        gate = pass_gate(change, story, call.tool.name, call.arguments, approved=False)
        if isinstance(gate, Denial):
            pause(change, gate)
            return
        if isinstance(gate, Verdict):
            _turned_away(change, story, replace(call, verdict=gate))
            return
        started = {"flagged": call.verdict.flagged, "counted": gate.counted} | _attempt(change, call.tool)
        action = call.add(change, ActionStatus.STARTED, **started)
    _call_and_record(lease, story, action, call.tool)


def _turned_away(change: Change, story: Story, call: Judged) -> None:
    """Between verdict and start something came in between: others used a limit up, a switch was engaged."""
    if call.verdict.outcome == "review":
        action = call.add(change, ActionStatus.AWAITING_REVIEW, needs_approval=True)
        change.park(Parking(ParkedFor.ACTION, reasons_of(call.verdict), action.step, action))
        return
    step = _add_step(change, call.proposed, call.verdict)
    refuse_step(change, step, call.verdict.code(), call.verdict.message())
    count_fruitless(change, story)


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
        if tool is None:
            message = f"The tool {action.tool} is no longer registered here."
            _leave(change, action, "tool.unknown", message)
            return
        if digest_now(change.task, action, tool) != action.approved_digest:
            message = f"What “{action.sentence}” would run is no longer what was approved."
            _ask_again(change, story, action, tool, found, "approval.digest_changed", message)
            return
        unread = found is not None and calling.UNREADABLE in found
        if action.precondition is not None and (unread or found != action.precondition):
            message = f"What the approval of “{action.sentence}” relied on has changed since, or can't be read now."
            _ask_again(change, story, action, tool, found, "approval.precondition_changed", message)
            return
        gate = pass_gate(change, story, tool.name, action.arguments, approved=True)
        if isinstance(gate, Denial):
            pause(change, gate)
            return
        if isinstance(gate, Verdict):
            _leave(change, action, gate.code(), gate.message())
            return
        _open_attempt(change, action, tool, approval_used_at=change.now, counted=gate.counted)
    _call_and_record(lease, story, action, tool)


def _leave(change: Change, action: Action, code: str, message: str) -> None:
    """An approved action that must not start now is left behind; the next proposal sees why."""
    change.move_action(action, ActionStatus.SUPERSEDED)
    refuse_step(change, action.step, code, message)


def try_again(lease: Lease, story: Story, action: Action, tool: Tool) -> None:
    """Another attempt within the same start: same row, same key, same approval.

    Present denials still win, and a canceled task makes no further attempt where nothing has happened.
    """
    unharmed = nothing_happened_yet(action)
    with story.change(lease) as change:
        if change.task.cancel_requested_at and unharmed:
            fail(change, action, "task.canceled", "The task was canceled before another attempt was made.")
            return
        facts = story.facts()
        stop, denied = story.stopped_by(facts), still_denied(tool.name, story.definition, facts)
        if stop and unharmed:
            pause(change, stop)
            return
        if denied and unharmed:
            fail(change, action, denied.code(), denied.message())
            return
        if denied:
            park_in_doubt(change, action, f"An earlier attempt may have happened, and now: {denied.message()}")
            return
        # Once in doubt, an action stays so until an attempt succeeds: the same key makes that one count for all.
        doubt = (
            {} if unharmed else {"error": {"code": OUTCOME_UNKNOWN, "message": "An earlier attempt may have happened."}}
        )
        _open_attempt(change, action, tool, **doubt)
    _call_and_record(lease, story, action, tool)


def _read(lease: Lease, story: Story, call: Judged) -> None:
    """A read needs no write-ahead: when its worker dies, it is asked for again, and nothing had happened.

    Nor is it written down before the next model call is opened: that is one statement for both.
    """
    if not lease.write_put_off():
        return  # Somebody changed the task meanwhile, so that it is looked at again first.
    context = calling.context_for(story.task.pk, new_key(), timezone.now() + _deadline(call.tool))
    began = time.monotonic()
    outcome = calling.call(lease, call.tool, call.arguments, context)
    with story.change(lease, at_once=True, put_off=True) as change:
        # By the database's clock, when it began: it is recorded only now that it is over.
        started_at = change.now - timedelta(seconds=time.monotonic() - began)
        action = call.add(
            change,
            ActionStatus.STARTED,
            flagged=call.verdict.flagged,
            idempotency_key=context.idempotency_key,
            started_at=started_at,
            attempts=1,
        )
        settle(change, story, action, call.tool, outcome)


def _ask_people(lease: Lease, story: Story, call: Judged) -> None:
    precondition = _fingerprint(lease, call.tool, call.arguments)
    with story.change(lease) as change:
        reasons = reasons_of(call.verdict)
        if call.verdict.hand_over and change.task.owner_id is None:
            action = call.add(change, ActionStatus.PROPOSED)
            hand_over(change, story.definition, reasons, step=action.step, action=action)
            return
        action = call.add(change, ActionStatus.AWAITING_REVIEW, needs_approval=True, precondition=precondition)
        change.park(Parking(ParkedFor.ACTION, reasons, action.step, action))


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
    facts = story.facts_about(tool.name, arguments or {}, change.now)
    verdict = judge_action(tool, tool.name, arguments, 1.0, story.definition, facts, problems)
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
        origins=action.origins,
    )
    difference = {
        "before": {"digest": action.digest, "precondition": action.precondition},
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
