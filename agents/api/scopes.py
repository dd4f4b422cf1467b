"""What may a key do? Its scopes say, as far as its owner may."""

from collections.abc import Iterable

from agents.errors import Invalid
from tools.names import nearest

SCOPES = {
    "tasks:read": "read tasks and events, agents and tools",
    "tasks:write": "submit, answer and cancel tasks; name webhooks",
    "reviews:read": "read review requests",
    "reviews:decide": "claim and decide review requests",
    "usage:read": "read what was used, by day",
}
DEFAULT = ("tasks:read", "tasks:write")


def read(scopes: Iterable[str]) -> list[str]:
    """The scopes, each once and in our order. Raises Invalid for one that is none."""
    given = list(scopes)
    for scope in given:
        if scope not in SCOPES:
            near = nearest(str(scope)[:100], SCOPES)
            hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(SCOPES)}"
            raise Invalid(f"“{str(scope)[:100]}” is not a scope; {hint}", field="scopes")
    if not given:
        raise Invalid("Give the key at least one scope.", field="scopes")
    return [scope for scope in SCOPES if scope in given]
