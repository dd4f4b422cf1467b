"""What did a provider really send? Its answer as plain JSON, however odd it is.

The SDKs' response objects are full of None where an answer has another shape; gateways send other shapes.
"""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from agents.llm.failures import NoAnswer

SHORTEST_KEY = 8
"""Characters. What is shorter is sent to servers that ask for no key, and may be any word."""


def whole(response: httpx2.Response, key: str) -> tuple[dict[str, Any], str]:
    """The body as a JSON object, and as it came; the key is in neither. Raises NoAnswer."""
    try:
        text = without_key(response.content.decode("utf-8-sig"), key)
        body = json.loads(text)
    except (ValueError, RecursionError):
        kind = "empty" if not response.content.strip() else "not JSON"
        raise NoAnswer(kind) from None
    if not isinstance(body, dict):
        raise NoAnswer("not a JSON object")
    return body, text


def without_key(text: str, key: str) -> str:
    """The text with the key blotted out, since gateways echo what they were sent."""
    return text.replace(key, "…") if len(key) >= SHORTEST_KEY else text


def members(blocks: Iterable[object], kind: str) -> list[dict[str, Any]]:
    """Those of the blocks that are objects of this type."""
    return [block for block in blocks if isinstance(block, dict) and block.get("type") == kind]


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of tokens; 0 for whatever is none, and never more than a column holds."""
    return min(max(value, 0), 2**31 - 1) if isinstance(value, int) and not isinstance(value, bool) else 0
