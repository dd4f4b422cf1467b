"""Whose data are they, and which agent works with them?"""

import json

from agents.definition import Privacy
from tests.loopback import Provider
from tests.spending.conftest import THINKER

EMAIL = "ana.lima@example.org"
CARD = "4111 1111 1111 1111"
PHONE = "+351 912 345 678"
NAME = "Ana Lima"
VALUES = (EMAIL, CARD, PHONE, NAME)
GOAL = f"Look at the kettle that {NAME} ({EMAIL}, {PHONE}) paid with {CARD}"
INPUTS = {"customer": {"name": NAME, "mails": [EMAIL]}, "card": 4111111111111111}

KNOWING = THINKER.model_copy(
    update={
        "name": "knowing",
        "title": "The one who knows people",
        "tools": ("look", "once_asked", "idempotent"),
        "privacy": Privacy(kinds=("email", "phone", "card", "iban", "national_id"), fields=("name",)),
    }
)


def told(provider: Provider) -> str:
    """Everything that reached the provider, as text."""
    return json.dumps(provider.asked, ensure_ascii=False)


def any_of(text: str, values: tuple[str, ...] = VALUES) -> list[str]:
    """Those of the values that stand in the text, in whatever case."""
    bare = text.casefold()
    return [one for one in (*values, "4111111111111111") if one.casefold() in bare]
