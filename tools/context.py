"""What does a tool know about the call it serves? Never the model, never the request."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tools.errors import MissingSecret

SECRET_PREFIX = "COUNTERSIGN_SECRET_"  # noqa: S105 - the name of a variable


class Secrets:
    """Secrets by name: `secrets["BANK"]` is the variable COUNTERSIGN_SECRET_BANK, read when it is asked for.

    Nothing is kept, so nothing can be printed, logged or pickled by accident.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def __getitem__(self, name: str) -> str:
        """The secret; MissingSecret (a KeyError) names the variable to set."""
        variable = SECRET_PREFIX + name
        value = self._environment.get(variable)
        if not value:
            raise MissingSecret(variable)
        return value

    def __repr__(self) -> str:
        return "Secrets(…)"

    def __reduce__(self) -> tuple[type["Secrets"], tuple[()]]:
        return (Secrets, ())


@dataclass(frozen=True)
class ToolContext:
    """One call of a tool: whose it is, the key that makes a repetition harmless, and until when to answer."""

    task_id: int
    idempotency_key: str
    deadline: datetime
    secrets: Secrets = field(default_factory=Secrets)

    def __post_init__(self) -> None:
        if self.deadline.tzinfo is None:
            raise ValueError("ToolContext.deadline must be an aware datetime.")

    def seconds_left(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return (self.deadline - datetime.now(UTC)).total_seconds()
