"""What does an agent of the bench do? One tool for each way through the loop; each takes no time."""

import time
from typing import Any

from tools.context import ToolContext
from tools.registry import tool
from tools.verifiers import has


@tool(effect="read", stakes="low", trusted=True, sentence="Look up {order}")
def look_up(order: str) -> dict[str, Any]:
    """Look up one order.

    Args:
        order: Its number.
    """
    return {"order": order, "total": 42}


@tool(effect="idempotent", stakes="low", trusted=True, verify=has("order"), sentence="Note {order}")
def note(order: str, *, context: ToolContext) -> dict[str, Any]:
    """Note one order.

    Args:
        order: Its number.
    """
    return {"order": order, "total": 42}


@tool(effect="idempotent", stakes="high", trusted=True, verify=has("started"), sentence="Sign {order}")
def sign(order: str, *, context: ToolContext) -> dict[str, Any]:
    """Sign one order, and say when: monotonic seconds, which all processes of a host share.

    Args:
        order: Its number.
    """
    return {"order": order, "started": time.monotonic()}
