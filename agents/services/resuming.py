"""What may a decision do to a parked task? One function for each verb, each inside the transaction of `parked`.

The caller (the review room) has checked who decides, and binds the decision to what was shown. Here the task is
changed, and nothing else: an approval is bound to exactly one action and one digest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from agents import signals
from agents.changes import Change, Parking, changing
from agents.engine import calling
from agents.engine.acting import add_action
from agents.engine.clock import margin
from agents.engine.controlling import adopt_plan, complete
from agents.engine.leases import waiting
from agents.engine.parking import back_to_owner, hand_over, reason, refuse_step
from agents.engine.story import read_story
from agents.errors import Invalid, Stale
from agents.models import Action, AgentTask, Step
from agents.policy import judge_action
from agents.policy.provenance import after_edit
from agents.services.submitting import FURTHEST_START, read_text, resume
from agents.spending import budgets
from agents.spending.limits import Budget, Most, Scope
from agents.states import ActionStatus, ParkedFor, StepKind, StepStatus, TaskStatus
from agents.storable import storable
from tools.registry import Tool, registry
from tools.schema import InvalidArguments, validate


@dataclass(frozen=True)
class Approval:
    """A decision that approves: its id is bound to one action, its digest to what was on the screen."""

    decision: int
    digest: str


@contextmanager
def parked(task_id: int, kind: str, *, by: User | None) -> Iterator[Change]:
    """One transaction on a task that is parked for `kind`. Raises Stale when it is not, or not any more.

    Without a person it is what time brought: nothing is approved then.
    """
    condition = Q(status=TaskStatus.NEEDS_REVIEW, parked_for=kind)
    with changing(task_id, condition, actor=f"person:{by.get_username()}" if by else "clock") as change:
        yield change


@contextmanager
def noted(task_id: int, *, by: User) -> Iterator[Change]:
    """One transaction on a task in whatever state, for what only its journal takes down."""
    with changing(task_id, Q(), actor=f"person:{by.get_username()}") as change:
        yield change


def approve_plan(change: Change) -> None:
    adopt_plan(change, _open_step(change, StepKind.PLAN))
    _go_on(change)


def reject_plan(change: Change, feedback: str) -> None:
    refuse_step(change, _open_step(change, StepKind.PLAN), "review.rejected", _rejection("plan", feedback))
    _go_on(change)


def approve_action(change: Change, approval: Approval) -> None:
    """Approves the action that waits, if it is exactly what was shown. The start compares once more."""
    action = _current(change, ActionStatus.AWAITING_REVIEW)
    if action.digest != approval.digest:
        raise Stale("What would run is not what was on the screen. Nothing was approved; look at the page again.")
    change.move_action(action, ActionStatus.APPROVED, approval=approval.decision, approved_digest=approval.digest)
    _go_on(change)


def edit_action(
    change: Change, arguments: dict[str, Any], decision: int, precondition: dict[str, Any] | None
) -> Action:
    """Replaces the action by the same tool with the person's arguments, validated like a proposal, and approves it.

    `precondition` is the tool's fingerprint for these arguments (`agents.services.fingerprint`). Raises Invalid with
    the problems when schema or policy refuse them; policy's “review” is what the person gave.
    """
    action = _current(change, ActionStatus.AWAITING_REVIEW)
    edited = _replaced(change, action, normalised_edit(change, action, arguments), precondition)
    change.move_action(edited, ActionStatus.APPROVED, approval=decision, approved_digest=edited.digest)
    _go_on(change)
    return edited


def put_to_others(
    change: Change, arguments: dict[str, Any], precondition: dict[str, Any] | None, *, by: User
) -> Action:
    """Replaces the action by the person's version of it, and asks about that: others approve, not the editor.

    Raises Invalid like `edit_action`.
    """
    action = _current(change, ActionStatus.AWAITING_REVIEW)
    edited = _replaced(change, action, normalised_edit(change, action, arguments), precondition)
    message = f"{by.get_username()} changed this call, so others approve it."
    evidence = {"edited": {"person": by.pk, "by": by.get_username(), "was": action.arguments}}
    change.park(Parking(ParkedFor.ACTION, reason("approvals.edited", message), action.step, edited, evidence))
    return edited


def ask_anew(change: Change, precondition: dict[str, Any] | None) -> None:
    """Asks about the same call again: what it relies on is no longer what people were shown."""
    action = _current(change, ActionStatus.AWAITING_REVIEW)
    change.move_action(action, ActionStatus.SUPERSEDED)
    again = _asked_about(change, action, action.arguments, precondition)
    changed = {"before": {"precondition": action.precondition}, "now": {"precondition": precondition}}
    message = f"What “{action.sentence}” relies on has changed since it was asked."
    why = reason("precondition.changed", message)
    change.park(Parking(ParkedFor.ACTION, why, action.step, again, {"changed": changed}))


def fingerprint(tool_name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """What an approval of this call relies on, as the tool sees it now; None where the tool names nothing.

    Ask before the transaction, not inside: neither it nor a connection is held meanwhile.
    """
    tool = registry.get(tool_name) if tool_name in registry else None
    if tool is None or tool.precondition is None:
        return None
    with waiting():
        return calling.fingerprint(tool, arguments)


def normalised_edit(change: Change, action: Action, arguments: dict[str, Any]) -> dict[str, Any]:
    """The edited arguments in their one form, or Invalid with everything that is wrong with them."""
    tool = _tool(action)
    normalised = _normalised(tool, arguments)
    story = read_story(change.task.pk, Q())
    if story is None:
        raise Stale(f"There is no task {change.task.pk} any more.")
    verdict = judge_action(
        tool, tool.name, normalised, 1.0, story.definition, story.facts_about(tool.name, normalised, change.now), ()
    )
    if verdict.outcome == "deny":
        raise Invalid(verdict.message(), field="arguments")
    return normalised


def reject_action(change: Change, feedback: str) -> None:
    """Rejects the action that waits; it never runs, and the next proposal sees the feedback."""
    action = _current(change, ActionStatus.AWAITING_REVIEW)
    change.move_action(action, ActionStatus.REJECTED)
    refuse_step(change, action.step, "review.rejected", _rejection(action.sentence, feedback), feedback=feedback)
    _go_on(change)


def accept_result(change: Change) -> None:
    """A person vouches for an effect that could not be verified, or for a result that the agent was unsure of."""
    action = change.task.current_action
    if action is None:
        step = _open_step(change, StepKind.FINISH)
        complete(change, step, (step.arguments or {})["result"])
        return
    change.move_action(action, ActionStatus.SUCCEEDED)
    change.settle_step(action.step, StepStatus.DONE)
    _go_on(change)


def retry_result(change: Change, decision: int, feedback: str = "") -> None:
    """Runs an effect that failed its verifier once more, with a new key; or sends a result back to the agent."""
    action = change.task.current_action
    if action is None:
        step = _open_step(change, StepKind.FINISH)
        refuse_step(change, step, "review.rejected", _rejection("result", feedback))
    else:
        change.move_action(action, ActionStatus.FAILED)
        _approved_again(change, action, decision)
    _go_on(change)


def confirm_happened(change: Change, result: Any) -> None:
    """It happened: the person's word, with its result, settles an action that was in doubt."""
    action = _current(change, ActionStatus.IN_DOUBT)
    change.move_action(action, ActionStatus.SUCCEEDED, result=storable(result), error=None)
    change.settle_step(action.step, StepStatus.DONE)
    _go_on(change)


def confirm_not_happened(change: Change, decision: int) -> None:
    """It did not happen, run it: the old action failed, and a new one with the same key takes its place.

    Accepted only when the first call can't be under way any more.
    """
    action = _current(change, ActionStatus.IN_DOUBT)
    if action.attempt_until and change.now < action.attempt_until + margin():
        seconds = (action.attempt_until + margin() - change.now).total_seconds()
        raise Stale(f"The first call may still be under way. Ask again in {seconds:.0f} seconds.")
    change.move_action(action, ActionStatus.FAILED)
    if change.task.cancel_requested_at is None:
        _approved_again(change, action, decision, idempotency_key=action.idempotency_key)
    _go_on(change)


def extend(change: Change, steps: int, guidance: str, *, by: User) -> None:
    """Gives the task more steps, up to its agent's ceiling."""
    ceiling = change.task.version.read().limits.ceiling_steps
    most = ceiling - change.task.max_steps
    if not 1 <= steps <= most:
        raise Invalid(
            f"{steps} more steps can't be given: this agent's ceiling is {ceiling}, so 1 to {most} are possible."
            if most > 0
            else f"This agent's ceiling of {ceiling} steps is reached: take the task over, or end it.",
            field="steps",
        )
    change.set(max_steps=change.task.max_steps + steps)
    change.event("limit.extended", by_steps=steps, max_steps=change.task.max_steps)
    if guidance.strip():
        _guide(change, guidance, by, "extend")
    _go_on(change)


def extend_deadline(change: Change, until: datetime, guidance: str, *, by: User) -> None:
    """Gives the task time until then."""
    if not change.now < until <= change.now + FURTHEST_START:
        message = f"The new deadline is {until:%Y-%m-%d %H:%M} UTC; use a later moment, up to a year from now."
        raise Invalid(message, field="deadline")
    change.set(deadline=until)
    change.event("deadline.extended", until=until.isoformat())
    if guidance.strip():
        _guide(change, guidance, by, "extend")
    _go_on(change)


def extend_budget(change: Change, reached: dict[str, Any], amount: Decimal | None, guidance: str, *, by: User) -> None:
    """Adds to the budget that the task is parked for, and lets every task go on that is parked for the same one.

    `reached` is the budget as the review's evidence has it; without an amount, what was suggested there is added.
    """
    given = _amount(reached["unit"], amount if amount is not None else Decimal(reached["suggested"]))
    budget = Budget(Scope(reached["scope"]), reached["key"], reached["period"], Most(), reached["name"])
    budgets.extend(budget, reached["unit"], given)
    change.event("budget.extended", budget=budget.name, unit=reached["unit"], by_amount=f"{given:f}")
    if guidance.strip():
        _guide(change, guidance, by, "extend")
    _go_on(change)
    if budget.is_shared:
        transaction.on_commit(lambda: _release_others(budget, by))


def _release_others(budget: Budget, by: User) -> None:
    """Each in a transaction of its own: nobody's lock is held while another's is waited for."""
    condition = Q(status=TaskStatus.NEEDS_REVIEW, parked_for=ParkedFor.LIMIT, budget=budget.identity)
    for task_id in AgentTask.objects.filter(condition).order_by("pk").values_list("pk", flat=True):
        try:
            with changing(task_id, condition, actor=f"person:{by.get_username()}") as change:
                change.event("budget.extended", budget=budget.name)
                _go_on(change)
                signals.task_left_review.send(sender=AgentTask, change=change)
        except Stale:
            continue  # Somebody decided about it meanwhile.


def _amount(unit: str, amount: Decimal) -> Decimal:
    most = Decimal(100_000) if unit == "dollars" else Decimal(10**12)
    if not amount.is_finite() or not 0 < amount <= most:
        raise Invalid(f"{amount} more {unit} can't be given; use an amount above 0.", field="amount")
    return amount.quantize(Decimal("0.01"), ROUND_CEILING) if unit == "dollars" else amount.to_integral_value()


def respond(change: Change, guidance: str, *, by: User) -> None:
    """Gives the agent a person's guidance; it goes on with its next proposal."""
    _leave_behind(change)
    _guide(change, guidance, by, "respond")
    _go_on(change)


def take_over(change: Change, *, by: User) -> None:
    """The person becomes the task's owner; the agent does nothing until it is given back."""
    _leave_behind(change)
    message = f"{by.get_username()} took the task over."
    change.event("task.taken_over", by=by.get_username())
    change.set(owner=by)
    back_to_owner(change, reason("review.taken_over", message), step=None)


def call_by_hand(change: Change, tool: str, arguments: dict[str, Any], why: str, *, by: User) -> None:
    """The owner asks for a call of one of the agent's tools. The loop judges it, asks others, and runs it.

    Raises Invalid where the agent has no such tool, or its schema refuses the arguments.
    """
    if tool not in change.task.version.read().tools or tool not in registry:
        raise Invalid(f"This agent has no tool “{tool}”.", field="tool")
    call = {
        "tool": tool,
        "arguments": _normalised(registry.get(tool), arguments),
        "why": read_text(why, "reason"),
        "by": by.get_username(),
    }
    _leave_behind(change)
    change.event("task.called_by_hand", **call)
    change.set(by_hand=call)
    _go_on(change)


def finish_by_person(change: Change, result: Any) -> None:
    """The owner ends the task with a result, which the agent's result schema must accept."""
    schema = change.task.version.read().result_schema
    problems = validate(schema, result) if schema else ()
    if problems:
        raise Invalid("; ".join(str(one) for one in problems), field="result")
    if not schema:
        result = read_text(result, "result")
    change.finish(TaskStatus.COMPLETE, result=storable(result))


def give_back(change: Change, guidance: str, summary: str, *, by: User) -> None:
    """The owner hands the task back to the agent: what they did, and what its next plan must follow."""
    _leave_behind(change)
    _guide(change, guidance, by, "give_back", summary=read_text(summary, "summary") if summary.strip() else "")
    change.set(plan=None, owner=None)
    change.event("task.given_back", by=by.get_username())
    _go_on(change)


def terminate(change: Change, why: str) -> None:
    """Ends the task as failed, for a reason that the submitter reads. An action in doubt stays in doubt."""
    change.finish(TaskStatus.FAILED, failure=read_text(why, "reason"))


def expire(change: Change, why: str) -> None:
    """Nobody decided in time: a plan or call is rejected, and who proposed it learns so; anything else ends the task.

    A task that somebody has taken over goes back to its owner, who alone ends it.
    """
    match change.task.parked_for:
        case ParkedFor.PLAN:
            refuse_step(change, _open_step(change, StepKind.PLAN), "review.expired", why)
        case ParkedFor.ACTION:
            action = _current(change, ActionStatus.AWAITING_REVIEW)
            change.move_action(action, ActionStatus.REJECTED)
            refuse_step(change, action.step, "review.expired", why)
        case _ if change.task.owner_id is not None:
            hand_on(change, why, {})
            return
        case _:
            terminate(change, why)
    _go_on(change)


def hand_on(change: Change, why: str, evidence: dict[str, Any]) -> None:
    """Nobody decided in time: what waited is left behind, and a person takes it from there."""
    _leave_behind(change)
    hand_over(change, change.task.version.read(), reason("review.expired", why), evidence=evidence)


def _replaced(change: Change, action: Action, arguments: dict[str, Any], precondition: dict[str, Any] | None) -> Action:
    change.move_action(action, ActionStatus.SUPERSEDED)
    change.event("action.edited", action=action, was=action.arguments, now=arguments)
    return _asked_about(change, action, arguments, precondition)


def _asked_about(
    change: Change, action: Action, arguments: dict[str, Any], precondition: dict[str, Any] | None
) -> Action:
    """A new action in the place of one that waited."""
    return add_action(
        change,
        action.step,
        _tool(action),
        arguments,
        ActionStatus.AWAITING_REVIEW,
        needs_approval=True,
        precondition=precondition,
        origins=after_edit(action.origins, action.arguments, arguments),
    )


def _approved_again(change: Change, action: Action, decision: int, **fields: Any) -> None:
    again = add_action(
        change,
        action.step,
        _tool(action),
        action.arguments,
        ActionStatus.AWAITING_REVIEW,
        needs_approval=True,
        origins=action.origins,
        **fields,
    )
    change.move_action(again, ActionStatus.APPROVED, approval=decision, approved_digest=again.digest)


def _leave_behind(change: Change) -> None:
    """What waited and never started is superseded; an unverified effect failed; its proposal learns so."""
    action = change.task.current_action
    if action is None:
        for step in change.task.steps.filter(status=StepStatus.OPEN):
            refuse_step(change, step, "review.handed_over", "A person took this over instead.")
        return
    to = ActionStatus.SUPERSEDED if action.started_at is None else ActionStatus.FAILED
    change.move_action(action, to)
    if action.step.status == StepStatus.OPEN:
        refuse_step(change, action.step, "review.handed_over", "A person took this over instead of letting it run.")


def _go_on(change: Change) -> None:
    """Resumes the task, or ends it where a cancel was only waiting for this decision."""
    if not change.task.is_final and not change.end_if_canceled():
        resume(change)


def _guide(change: Change, text: str, by: User, verb: str, **more: str) -> None:
    said = {"text": read_text(text, "guidance"), "verb": verb} | {name: value for name, value in more.items() if value}
    entry = {"after_step": change.task.steps_taken, "by": by.get_username(), **said}
    change.set(guidance=[*change.task.guidance, entry], invalid_in_a_row=0)
    change.event("guidance.given", **said)


def _current(change: Change, status: ActionStatus) -> Action:
    action = change.task.current_action
    if action is None or action.status != status:
        raise Stale(f"Task {change.task.pk} has no action that is {ActionStatus(status).label.lower()}.")
    return action


def _open_step(change: Change, kind: StepKind) -> Step:
    step = change.task.steps.filter(kind=kind, status=StepStatus.OPEN).last()
    if step is None:
        raise Stale(f"Task {change.task.pk} has no open {StepKind(kind).label.lower()}.")
    return step


def _normalised(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return tool.normalise(storable(arguments))
    except InvalidArguments as invalid:
        raise Invalid("; ".join(str(one) for one in invalid.problems), field="arguments") from None


def _tool(action: Action) -> Tool:
    if action.tool not in registry:
        raise Stale(f"The tool {action.tool} is no longer registered here, so this can't run.")
    return registry.get(action.tool)


def _rejection(what: str, feedback: str) -> str:
    return f"A reviewer rejected “{what}”: {feedback.strip() or 'no reason was given'}"
