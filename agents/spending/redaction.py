"""What is left of a request or an answer when its content must not be kept? Its shape, and how long each text was."""

from typing import Any

SHAPE = frozenset(
    {"role", "type", "model", "name", "id", "call_id", "tool_use_id", "tool_call_id", "object", "status", "strict"}
    | {"stop_reason", "finish_reason", "service_tier", "tool_choice", "store", "parallel_tool_calls", "stop_sequence"}
    | {"max_tokens", "max_output_tokens", "max_completion_tokens", "disable_parallel_tool_use", "is_error", "index"}
)
"""Members that say how something was asked or answered, and nothing of what."""
WHOLE = frozenset({"usage"})
"""Members that hold numbers of the provider's."""
CONTENT = frozenset({"input", "arguments"})
"""Members that hold what a model made up, names of members included."""


def redacted(value: Any) -> Any:
    """The value with every text and number that may be content replaced by its size."""
    if isinstance(value, dict):
        return {key: _member(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [redacted(one) for one in value]
    return _size(value)


def _member(key: str, value: Any) -> Any:
    if key in WHOLE or (key in SHAPE and not isinstance(value, dict | list)):
        return value
    if key in CONTENT and isinstance(value, dict):
        return f"({len(value)} members)"
    return redacted(value)


def _size(value: Any) -> Any:
    if value is None or value == "":
        return value
    return f"({len(value):,} characters)" if isinstance(value, str) else f"({type(value).__name__})"
