"""Where do rows hold what people and tools said? Every column, so that none is forgotten when it is shown or erased."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """The columns of one kind of row, and how it belongs to a task."""

    columns: tuple[str, ...]
    task: str = "task"
    told_by: tuple[str, str] | None = None
    """The kind of the journal's line that holds the row's digest, and the member of its payload with the row's key."""


TASK = "agents.agenttask"
JOURNAL = "agents.taskevent"
ASKED = ("goal", "inputs", "metadata", "question")
CONTENT: Mapping[str, Content] = {
    TASK: Content((*ASKED, "screened", "notice", "plan", "guidance", "by_hand", "result", "failure"), task="pk"),
    "agents.step": Content(("name", "purpose", "arguments", "raw", "verdict", "answer", "screened")),
    "agents.action": Content(
        ("arguments", "origins", "sentence", "precondition", "result", "error", "verification"),
    ),
    JOURNAL: Content(("data",)),
    "agents.modelcall": Content(("request", "answer", "error", "passed_over")),
    # The room above, by its name: nothing of it is imported here.
    "review.reviewrequest": Content(("title", "reasons", "shown"), told_by=("review.opened", "request")),
    "review.decision": Content(("comment", "details"), task="request__task", told_by=("review.decision", "decision")),
    "review.notice": Content(("error",), task="request__task"),
    "outgoing.attempt": Content(("error",), task="delivery__event__task"),
}
"""By the names of the models."""
