"""What shall happen next? The plan's next step where its arguments are complete; else the proposers are asked."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agents.changes import Change
from agents.engine.by_hand import proposal_by_hand
from agents.engine.clock import patient_backoff
from agents.engine.leases import Lease
from agents.engine.parking import hand_over, park_budget, reason
from agents.engine.story import Story
from agents.engine.watching import watch
from agents.llm.base import InvalidProposal, NoProposal, PlanStep, Proposal, Unavailable
from agents.llm.chain import propose
from agents.policy import call_digest
from agents.references import MalformedReference, UnresolvedReference, resolve
from agents.spending.errors import BudgetReached, Moved, NotYet
from agents.spending.proposers import chain_seconds, proposers, purpose_of, second_tier
from agents.states import StepKind, StepStatus, TaskStatus
from agents.storable import storable_text
from tools.registry import registry
from tools.schema import InvalidArguments

LONGEST_TURN = 30.0
"""Seconds after which a task that waits for its turn looks again."""
MANY_TRIES = 1000
"""Tries are counted no further."""
INVALID_IN_A_ROW = 3
"""So many answers without progress go to a person."""


@dataclass(frozen=True)
class Next:
    """A proposal, and the planned step that it carries out, if any."""

    proposal: Proposal
    planned: PlanStep | None
    from_plan: bool


def next_proposal(lease: Lease, story: Story) -> Next | None:
    """The next proposal; None when the turn ended without one and that has been recorded."""
    if story.task.by_hand is not None:
        return Next(proposal_by_hand(story.task.by_hand), planned=None, from_plan=False)
    return from_plan(story) or _ask(lease, story)


def from_plan(story: Story) -> Next | None:
    """The plan's next step, where it can be carried out as it stands; None where a proposer is asked."""
    planned = story.next_planned
    if planned is None or not story.plan_goes_on or planned.arguments is None:
        return None
    try:
        arguments = resolve(planned.arguments, story.results)
    except (UnresolvedReference, MalformedReference):
        return None
    if _changed_already(story, planned.tool, arguments):
        return None
    proposer = story.past[-1].step.proposer
    return Next(Proposal(planned.tool, planned.purpose, story.plan_confidence, arguments, proposer), planned, True)


def _changed_already(story: Story, name: str, arguments: dict[str, Any]) -> bool:
    """Has this very call changed something since the plan? Where a step fails, a proposer may do by itself what the
    plan has further down; then it says whether that is meant once more.
    """
    made = {action.call_digest for action in story.effects_since_plan if action.tool == name}
    if not made or name not in registry:
        return False
    try:
        return call_digest(name, registry.get(name).normalise(arguments)) in made
    except InvalidArguments:
        return False


def _ask(lease: Lease, story: Story) -> Next | None:
    request = story.request()
    try:
        if watch(lease, story, second_tier(story.task, story.definition, lease)):
            return None
        chain = proposers(story.task, story.definition, purpose_of(request), lease)
        with lease.within(chain_seconds(story.definition)):
            proposal = propose(request, chain)
    except InvalidProposal as invalid:
        _record_invalid(lease, story, invalid)
        return None
    except NoProposal as nothing:
        with story.change(lease) as change:
            hand_over(change, story.definition, reason("proposer.none", str(nothing)))
        return None
    except Unavailable as away:
        _wait_for_proposer(lease, story, away)
        return None
    except BudgetReached as reached:
        with story.change(lease) as change:
            park_budget(change, story.definition, reached)
        return None
    except Moved:
        return None
    except NotYet as full:
        _wait_for_room(lease, story, full)
        return None
    planned = request.planned if request.planned and request.planned.tool == proposal.name else None
    return Next(proposal, planned, from_plan=False)


def _record_invalid(lease: Lease, story: Story, invalid: InvalidProposal) -> None:
    with story.change(lease) as change:
        step = change.add_step(
            kind=StepKind.INVALID,
            name=invalid.code,
            status=StepStatus.OPEN,
            proposer=storable_text(invalid.proposer),
            raw=storable_text(invalid.raw),
        )
        error = {"code": invalid.code, "message": storable_text(invalid.message)}
        change.settle_step(step, StepStatus.REFUSED, {"error": error})
        change.event("proposal.invalid", step=step.number, **error)
        count_fruitless(change, story)


def count_fruitless(change: Change, story: Story) -> bool:
    """Counts an answer without progress; too many in a row go to a person. Says whether the task was parked.

    What a task's owner asks for is not counted: it goes back to them in any case.
    """
    if change.task.owner_id is not None:
        return False
    fruitless = change.task.invalid_in_a_row + 1
    change.set(invalid_in_a_row=fruitless)
    if fruitless < INVALID_IN_A_ROW:
        return False
    message = f"The agent's last {fruitless} answers could not be used. The latest ones are shown with the steps."
    change.set(invalid_in_a_row=0)
    hand_over(change, story.definition, reason("proposer.invalid_answers", message))
    return True


def _wait_for_proposer(lease: Lease, story: Story, away: Unavailable) -> None:
    """Nobody of the chain can be reached: asked again later, until the agent's patience is over."""
    with story.change(lease) as change:
        since = change.task.unanswered_since or change.now
        waited = (change.now - since).total_seconds()
        why = storable_text(away.message)
        if waited >= story.definition.limits.patience_seconds:
            change.set(unanswered=0, unanswered_since=None)
            message = f"No model could be reached for {waited:.0f} seconds. The last answer was: {why}"
            hand_over(change, story.definition, reason("proposer.unavailable", message))
            return
        change.set(unanswered_since=since)
        notice = f"The agent's model can't be reached; it is asked again soon. ({why})"
        _sleep(
            change, "proposer.unavailable", why, patient_backoff(change.task.unanswered + 1, away.retry_after), notice
        )


def _wait_for_room(lease: Lease, story: Story, full: NotYet) -> None:
    """Others are asking: this task's turn comes by itself, and no person is needed for it."""
    with story.change(lease) as change:
        notice = f"Waiting for its turn to ask the agent's model. ({full.message})"
        wait = patient_backoff(change.task.unanswered + 1, full.retry_after, LONGEST_TURN)
        _sleep(change, "proposer.busy", full.message, wait, notice)


def _sleep(change: Change, kind: str, why: str, wait: timedelta, notice: str) -> None:
    tries = min(change.task.unanswered + 1, MANY_TRIES)
    change.event(kind, tries=tries, message=why, seconds=round(wait.total_seconds(), 1))
    change.move(TaskStatus.WAITING, unanswered=tries, wake_at=change.now + wait, notice=storable_text(notice))
