"""What can go wrong with a tool? One class for each outcome that a caller treats differently."""

from collections.abc import Iterable


class NothingHappened(Exception):
    """The tool knows that nothing happened. Its message goes back to whoever proposed the call.

    Any exception of another class leaves the outcome unknown, and an effect that may run only once in doubt.
    """


class TemporarilyUnavailable(NothingHappened):
    """Nothing happened, and it is worth trying again: after `retry_after` seconds, if the tool can tell."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidTool(Exception):
    """A tool was written or registered wrongly. Raised while its module is imported."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Tool {name!r}: {problem}")


class UnknownTool(LookupError):
    """No tool is registered under this name."""

    def __init__(self, name: str, nearest: Iterable[str]) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f" Did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(f"There is no tool {name!r}.{hint}")


class MissingSecret(KeyError):
    """A tool asked for a secret that this process was not given."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable

    def __str__(self) -> str:  # KeyError would show the repr of its argument
        return f"The environment variable {self.variable} is not set; the tool needs it."
