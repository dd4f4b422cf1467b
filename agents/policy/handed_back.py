"""Does the agent follow what the person says who gave the task back? Only a person can tell, so one looks."""

from __future__ import annotations

from collections.abc import Iterator

from agents.policy.verdict import Reason


def check_handed_back(what: str, handed_back_by: str) -> Iterator[Reason]:
    """The first plan after a task was given back is reviewed, and so is a result that comes before such a plan."""
    if handed_back_by:
        message = f"{handed_back_by} gave the task back with guidance: does this {what} follow it?"
        yield Reason("plan.after_hand_back", message, "review")
