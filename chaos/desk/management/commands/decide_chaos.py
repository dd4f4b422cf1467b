"""Plays the reviewers of a run of chaos: decides whatever is asked, until standard input closes.

What they answer is drawn from the request itself, so that a seed gives the same people. Of each ten decisions one is
tried by two people at the same moment.
"""

import select
import sys
import threading
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection

from agents.errors import Invalid, NotAllowed, Stale
from chaos.desk.agent_tools import find
from chaos.goals import left_alone, share
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import Given, decide

AT_ONCE = 50
REFUSED = (Stale, NotAllowed, Invalid)
BROKEN = (DatabaseError, InterfaceError, OSError)


class Command(BaseCommand):
    help = "Decide review requests of a run of chaos until standard input closes."

    def handle(self, *args: Any, **options: Any) -> None:
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            try:
                decide_all()
            except BROKEN as broken:
                self.stderr.write(f"{type(broken).__name__}: {broken}")
            finally:
                connection.close()


def decide_all() -> None:
    """What is open now, except what is left alone, the oldest first."""
    rae, rob = (User.objects.get(username=name) for name in ("rae", "rob"))
    related = ("task__owner", "action")
    asked = ReviewRequest.objects.filter(status=RequestStatus.OPEN).select_related(*related).order_by("id")
    # Left out before they are counted: what nobody answers must not keep people from the rest.
    for request in [one for one in asked if not left_alone(one.task.goal)][:AT_ONCE]:
        answer, given = opinion(request)
        # Of two people who want to take a task over at the same moment, either may be its owner now.
        first = request.task.owner or rae
        other = rob if request.kind != Kind.TAKEOVER and share(f"two:{request.pk}:{request.task.goal}") < 0.1 else None
        racing = threading.Thread(target=say, args=(request, other, answer, given)) if other else None
        if racing:
            racing.start()
        say(request, first, answer, given)
        if racing:
            racing.join()


def say(request: ReviewRequest, person: User, answer: str, given: Given) -> None:
    """One person's decision; a refusal changes nothing, and is looked at again with the next round."""
    try:
        decide(request.pk, person, answer, request.digest, given)
    except (*REFUSED, *BROKEN) as refused:
        print(f"request {request.pk}, {answer} by {person}: {refused}", file=sys.stderr)
    finally:
        connection.close()


def opinion(request: ReviewRequest) -> tuple[str, Given]:
    """What a reasonable person says: they look into the ledger where something is in doubt."""
    drawn = share(f"{request.task.goal}:{request.task.review_requests.count()}")
    if request.action is not None and request.action.tool == "poison":
        return Answer.TERMINATE, Given(comment="It takes our workers down.")
    match request.kind:
        case Kind.PLAN:
            return (Answer.APPROVE, Given()) if drawn < 0.85 else (Answer.REJECT, Given(comment="Not like this."))
        case Kind.ACTION if drawn < 0.7 or request.action is None:
            return Answer.APPROVE, Given()
        case Kind.ACTION if drawn < 0.8:
            return Answer.EDIT, Given(arguments={**request.action.arguments, "note": "edited"})
        case Kind.ACTION:
            return Answer.REJECT, Given(comment="No.")
        case Kind.RESULT:
            return (Answer.ACCEPT if drawn < 0.8 else Answer.RETRY), Given()
        case Kind.IN_DOUBT:
            return _doubt(request, drawn)
        case Kind.LIMIT:
            return Answer.EXTEND, Given(steps=4)
        case Kind.TAKEOVER if drawn < 0.5:
            return Answer.FINISH, Given(result="Done by hand.")
        case Kind.ESCALATION if drawn < 0.3:
            return Answer.RESPOND, Given(comment="go on")
        case Kind.ESCALATION if drawn < 0.5:
            return Answer.TAKE_OVER, Given()
    return Answer.TERMINATE, Given(comment="It is not worth it.")


def _doubt(request: ReviewRequest, drawn: float) -> tuple[str, Given]:
    known = find(request.action.idempotency_key) if request.action else {"happened": False}
    if drawn < 0.1:
        return Answer.TERMINATE, Given(comment="We leave it at that.")
    if known["happened"]:
        return Answer.HAPPENED, Given(result=known)
    return Answer.NOT_HAPPENED, Given()
