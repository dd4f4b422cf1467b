"""May this call start at this moment? Looked at in the transaction that writes the start ahead, approved or not."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agents import tallies
from agents.changes import Change
from agents.engine.story import Story
from agents.policy import Denial, Verdict, denied_now
from agents.policy.ceilings import exceeded
from agents.policy.constraints import reason
from agents.states import TaskStatus
from agents.tallies import Count


@dataclass(frozen=True)
class Passed:
    """It may start; its row keeps what it took of limits."""

    counted: list[dict[str, Any]] | None


class _Full(Exception):
    """A limit has no room. Undoes what other limits gave."""

    def __init__(self, count: Count) -> None:
        super().__init__(count.counter)
        self.count = count


def pass_gate(
    change: Change, story: Story, tool: str, arguments: dict[str, Any], *, approved: bool
) -> Passed | Denial | Verdict:
    """What the call takes of its limits; or the kill switch that stops the agent; or the verdict against it.

    Denials win over an approval. A limit that only asks for a person is held where nobody approved.
    """
    facts = story.facts_about(tool, arguments, change.now)
    if stop := story.stopped_by(facts):
        return stop
    if denied := denied_now(tool, arguments, story.definition, facts):
        return denied
    counts = tallies.counts(change.task.agent_id, story.definition, tool, arguments, change.now)
    if not counts:
        return Passed(None)
    try:
        with transaction.atomic():
            for count in counts:
                if not tallies.take(count, change.now, beyond=approved and count.constraint.verdict == "review"):
                    raise _Full(count)
    except _Full as full:
        return _refusal(change, story, tool, arguments, full.count)
    return Passed(tallies.kept(counts))


def _refusal(change: Change, story: Story, tool: str, arguments: dict[str, Any], count: Count) -> Verdict:
    """Others took the room since the call was judged: the limit's word, with what is used by now."""
    used = story.facts_about(tool, arguments, change.now).used[count.index]
    limit = count.constraint.limit
    assert limit is not None
    return Verdict.of([reason(count.constraint, exceeded(limit, arguments, used) or "")])


def pause(change: Change, denial: Denial) -> None:
    """Gives the task back to the queue, where it waits until the kill switch is lifted; a cancel ends it at once."""
    if change.end_if_canceled():
        return
    change.event("task.stopped", message=denial.why)
    change.move(TaskStatus.PENDING)
