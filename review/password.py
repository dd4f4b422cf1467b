"""Is it really this person who lets it run? They type their password once more, and can't guess it for long.

Guesses are counted for each person and quarter of an hour, before the password is looked at. Where they can't be
counted, nothing is let through.
"""

from dataclasses import dataclass

import structlog
from django.contrib.auth.models import User
from django.core.cache import cache

from agents.counting import count, window_of
from agents.errors import Invalid, NotAllowed

log = structlog.get_logger(__name__)

GUESSES = 5
WINDOW = 15 * 60


@dataclass(frozen=True)
class Proof:
    """This person typed their password just now. Made by `prove` alone."""

    person: int


def prove(person: User, password: str) -> Proof:
    """Checks the password of a person who is signed in. Raises Invalid for a wrong one, NotAllowed for too many."""
    if not person.has_usable_password():
        message = "You sign in without a password here, so somebody who has one decides this."
        raise NotAllowed(message, field="password")
    if not password:
        raise Invalid("Type your password once more: this is of critical risk.", field="password")
    counter, left = window_of(f"password-again:{person.pk}", WINDOW)
    if _count(counter) > GUESSES:
        minutes = int(left // 60) + 1
        message = f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        raise NotAllowed(message, field="password")
    if not person.check_password(password):
        log.warning("review.password_wrong", person=person.pk)
        raise Invalid("This is not your password. Nothing was decided.", field="password")
    cache.delete(counter)
    return Proof(person.pk)


def _count(counter: str) -> int:
    try:
        return count(counter, WINDOW)
    except Exception as error:
        log.error("review.password_not_counted", error=str(error)[:200])
        raise NotAllowed("Passwords can't be checked at the moment. Try again soon.", field="password") from error
