"""Are requests and decisions what the journal says they were? Their digests stand in its lines, and are compared.

A line tells what was asked and shown, and what each person answered; rows that say something else, rows without a
line and lines without a row are findings.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from agents.audit.chain import digest_of
from agents.audit.verifying import Finding, Portion, Told
from review.models import Decision, RequestStatus, ReviewRequest

OPENED = "review.opened"
DECISION = "review.decision"
CLOSED = frozenset(RequestStatus) - {RequestStatus.OPEN}
ROWS_AT_ONCE = 20
"""What was shown may be long."""


def shown_digest(request: ReviewRequest) -> str:
    """Of everything that people were shown."""
    return digest_of(request.shown)


def request_digest(request: ReviewRequest) -> str:
    """Of everything of a request that never changes."""
    return digest_of(
        {
            "task": request.task_id,
            "step": request.step_id,
            "action": request.action_id,
            "kind": str(request.kind),
            "title": request.title,
            "reasons": request.reasons,
            "shown": shown_digest(request),
            "digest": request.digest,
            "risk": int(request.risk),
            "approvals_needed": request.approvals_needed,
            "approvers_group": request.approvers_group,
            "edited_by": request.edited_by_id,
            "password_again": request.password_again,
            "times": [at and at.timestamp() for at in (request.remind_at, request.due_at, request.expires_at)],
            "hands_on": request.hands_on,
            "escalate_to": request.escalate_to,
            "opened_at": request.opened_at.timestamp(),
        }
    )


def decision_digest(decision: Decision) -> str:
    """Of a whole decision; none of it ever changes."""
    return digest_of(
        {
            "request": decision.request_id,
            "person": decision.person_id,
            "answer": str(decision.answer),
            "digest": decision.digest,
            "comment": decision.comment,
            "details": decision.details,
            "via": str(decision.via),
            "at": decision.at.timestamp(),
        }
    )


def compare(portion: Portion) -> Iterator[Finding]:
    """What is wrong with the requests and decisions of these tasks."""
    opened = [told for told in portion.told if told.kind == OPENED]
    decided = [told for told in portion.told if told.kind == DECISION]
    requests = ReviewRequest.objects.filter(**portion.within("task_id")).order_by("pk")
    yield from _rows(requests, opened, "request", request_digest)
    yield from _states(portion)
    yield from _whose(portion)
    decisions = Decision.objects.filter(**portion.within("request__task_id")).select_related("request").order_by("pk")
    yield from _rows(decisions.defer("request__shown"), decided, "decision", decision_digest)


def _rows(rows: Any, lines: list[Told], noun: str, digest: Callable[[Any], str]) -> Iterator[Finding]:
    """Rows and lines, one for one. A line whose payload was erased may stand for any row of its task."""
    told = {line.data.get(noun): line for line in lines if not line.is_erased}
    erased = Counter(line.task for line in lines if line.is_erased)
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        line = told.pop(row.pk, None)
        if line is None and erased[_task_of(row)]:
            erased[_task_of(row)] -= 1
        elif line is None:
            yield Finding(_task_of(row), None, f"{noun} {row.pk} is here, and no line of the journal tells of it")
        elif "record" in line.data and digest(row) != line.data["record"]:
            yield Finding(line.task, line.number, f"{noun} {row.pk} was changed: it is not what the line tells")
    for key, line in told.items():
        yield Finding(line.task, line.number, f"{noun} {key} is missing; the line tells of it")


def _states(portion: Portion) -> Iterator[Finding]:
    """A request is open until a line says how it was closed, and then since that moment."""
    closed = {told.data.get("request"): told for told in portion.told if told.kind.removeprefix("review.") in CLOSED}
    erased = {told.task for told in portion.told if told.is_erased and told.kind.removeprefix("review.") in CLOSED}
    rows = ReviewRequest.objects.filter(**portion.within("task_id")).order_by("pk")
    for pk, task, status, at in rows.values_list("pk", "task_id", "status", "closed_at").iterator(chunk_size=500):
        line = closed.get(pk)
        told = (line.kind.removeprefix("review."), line.at) if line else (RequestStatus.OPEN, None)
        if (status, at) != told and not (line is None and task in erased):
            since = ", at another time" if status == told[0] else ""
            what = f"review request {pk} is {status}, and the journal tells that it is {told[0]}{since}"
            yield Finding(task, line.number if line else None, what)


@dataclass
class Whose:
    """Whose a request is to answer, and what time brought it, as the lines of its journal tell."""

    person: int | None = None
    group: str = ""
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None

    def follow(self, line: Told) -> None:
        match line.kind:
            case "review.opened":
                self.group = line.data.get("group", "")
            case "review.delegated":
                self.person, self.group = line.data.get("person"), line.data["group"]
            case "review.given_up":
                self.person = None
            case "review.due_soon":
                self.reminded_at = line.at
            case "review.escalated":
                self.person, self.group, self.escalated_at = None, line.data["group"], line.at


def _whose(portion: Portion) -> Iterator[Finding]:
    """A request went to somebody, or to another group with the right to approve it, only where a line tells so."""
    told: dict[int, Whose] = defaultdict(Whose)
    unknown = {line.task for line in portion.told if line.is_erased}
    for line in portion.told:
        if not line.is_erased:
            told[line.data.get("request", 0)].follow(line)
    rows = ReviewRequest.objects.filter(**portion.within("task_id")).order_by("pk")
    fields = ("assigned_to", "assigned_group", "reminded_at", "escalated_at")
    for pk, task, *now in rows.values_list("pk", "task_id", *fields).iterator(chunk_size=500):
        wanted = astuple(told[pk])
        wrong = [name for name, is_, was in zip(fields, now, wanted, strict=True) if is_ != was]
        if wrong and task not in unknown:
            yield Finding(task, None, f"review request {pk} is another's than the journal tells: {', '.join(wrong)}")


def _task_of(row: Model) -> int:
    return row.request.task_id if isinstance(row, Decision) else row.task_id  # type: ignore[attr-defined]
