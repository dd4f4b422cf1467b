"""How does a task stop for a person? The reasons in words, and the sentence that the submitter reads."""

from typing import Any

from agents.changes import Change, Parking
from agents.definition import AgentDefinition
from agents.models import Action, Step
from agents.policy.verdict import Verdict
from agents.spending.errors import BudgetReached
from agents.states import ActionStatus, ParkedFor, StepStatus, TaskStatus


def reasons_of(verdict: Verdict) -> list[dict[str, Any]]:
    """The reasons that make a verdict what it is, for people and the journal."""
    return verdict.as_json()["reasons"]


def reason(code: str, message: str) -> list[dict[str, Any]]:
    return [{"code": code, "message": message, "rule": "review"}]


def hand_over(
    change: Change,
    definition: AgentDefinition,
    reasons: list[dict[str, Any]],
    *,
    kind: ParkedFor = ParkedFor.ESCALATION,
    step: Step | None = None,
    action: Action | None = None,
    told: str = "",
    evidence: dict[str, Any] | None = None,
    budget: str = "",
) -> None:
    """Parks the task for a person. The submitter reads the agent's sentence, and `told`: what could not be done.

    A task that somebody has taken over goes back to its owner, instead of to whoever is free.
    """
    if change.task.owner_id is not None and kind == ParkedFor.ESCALATION:
        back_to_owner(change, reasons, step)
        return
    notice = " ".join(part for part in (definition.handover, told) if part)
    change.park(Parking(kind, reasons, step, action, evidence or {}, budget), notice=notice)


def ask_submitter(change: Change, step: Step, question: str) -> None:
    """Parks the task for its submitter, with a question."""
    change.set(invalid_in_a_row=0)
    if change.end_if_canceled():
        return
    change.move(TaskStatus.NEEDS_INPUT, question=question)
    change.event("question.asked", step=step.number, question=question)


def back_to_owner(change: Change, reasons: list[dict[str, Any]], step: Step | None, **evidence: Any) -> None:
    """Parks a task that was taken over for the person who owns it, with what came of the call that they asked for."""
    change.set(by_hand=None)
    notice = "A person works on this task now."
    change.park(Parking(ParkedFor.TAKEOVER, reasons, step, evidence=evidence), notice=notice)


def park_limit(change: Change, definition: AgentDefinition) -> None:
    """The step limit is reached: a person extends it, takes over, or ends the task."""
    task = change.task
    message = (
        f"The task has used {task.steps_taken} of its {task.max_steps} steps and is not finished. "
        f"It can be extended up to {definition.limits.ceiling_steps} steps."
    )
    evidence = {
        "steps_taken": task.steps_taken,
        "max_steps": task.max_steps,
        "ceiling_steps": definition.limits.ceiling_steps,
    }
    hand_over(change, definition, reason("limit.steps", message), kind=ParkedFor.LIMIT, evidence=evidence)


def park_deadline(change: Change, definition: AgentDefinition) -> None:
    """The task is not over at its deadline: a person gives it more time, takes over, or ends it."""
    task = change.task
    assert task.deadline is not None
    message = f"The task was to be over by {task.deadline:%Y-%m-%d %H:%M:%S} UTC and is not finished."
    # As long again as it was given at first.
    suggested = change.now + (task.deadline - task.created_at)
    evidence = {"deadline": {"was": task.deadline.isoformat(), "suggested": suggested.isoformat()}}
    hand_over(change, definition, reason("limit.deadline", message), kind=ParkedFor.LIMIT, evidence=evidence)


def park_budget(change: Change, definition: AgentDefinition, reached: BudgetReached) -> None:
    """What the next model call may cost does not fit a budget: somebody with the right extends it, or ends the task."""
    budget = reached.budget
    evidence = {
        "budget": {
            "scope": budget.scope,
            "key": budget.key,
            "period": budget.period,
            "name": budget.name,
            "unit": reached.unit,
            "used": f"{reached.used:f}",
            "most": f"{reached.most:f}",
            "needed": f"{reached.needed:f}",
            "suggested": f"{reached.suggested:f}",
        }
    }
    change.set(unanswered=0, unanswered_since=None)
    reasons = reason("limit.budget", reached.message)
    hand_over(change, definition, reasons, kind=ParkedFor.LIMIT, evidence=evidence, budget=budget.identity)


def park_in_doubt(change: Change, action: Action, why: str) -> None:
    """Nobody knows whether the action happened: it is never blindly run again, and a person settles it."""
    change.move_action(action, ActionStatus.IN_DOUBT, error={"code": "action.in_doubt", "message": why})
    evidence = {
        "idempotency_key": action.idempotency_key,
        "started_at": action.started_at.isoformat() if action.started_at else "",
        "attempts": action.attempts,
        "why": why,
    }
    message = f"{action.sentence} was started, and nobody knows whether it happened: {why}"
    change.park(
        Parking(ParkedFor.IN_DOUBT, reason("action.in_doubt", message), action.step, action, evidence),
        notice="We are checking by hand whether a step of this task took effect.",
    )


def refuse_step(change: Change, step: Step, code: str, message: str, **details: Any) -> None:
    """Ends a step with a structured error that the next proposal sees."""
    change.settle_step(step, StepStatus.REFUSED, {"error": {"code": code, "message": message, **details}})
    change.event("step.refused", step=step.number, code=code, message=message)
