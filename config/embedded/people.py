"""Who can sign in to the embedded Countersign, and with which passwords?

The demo's passwords are known to everyone who reads this code. They will do while only this machine can reach
the sign-in page. Beyond it, the same people get passwords made for this run; and without the demo, none.
"""

import secrets
from dataclasses import replace

from django.contrib.auth import get_user_model

from agents import demo
from agents.demo import SignIn


def with_demo(*, known_passwords: bool) -> list[SignIn]:
    """Make the demo's people and stories where they are missing, and say how to sign in."""
    sign_ins = demo.prepare()
    if not known_passwords:
        sign_ins = [replace(one, password=secrets.token_urlsafe(12)) for one in sign_ins]
    for one in sign_ins:
        _give_password(one)
    return sign_ins


def without_demo() -> list[SignIn]:
    """Shut the demo's people out, if an earlier run made them, and see to it that somebody can sign in."""
    users = get_user_model().objects
    for user in users.filter(username__in=demo.USERNAMES):
        user.set_unusable_password()
        user.save(update_fields=["password"])
    if users.filter(is_superuser=True, is_active=True).exclude(username__in=demo.USERNAMES).exists():
        return []
    first = SignIn(role="administrator", username="admin", password=secrets.token_urlsafe(12))
    users.create_superuser(first.username, password=first.password)
    return [first]


def _give_password(one: SignIn) -> None:
    """Only where it differs: a new password ends a person's sessions."""
    user = get_user_model().objects.get(username=one.username)
    if not user.check_password(one.password):
        user.set_password(one.password)
        user.save(update_fields=["password"])
