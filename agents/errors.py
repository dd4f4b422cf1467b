"""What can go wrong that a caller treats differently? One class for each; the message is for the reader."""


class Refused(Exception):
    """A request that changes nothing, and says why in one sentence that a person can act on."""

    code = "refused"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Invalid(Refused):
    """What was sent can't be accepted as it is."""

    code = "invalid"


class Stale(Refused):
    """The task moved on since the page, the message or the worker last looked at it."""

    code = "stale"


class TooMany(Refused):
    """Too much was asked for within a minute."""

    code = "too_many"


class NotAllowed(Refused):
    """This person may not do this."""

    code = "not_allowed"


class KeyReused(Refused):
    """An idempotency key came again with another request."""

    code = "idempotency_key_reused"


class KeyInFlight(Refused):
    """A request with the same idempotency key is being worked on at this moment."""

    code = "idempotency_key_in_flight"


class Unfinished(Exception):
    """Some of what was asked for was done and stays done; asked for again, it goes on with the rest."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LeaseLost(Exception):
    """Another worker has the task now, or may have: stop, and change nothing."""


class IllegalChange(Exception):
    """A state change that the transition tables don't have: a mistake in the code."""
