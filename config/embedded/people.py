"""Who can sign in to the embedded Countersign, and with which passwords?

The demo's passwords are known to everyone who reads this code. They will do while only this machine can reach
the sign-in page. Beyond it, the same people get passwords made for this run; and without the demo, none.
"""

import secrets

from django.contrib.auth import get_user_model

from agents import demo
from agents.demo import SignIn


def with_demo(*, known_passwords: bool) -> list[SignIn]:
    """Make the demo's people and stories where they are missing, and say how to sign in."""
    if known_passwords:
        return demo.prepare()
    return demo.prepare({name: secrets.token_urlsafe(12) for name in _demo_names()})


def without_demo() -> list[SignIn]:
    """Shut the demo's people out, if an earlier run made them, and see to it that somebody can sign in."""
    users = get_user_model().objects
    for user in users.filter(username__in=_demo_names()):
        user.set_unusable_password()
        user.save(update_fields=["password"])
    if users.filter(is_superuser=True, is_active=True).exclude(username__in=_demo_names()).exists():
        return []
    first = SignIn(username="admin", role="may do everything; made just now", password=secrets.token_urlsafe(12))
    users.create_superuser(first.username, password=first.password)
    return [first]


def _demo_names() -> list[str]:
    return [name for name, *_ in demo.PEOPLE]
