"""What did a provider really send? Its answer as plain JSON, however odd it is.

The SDKs' response objects are full of None where an answer has another shape; gateways send other shapes.
"""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from agents.llm.failures import NoAnswer


def whole(response: httpx2.Response) -> dict[str, Any]:
    """The body as a JSON object. Raises NoAnswer."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        kind = "empty" if not response.content.strip() else "not JSON"
        raise NoAnswer(kind) from None
    if not isinstance(body, dict):
        raise NoAnswer("not a JSON object")
    return body


def members(blocks: Iterable[object], kind: str) -> list[dict[str, Any]]:
    """Those of the blocks that are objects of this type."""
    return [block for block in blocks if isinstance(block, dict) and block.get("type") == kind]


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of tokens; 0 for whatever is none."""
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0
