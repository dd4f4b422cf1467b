"""How are many like requests decided at once? Each by itself: its own digest, check and transaction.

A batch is bound to the rows that were on the screen, each named with its digest. Whoever sends it is told of each row
whether it was decided, or why it was passed over; one that is refused keeps no other back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from django.contrib.auth.models import User

from agents.errors import Invalid, Refused
from review.models import Answer, Decision, Kind, ReviewRequest, Via
from review.services import Given, decide

ANSWERS = (Answer.APPROVE, Answer.REJECT, Answer.TERMINATE)
"""What may be said to many calls at once."""
NEEDS_REASON = frozenset({Answer.REJECT, Answer.TERMINATE})
MOST = 500


@dataclass(frozen=True)
class Row:
    """A request, and the digest of what was on the screen for it."""

    request: int
    digest: str


@dataclass(frozen=True)
class Outcome:
    """What came of one row: a decision, or why there is none."""

    request: int
    decision: Decision | None = None
    why: str = ""


def decide_together(
    rows: Sequence[Row], person: User, answer: str, given: Given, via: str = Via.ADMIN
) -> list[Outcome]:
    """Gives one answer to calls of one tool, in the order given; tells of each what came of it.

    Raises Invalid, with nothing decided, where the rows are none, too many or calls of several tools, the answer is
    none for many, or its reason is missing.
    """
    _check(rows, answer, given)
    together = replace(given, details={"together": {"id": str(uuid4()), "of": len(rows)}})
    return [_decide(row, person, answer, together, via) for row in rows]


def _decide(row: Row, person: User, answer: str, given: Given, via: str) -> Outcome:
    try:
        return Outcome(row.request, decide(row.request, person, answer, row.digest, given, via))
    except Refused as refused:
        return Outcome(row.request, why=refused.message)


def _check(rows: Sequence[Row], answer: str, given: Given) -> None:
    if answer not in ANSWERS:
        offered = ", ".join(one.label for one in ANSWERS)
        raise Invalid(f"“{answer}” can't be said to many at once. What can: {offered}.", field="answer")
    if answer in NEEDS_REASON and not given.comment.strip():
        raise Invalid("Say why, in a sentence: it is the reason for each of them.", field="comment")
    if not rows:
        raise Invalid("No request is chosen: tick those that you have looked at.", field="rows")
    if len(rows) > MOST:
        raise Invalid(f"{len(rows)} requests are too many at once; choose at most {MOST}.", field="rows")
    if len({row.request for row in rows}) < len(rows):
        raise Invalid("The same request is named twice.", field="rows")
    asked = ReviewRequest.objects.filter(pk__in=[row.request for row in rows])
    kinds = set(asked.values_list("kind", "action__tool").order_by())
    if len(kinds) > 1 or any(kind != Kind.ACTION for kind, _ in kinds):
        raise Invalid("Only calls of one tool are decided together. Nothing was decided.", field="rows")
