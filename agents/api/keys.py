"""How does a service get a key, and how is it recognised? Shown once when made, kept as a digest."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from agents.api.scopes import DEFAULT, read
from agents.errors import Invalid, NotAllowed, Stale
from agents.models import ApiKey
from agents.storable import storable_text

MAX_NAME = 80
BOTH_KEYS = timedelta(days=7)
"""How long the old key lives beside the one that replaces it."""
_SHAPE = re.compile(r"cs_([0-9a-f]{12})_[0-9a-f]{48}")
_LAST_USED_STEP = timedelta(minutes=1)


def make_key(
    owner: User, name: str, expires_at: datetime | None = None, scopes: Iterable[str] = DEFAULT
) -> tuple[ApiKey, str]:
    """A new key of `owner`, and its plain text “cs_<prefix>_<secret>”, which nobody can read again later.

    Raises Invalid for a name that can't be kept, an owner who may not sign in, an end that has passed, and what is
    no scope.
    """
    scopes = read(scopes)
    if not name.strip() or len(name) > MAX_NAME or storable_text(name) != name:
        raise Invalid(f"Give the key a name of 1 to {MAX_NAME} readable characters.", field="name")
    if not owner.is_active:
        raise Invalid(f"{owner.get_username()} is not active, so a key of theirs would open nothing.", field="owner")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(
            f"The key would have expired at {expires_at:%Y-%m-%d %H:%M}; choose a later time.", field="expires_at"
        )
    return _new(owner=owner, name=name, expires_at=expires_at, scopes=scopes)


def rotate(key: ApiKey, both: timedelta = BOTH_KEYS) -> tuple[ApiKey, str]:
    """A new key for the same use; both live for a while, and then the old one ends by itself.

    Raises Stale for a key that opens nothing any more, or was replaced already: there are never three.
    """
    now = timezone.now()
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Stale(f"The key {key} opens nothing any more; make a new one instead.")
    if key.replaces_id and _live(key.replaces_id, now):
        raise Stale(f"The key before {key} still lives; revoke it, or wait until it ends.")
    try:
        with transaction.atomic():
            # As long as the old one was made for.
            ends = now + (key.expires_at - key.created_at) if key.expires_at else None
            made = _new(owner=key.owner, name=key.name, scopes=key.scopes, expires_at=ends, replaces=key)
            ends = min(now + both, key.expires_at or now + both)
            ApiKey.objects.filter(pk=key.pk).update(expires_at=ends)
    except IntegrityError:
        raise Stale(f"The key {key} was replaced already.") from None
    key.refresh_from_db(fields=["expires_at"])
    return made


def _new(**fields: Any) -> tuple[ApiKey, str]:
    prefix = secrets.token_hex(6)
    plain = f"cs_{prefix}_{secrets.token_hex(24)}"
    return ApiKey.objects.create(prefix=prefix, digest=_digest(plain), **fields), plain


def _live(key_id: int, now: datetime) -> bool:
    unended = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(unended, pk=key_id, revoked_at=None).exists()


def revoke(key: ApiKey) -> None:
    """Ends a key from now on. Revoking again changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


def find(plain: str) -> ApiKey:
    """The usable key with this plain text, its use noted. Raises NotAllowed with the reason where there is none.

    Only who holds the whole key learns more than that it is not known.
    """
    shape = _SHAPE.fullmatch(plain)
    key = ApiKey.objects.select_related("owner").filter(prefix=shape[1]).first() if shape else None
    if key is None or not secrets.compare_digest(key.digest, _digest(plain)):
        raise NotAllowed("This API key is not known here. Check that it was copied whole, or ask for a new one.")
    now = timezone.now()
    if key.revoked_at is not None:
        raise NotAllowed(f"The API key {key} was revoked. Ask for a new one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise NotAllowed(f"The API key {key} expired on {key.expires_at:%Y-%m-%d}. Ask for a new one.")
    if not key.owner.is_active:
        raise NotAllowed(f"The owner of the API key {key} is not active any more.")
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    """Looks before it writes: even an UPDATE of no row would take SQLite's only write lock on each request."""
    long_ago = now - _LAST_USED_STEP
    if key.last_used_at is not None and key.last_used_at > long_ago:
        return
    unused = Q(last_used_at=None) | Q(last_used_at__lte=long_ago)
    ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=now)


def _digest(plain: str) -> str:
    """A plain SHA-256 is enough: the secret has 192 random bits, so there is nothing to guess from a dictionary."""
    return hashlib.sha256(plain.encode()).hexdigest()
