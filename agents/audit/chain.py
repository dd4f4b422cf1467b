"""What exactly is hashed? A line of the journal with the line before it, and its payload by a salted digest.

The rules are short enough to be written again by whoever does not trust this code; docs/audit.md has them in words.
Nothing here may fail: a line that could not be hashed would be an outcome that could not be recorded.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

RULES = "countersign.journal.1"
"""Names these rules inside each hash, so that other rules can follow one day."""


class Line(Protocol):
    """What of a journal's line goes into its hash, and what comes out."""

    task_id: int
    number: int
    kind: str
    actor: str
    at: datetime
    data: Any
    salt: str
    payload_digest: str
    previous_hash: str
    hash: str


def add_links(lines: Iterable[Any], head: str) -> str:
    """Salts and links new lines, in their order, to what the journal ends with; gives its new head."""
    for line in lines:
        line.salt = secrets.token_hex(16)
        line.payload_digest = payload_digest(line.salt, line.data)
        line.previous_hash = head
        line.hash = head = line_hash(line)
    return head


def line_hash(line: Line, number: int | None = None) -> str:
    """The hash of a line as it is now; or as it would be under another number."""
    parts = [
        RULES,
        line.task_id,
        line.number if number is None else number,
        line.kind,
        line.actor,
        line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        line.payload_digest,
        line.previous_hash,
    ]
    return sha256(text_of(parts))


def payload_digest(salt: str, data: Any) -> str:
    """Salted, so that nobody finds an erased payload again by hashing guesses."""
    return sha256(f"{salt}:{text_of(data)}")


def digest_of(value: Any) -> str:
    """The digest of any value that can be stored as JSON."""
    return sha256(text_of(value))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(value: Any) -> str:
    """One text for a JSON value, the same before it is stored and when it comes back from any database."""
    return _encoder.encode(_plain(value))


_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, str):  # first, since most of it is text
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        # PostgreSQL gives 1e20 back as 100000000000000000000.
        return int(Decimal(repr(value)))
    return value
