"""What did an edit change? The difference between two JSON values, as a JSON Patch with the old values beside it."""

from typing import Any


def difference(was: Any, now: Any, at: str = "") -> list[dict[str, Any]]:
    """Operations of RFC 6902 (`add`, `remove`, `replace`) from `was` to `now`, each with the `old` value."""
    if isinstance(was, dict) and isinstance(now, dict):
        changes: list[dict[str, Any]] = []
        for key in dict.fromkeys([*was, *now]):
            path = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in now:
                changes.append({"op": "remove", "path": path, "old": was[key]})
            elif key not in was:
                changes.append({"op": "add", "path": path, "value": now[key]})
            else:
                changes += difference(was[key], now[key], path)
        return changes
    same = was == now and isinstance(was, bool) == isinstance(now, bool)
    return [] if same else [{"op": "replace", "path": at, "value": now, "old": was}]
