"""How does a service get a key, and how is it recognised? Shown once when made, kept as a digest."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from agents.errors import Invalid, NotAllowed
from agents.models import ApiKey
from agents.storable import storable_text

MAX_NAME = 80
_SHAPE = re.compile(r"cs_([0-9a-f]{12})_[0-9a-f]{48}")
_LAST_USED_STEP = timedelta(minutes=1)


def make_key(owner: User, name: str, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key of `owner`, and its plain text “cs_<prefix>_<secret>”, which nobody can read again later.

    Raises Invalid for a name that can't be kept, an owner who may not sign in, and an end that has passed.
    """
    if not name.strip() or len(name) > MAX_NAME or storable_text(name) != name:
        raise Invalid(f"Give the key a name of 1 to {MAX_NAME} readable characters.", field="name")
    if not owner.is_active:
        raise Invalid(f"{owner.get_username()} is not active, so a key of theirs would open nothing.", field="owner")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(
            f"The key would have expired at {expires_at:%Y-%m-%d %H:%M}; choose a later time.", field="expires_at"
        )
    prefix = secrets.token_hex(6)
    plain = f"cs_{prefix}_{secrets.token_hex(24)}"
    key = ApiKey.objects.create(owner=owner, name=name, prefix=prefix, digest=_digest(plain), expires_at=expires_at)
    return key, plain


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
