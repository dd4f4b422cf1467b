"""How does a test look at a worker that is inside a tool? The tool waits at a gate until the test lets it through."""

import threading
from dataclasses import dataclass, field

PATIENCE = 90.0
"""Seconds after which a test that forgot its gate fails instead of hanging."""


@dataclass
class Gate:
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def wait_for_tool(self) -> None:
        assert self.arrived.wait(PATIENCE), "The tool was never called."

    def open(self) -> None:
        self.opened.set()


_gates: dict[str, Gate] = {}


def gate(subject: str) -> Gate:
    """The gate at which the tool waits when it is called about this subject."""
    return _gates.setdefault(subject, Gate())


def wait_at(subject: str) -> None:
    """Called by the tool."""
    found = gate(subject)
    found.arrived.set()
    if not found.opened.wait(PATIENCE):
        raise TimeoutError(f"Nobody opened the gate of {subject}.")


def forget() -> None:
    _gates.clear()
