"""What may a value in a body be? Exactly the JSON type that is asked for; nothing is converted or trimmed."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.storable import storable_text
from tools.names import nearest
from tools.schema import NotJson, canonical

MAX_UNKNOWN = 20


def json_type(value: object) -> str:
    """The JSON type of a parsed value, as people call it."""
    names = {bool: "a boolean", str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


STORABLE = "^[^\\u0000]*$"
SAYING = "^[^\\u0000]*\\S[^\\u0000]*$"
"""Text that says something, as a pattern: not blank, and without what can't be stored."""


class Text(serializers.Field[str, Any, str, Any]):
    """Text as it was sent. How long it may be, and whether it may be empty, is the service's to say; `said` in the
    schema (pattern, maxLength, enum) tells callers."""

    def __init__(self, *, said: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        set_override(self, "field", {"type": "string", "pattern": STORABLE} | (said or {}))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(f"must be text; it is {json_type(data)}")
        kept = storable_text(data)
        if kept != data:
            at = next(at for at, (one, other) in enumerate(zip(data, kept, strict=True)) if one != other)
            raise serializers.ValidationError(
                f"has a character that can't be stored (a NUL, or half of a surrogate pair) at position {at}; remove it"
            )
        return data

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field(OpenApiTypes.INT)
class WholeNumber(serializers.Field[int, Any, int, Any]):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError(f"must be a whole number such as 12; it is {json_type(data)}")
        return data

    def to_representation(self, value: int) -> int:
        return value


AMOUNT = "^[0-9]{1,7}([.][0-9]{1,12})?$"


@extend_schema_field({"type": "string", "pattern": AMOUNT})
class Dollars(serializers.Field[Decimal, Any, str, Any]):
    """US dollars as text, since a JSON number is read as a float by most."""

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            raise serializers.ValidationError(f"must be text such as “0.50”; it is {json_type(data)}")
        if not re.fullmatch(AMOUNT, data, re.ASCII):
            raise serializers.ValidationError("must be an amount such as “0.50”, with 12 decimals at most")
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        return f"{value:f}"


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.DateTimeField):
    """A point in time with its offset from UTC: 2026-11-20T12:00:00Z. Without one nobody knows which moment it is."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT.{5,30}(Z|[+-]\d\d:\d\d)", value, re.ASCII):
            raise serializers.ValidationError("must be a moment with its offset, such as 2026-11-20T12:00:00Z")
        return super().to_internal_value(value)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class Texts(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """An object of texts; which names and how long, the service says."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(f"must be an object such as {{}}; it is {json_type(data)}")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


@extend_schema_field(OpenApiTypes.OBJECT)
class JsonObject(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(f"must be an object such as {{}}; it is {json_type(data)}")
        try:
            canonical(data)
        except NotJson as error:
            raise serializers.ValidationError(str(error)) from None
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


@extend_schema_field({})
class AnyJson(serializers.JSONField):
    """A stored JSON value as it is, null among them."""

    def __init__(self, **options: Any) -> None:
        # “Any value, or null” is what the schema would say otherwise, and null would fit both halves.
        options.pop("allow_null", None)
        super().__init__(**options)


class Body(serializers.Serializer[Any]):
    """A body whose every field is known: a misspelt one is named, and not passed over."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError({name: self._unknown(name) for name in unknown[:MAX_UNKNOWN]})
        return super().to_internal_value(data)

    def _unknown(self, name: str) -> str:
        near = nearest(name[:100], self.fields)
        known = f"did you mean {near[0]}?" if near else f"known are: {', '.join(self.fields) or 'none'}"
        return f"is not a field of this request; {known}"
