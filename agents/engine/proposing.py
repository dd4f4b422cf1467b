"""What shall happen next? The plan's next step where its arguments are complete; else the proposers are asked."""

from dataclasses import dataclass

from agents.changes import Change
from agents.engine.clock import backoff
from agents.engine.leases import Lease
from agents.engine.parking import hand_over, reason
from agents.engine.story import Story
from agents.llm.base import InvalidProposal, NoProposal, PlanStep, Proposal, Unavailable
from agents.llm.chain import links, propose
from agents.references import MalformedReference, UnresolvedReference, resolve
from agents.states import StepKind, StepStatus, TaskStatus
from agents.storable import storable_text

MODEL_SECONDS = 300.0
"""So long a chain of proposers may take; then the lease is no longer renewed."""
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
    planned = story.next_planned
    if planned and story.plan_goes_on and planned.arguments is not None:
        try:
            arguments = resolve(planned.arguments, story.results)
        except (UnresolvedReference, MalformedReference):
            pass  # The proposer is asked for this step's arguments.
        else:
            proposer = story.past[-1].step.proposer
            proposal = Proposal(planned.tool, planned.purpose, story.plan_confidence, arguments, proposer)
            return Next(proposal, planned, from_plan=True)
    return _ask(lease, story)


def _ask(lease: Lease, story: Story) -> Next | None:
    request = story.request()
    try:
        with lease.waiting(MODEL_SECONDS):
            proposal = propose(request, links(story.definition))
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
    """Counts an answer without progress; too many in a row go to a person. Says whether the task was parked."""
    fruitless = change.task.invalid_in_a_row + 1
    change.set(invalid_in_a_row=fruitless)
    if fruitless < INVALID_IN_A_ROW:
        return False
    message = f"The agent's last {fruitless} answers could not be used. The latest ones are shown with the steps."
    change.set(invalid_in_a_row=0)
    hand_over(change, story.definition, reason("proposer.invalid_answers", message))
    return True


def _wait_for_proposer(lease: Lease, story: Story, away: Unavailable) -> None:
    with story.change(lease) as change:
        tries = change.task.unanswered + 1
        wait = backoff(tries, away.retry_after)
        why = storable_text(away.message)
        if wait is None:
            change.set(unanswered=0)
            message = f"No model could be reached in {tries} tries. The last answer was: {why}"
            hand_over(change, story.definition, reason("proposer.unavailable", message))
            return
        change.event("proposer.unavailable", tries=tries, message=why, seconds=wait.total_seconds())
        change.move(
            TaskStatus.WAITING,
            unanswered=tries,
            wake_at=change.now + wait,
            notice=f"The agent's model can't be reached; it is asked again soon. ({why})",
        )
