"""How does a person who took a task over use the agent's tools? As its proposer, through the same gate.

What they ask for is kept on the task (`by_hand`) until a worker has recorded it as a step: a worker that dies before
leaves it to be judged by the next one. Then the task goes back to them with what came of it.
"""

from typing import Any

from agents.engine.leases import Lease
from agents.engine.parking import back_to_owner, reason
from agents.engine.story import Story
from agents.llm.base import Proposal, error_of_result
from agents.states import StepStatus

BY_HAND = "person:"
"""How the names of people begin among proposers. No model's name does."""


def proposal_by_hand(call: dict[str, Any]) -> Proposal:
    """A person is sure of what they ask for; every other rule holds for them as for an agent."""
    return Proposal(call["tool"], call["why"], 1.0, call["arguments"], f"{BY_HAND}{call['by']}")


def return_to_owner(lease: Lease, story: Story) -> None:
    """The call is over: its owner sees what came of it, and says what is next."""
    last = story.past[-1]
    sentence = last.action.sentence if last.action else last.step.name
    if last.step.status == StepStatus.DONE:
        code, message = "by_hand.done", f"Done: {sentence}"
    else:
        code, message = "by_hand.not_done", f"Not done: {error_of_result(last.result)['message']}"
    called = {"sentence": sentence, "number": last.step.number, "result": last.result}
    with story.change(lease) as change:
        back_to_owner(change, reason(code, message), last.step, called=called)
