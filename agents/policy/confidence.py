"""How sure is the proposer, by its own word? That may tighten a verdict, and never loosens one."""

from __future__ import annotations

from collections.abc import Iterator

from agents.definition import Bands
from agents.policy.verdict import Reason


def check_confidence(confidence: float, bands: Bands) -> Iterator[Reason]:
    """At or above `go` nothing; `flag` a spot check; `ask` a review; anything else, NaN too, is handed over."""
    said = f"The proposer's confidence is {confidence:.2f}"
    if confidence >= bands.go:
        return
    if confidence >= bands.flag:
        message = f"{said}, below {bands.go:.2f}: done, and looked at afterwards."
        yield Reason("confidence.flagged", message, "flag")
    elif confidence >= bands.ask:
        yield Reason("confidence.low", f"{said}, below {bands.flag:.2f}: a person is asked first.", "review")
    else:
        message = f"{said}, below {bands.ask:.2f}: a person takes it from here."
        yield Reason("confidence.too_low", message, "hand_over")
