"""Which one text stands for a JSON value? Digests and approvals rest on the answer.

Two values share a canonical form exactly if they are the same JSON value. Numbers are the decimals that JSON
writes: 23.9, 23.90 and Decimal("23.9") are one number, so are 1 and 1.0. A float is the decimal of its
shortest repr, since that is what a database gives back. True is not 1, and "1" is neither.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

JSON: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None

MAX_DEPTH = 100
MAX_PLACES = 1000  # digits written out for one number; a float needs at most 343


class NotJson(ValueError):
    """The value has no place in JSON (or in the database). `path` is a JSON Pointer to the part at fault."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the value'}: {message}")
        self.path = path
        self.message = message


def canonical(value: object) -> str:
    """The canonical JSON text: keys sorted, no spaces, numbers written out in full, characters as they are.

    Raises NotJson for what is not JSON: NaN and infinities, lone surrogates, NUL, keys that are not strings,
    tuples, Python objects; and for what is past all reason (MAX_DEPTH levels, MAX_PLACES digits).
    """
    return _canonical(value, 0)


def canonical_object(members: Mapping[str, str]) -> str:
    """The canonical text of an object whose members' canonical texts are known."""
    return "{" + ",".join([f"{_string(key)}:{members[key]}" for key in sorted(members)]) + "}"


def digest(value: object) -> str:
    """SHA-256 over the canonical form, as 64 hexadecimal characters."""
    return digest_of_text(canonical(value))


def digest_of_text(text: str) -> str:
    """The digest of the value whose canonical form this is."""
    return hashlib.sha256(text.encode()).hexdigest()


def child(path: str, key: str | int) -> str:
    """The JSON Pointer (RFC 6901) to a member of what `path` points to."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _canonical(value: object, depth: int) -> str:
    if isinstance(value, str):  # first, since most of it is text
        return _string(value)
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise NotJson("", f"nested deeper than {MAX_DEPTH} levels")
        return _object(value, depth) if isinstance(value, dict) else _list(value, depth)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _number(value)
    raise NotJson("", f"a Python {type(value).__name__} is not a JSON value")


def _object(value: dict[Any, Any], depth: int) -> str:
    for key in value:
        if not isinstance(key, str):
            raise NotJson("", f"the key {key!r} is not a string")
    written = []
    for key in sorted(value):
        name = _string(key)
        try:
            written.append(f"{name}:{_canonical(value[key], depth + 1)}")
        except NotJson as wrong:
            raise _inside(key, wrong) from None
    return "{" + ",".join(written) + "}"


def _list(value: list[Any], depth: int) -> str:
    written = []
    for index, member in enumerate(value):
        try:
            written.append(_canonical(member, depth + 1))
        except NotJson as wrong:
            raise _inside(index, wrong) from None
    return "[" + ",".join(written) + "]"


def _inside(key: str | int, wrong: NotJson) -> NotJson:
    """What is wrong deep inside is told with the way to it, which is put together only then."""
    return NotJson(child("", key) + wrong.path, wrong.message)


def _string(value: str) -> str:
    if "\0" in value:
        raise NotJson("", "contains the character NUL, which cannot be stored")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotJson("", "contains half of a surrogate pair, which is not a character") from None
    return encode_basestring(value)


def _number(value: int | float | Decimal) -> str:
    if type(value) is int and value.bit_length() < 64:
        return str(value)
    # Enormous integers are refused before anything quadratic is done with their digits.
    if isinstance(value, int) and value.bit_length() > 4 * MAX_PLACES:
        raise NotJson("", f"a number of more than {MAX_PLACES} digits")
    exact = _exact(value)
    if not exact.is_finite():
        raise NotJson("", "not a number that JSON can write: NaN, or past any limit")
    sign, digits, exponent = exact.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return "0"
    assert isinstance(exponent, int)  # only NaN and infinities have letters here
    places = exponent + len(text) - len(significant)
    if max(abs(places), len(significant)) > MAX_PLACES:
        raise NotJson("", f"a number of more than {MAX_PLACES} digits")
    return ("-" if sign else "") + _written_out(significant, places)


def _exact(value: int | float | Decimal) -> Decimal:
    return Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)


def _written_out(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    padded = digits.rjust(1 - exponent, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"


def plain_json(value: object) -> JSON:
    """The value as plain JSON in its normal form; what tools answer and take passes through here.

    Decimals become JSON numbers (whole ones integers), or strings where a number would lose digits. Dates are
    ISO 8601, aware datetimes in UTC. Sets are sorted. NaN and infinities become strings, NUL and lone
    surrogates U+FFFD: an outcome must not be lost for one character in it. Raises NotJson for other objects.
    """
    return _plain(value, "", 0)


def _plain(value: object, path: str, depth: int) -> JSON:
    if depth > MAX_DEPTH:
        raise NotJson(path, f"nested deeper than {MAX_DEPTH} levels")
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, path, depth)
        case str():
            return _storable(value)
        case int():
            return int(value)
        case float() | Decimal():
            return _plain_number(value)
        case datetime() | date() | time():
            return _iso(value)
        case Mapping():
            return {_key(k, path): _plain(v, child(path, str(k)), depth + 1) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v, child(path, i), depth + 1) for i, v in enumerate(value)]
        case set() | frozenset():
            return sorted((_plain(v, path, depth + 1) for v in value), key=canonical)
        case BaseModel():
            return _plain(value.model_dump(by_alias=True), path, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, path, depth)
    return _scalar(value, path)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise NotJson(path, f"the key {key!r} is not a string")
    return _storable(key)


def _storable(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain_number(value: float | Decimal) -> int | float | str:
    exact = _exact(value)
    if not exact.is_finite() or exact.adjusted() > MAX_PLACES:
        return str(value)
    if exact == exact.to_integral_value():
        return int(exact)
    return float(exact) if _exact(float(exact)) == exact else str(value)


def _iso(value: datetime | date | time) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def _scalar(value: object, path: str) -> JSON:
    """UUIDs, addresses, durations and the like, written as pydantic writes them."""
    try:
        written = to_jsonable_python(value)
    except PydanticSerializationError:
        raise NotJson(path, f"a Python {type(value).__name__} is not a JSON value") from None
    if not isinstance(written, str | int | float):
        raise NotJson(path, f"a Python {type(value).__name__} is not a JSON value")
    return written
