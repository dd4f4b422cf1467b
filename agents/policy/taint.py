"""Does a call reach out of the task with values, or outside a plan, that text from outside may have chosen?

See `agents.policy.provenance` for what is tainted. A tool that reads inside the house may be called with anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.policy.facts import Facts
from agents.policy.verdict import Reason
from tools.registry import Effect, Tool

_ADDRESS = "://"
_NAMED = 6


def reaches_out(tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Does the call change something, or carry its arguments out of the house: declared so, or with an address?"""
    return tool.effect is not Effect.READ or tool.outward or _has_address(arguments)


def check_taint(tool: Tool, arguments: Mapping[str, Any], facts: Facts) -> Iterator[Reason]:
    """A person looks at what text from outside may have put into a call that reaches out, or made of the plan."""
    if facts.by_recipe or not reaches_out(tool, arguments):
        return
    tainted = [one for one in facts.origins if one.tainted and one.argument not in tool.carries]
    if tainted:
        named = "; ".join(f"{one.at.removeprefix('/')}: {one.words}" for one in tainted[:_NAMED])
        more = f", and {len(tainted) - _NAMED} more" if len(tainted) > _NAMED else ""
        yield Reason(
            "taint.values", f"Text from outside may have chosen what {tool.name} gets ({named}{more}).", "review"
        )
    if facts.scope is not None and facts.scope.get(tool.name, 0) < 1:
        message = f"The plan that was fixed before text from outside was read has no {tool.name} (any more)."
        yield Reason("taint.outside_plan", message, "review")


def _has_address(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_address(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(_has_address(part) for part in value)
    return isinstance(value, str) and _ADDRESS in value
