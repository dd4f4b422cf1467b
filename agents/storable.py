"""How is text from outside kept, so that every database takes it and no page is fooled?"""

import json
import math
import re
from typing import Any

# NUL and lone surrogates: PostgreSQL refuses the first in text and jsonb, UTF-8 has no form for the second.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
INVISIBLE = (
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\U000e0000-\U000e0fff]"
)
"""A pattern of what is invisible in every font, and so able to say to a model what no reviewer sees."""
_INVISIBLE = re.compile(INVISIBLE)
_json = json.JSONEncoder(ensure_ascii=False).encode
MAX_STORED = 256_000
"""Characters of JSON that one result may take; the rest is cut, and the cut is said."""


def storable_text(text: str) -> str:
    """The same text with what can't be stored shown as U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def visible_text(text: str) -> str:
    """Storable text without characters that no reader would see."""
    return _INVISIBLE.sub("", storable_text(text))


def storable(value: Any) -> Any:
    """Any JSON value in a form that can be stored; a value of another type becomes its text."""
    if isinstance(value, str):  # first, since most of it is text
        return storable_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {storable_text(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return storable_text(str(value))


def bounded(value: Any) -> Any:
    """A storable value, replaced by its beginning when its JSON is longer than `MAX_STORED` characters."""
    kept = storable(value)
    text = _json(kept)
    if len(text) <= MAX_STORED:
        return kept
    return {"cut": True, "characters": len(text), "beginning": text[:MAX_STORED]}
