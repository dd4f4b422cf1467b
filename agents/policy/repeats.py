"""Was this very call made, or rejected, before?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.definition import AgentDefinition
from agents.policy.facts import Facts
from agents.policy.verdict import Reason
from tools.canonical import digest


def call_digest(name: str, arguments: dict[str, Any]) -> str:
    """The name of one call within a task: SHA-256 over the canonical JSON of tool and normalised arguments."""
    return digest({"tool": name, "arguments": arguments})


def check_repeats(name: str, call: str, definition: AgentDefinition, facts: Facts) -> Iterator[Reason]:
    """A rejected call is denied until a person gave guidance, then reviewed. One made too often is reviewed."""
    if call in facts.rejected_calls and call not in facts.guided_since_rejection:
        message = f"A person rejected {name} with these very arguments. Propose something else, or escalate."
        yield Reason("repeat.rejected", message, "deny")
    elif call in facts.rejected_calls:
        message = f"A person rejected {name} with these very arguments before, and has given guidance since."
        yield Reason("repeat.rejected_before", message, "review")
    made, limit = facts.past_calls.get(call, 0), definition.limits.same_call
    if made >= limit:
        message = f"{name} was called {made} times with these very arguments; beyond {limit} a person is asked."
        yield Reason("repeat.identical", message, "review")
