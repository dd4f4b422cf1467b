"""How does a person's value look to somebody who need not know it? Enough of it to tell two apart."""

from agents.privacy.veil import Scalar

MARK = "•••"
"""Stands in every masked value."""
_LAST = {"card": 4, "iban": 4, "phone": 2, "national_id": 2}
"""How many of the last letters and digits are shown."""


def masked(label: str, value: Scalar) -> str:
    text = str(value)
    if label == "email":
        name, at, domain = text.partition("@")
        return f"{name[:1]}{MARK}{at}{domain}"
    if label in _LAST:
        bare = "".join(filter(str.isalnum, text))
        return f"{MARK}{bare[-_LAST[label] :]}"
    return f"{text[:1]}{MARK}" if len(text) > 2 else MARK
