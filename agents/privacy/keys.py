"""With which keys is the vault shut? Those of COUNTERSIGN_VAULT_KEYS, the newest first; SECRET_KEY makes one more.

The last one is for an installation that names no keys, and opens what was shut before it named some.
"""

import base64
import functools
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

__all__ = ["InvalidToken", "digest", "reseal", "seal", "unseal"]


def seal(value: Any) -> str:
    """A JSON value, encrypted with the newest key."""
    return _fernet(_keys()).encrypt(json.dumps(value).encode()).decode()


def unseal(sealed: str) -> Any:
    """The value. Raises InvalidToken where no key opens it."""
    return json.loads(_fernet(_keys()).decrypt(sealed.encode()))


def reseal(sealed: str) -> str:
    """The same value, encrypted with the newest key. Raises InvalidToken."""
    return _fernet(_keys()).rotate(sealed.encode()).decode()


def digest(value: Any) -> str:
    """The same for the same value and newest key; of no use to who has no key."""
    key = hashlib.sha256(b"countersign.vault.digest:" + _keys()[0].encode()).digest()
    return hmac.new(key, json.dumps(value).encode(), hashlib.sha256).hexdigest()


def _keys() -> tuple[str, ...]:
    derived = hashlib.sha256(b"countersign.vault:" + settings.SECRET_KEY.encode()).digest()
    return (*settings.COUNTERSIGN_VAULT_KEYS, base64.urlsafe_b64encode(derived).decode())


@functools.lru_cache(maxsize=8)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
