"""Does the tool's own declaration ask for a person?"""

from __future__ import annotations

from collections.abc import Iterator

from agents.policy.verdict import Reason
from tools.registry import Effect, Stakes, Tool


def check_stakes(tool: Tool) -> Iterator[Reason]:
    """High stakes that change the world, or send something out of the house, wait for a countersignature."""
    if tool.stakes is not Stakes.HIGH:
        return
    if tool.effect is not Effect.READ:
        yield Reason(
            "stakes.high", f"{tool.name} changes something with high stakes: a person approves it first.", "review"
        )
    elif tool.outward:
        yield Reason(
            "stakes.high", f"{tool.name} sends its arguments out of the house: a person approves it first.", "review"
        )
