"""How is a text or a value written for a model? So that it is data, and always the same text."""

import hashlib
import json
import re

from agents.storable import visible_text

_MARK = re.compile(r"<\s*/?\s*(?:goal|inputs|result|answer|guidance)\s*-", re.IGNORECASE)
_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def block(kind: str, text: str) -> str:
    """The text between marks that it can't contain: their code is the digest of the text itself.

    It is verbatim but for two things: characters that nobody would see are left out, and what looks like a mark of
    ours is spoilt, whatever its code.
    """
    text = _MARK.sub(lambda mark: mark[0].replace("<", "‹"), visible_text(text))
    code = hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:16]
    return f"<{kind}-{code}>\n{text}\n</{kind}-{code}>"


def compact(value: object) -> str:
    """JSON as it is sent: the same value is always the same text, whichever database it came from."""
    return visible_text(_encoder.encode(value))


def tokens(text: str) -> int:
    """About as many tokens as the text takes, erring upwards for languages other than English."""
    return len(text.encode()) // 3 + 1
