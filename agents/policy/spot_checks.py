"""Is what ran without a person's word looked at afterwards?"""

from __future__ import annotations

from hashlib import sha256

from agents.definition import AgentDefinition
from agents.policy.verdict import Reason


def spot_check_of(flagged: bool, key: str, definition: AgentDefinition) -> Reason | None:
    """Why a person looks at an effect that ran; None where nobody does.

    What was flagged is always looked at; of the rest, the share that the agent's definition says. The action's random
    key draws the lot, so that the answer is the same whoever asks.
    """
    if flagged:
        message = "The proposer was only fairly sure of this, and it ran without anybody being asked."
        return Reason("spot_check.flagged", message, "flag")
    lot = int.from_bytes(sha256(key.encode()).digest()[:8]) / 2**64
    if lot < definition.spot_checks:
        message = (
            f"Drawn by lot: {definition.spot_checks:.0%} of what this agent does by itself is looked at afterwards."
        )
        return Reason("spot_check.sampled", message, "flag")
    return None
