"""How is money stored? As whole picodollars, so that sums are exact in every database, and read as Decimals."""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.db import models

PLACES = 12
"""Prices are for a million tokens, so a token's price needs six more places than a price has."""
MOST = Decimal(9_000_000)
"""Dollars that one column can hold."""


class MoneyField(models.BigIntegerField):
    """US dollars. SQLite would calculate with decimals as floats; with whole numbers it is exact."""

    # What the type checker's plugin reads instead of a whole number's types.
    _pyi_private_set_type: Decimal  # type: ignore[assignment]
    _pyi_private_get_type: Decimal  # type: ignore[assignment]

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-PLACES)

    def to_python(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return int(Decimal(value).scaleb(PLACES).to_integral_value(ROUND_CEILING))


def dollars(amount: Decimal) -> models.Value:
    """The amount as part of an expression over money columns."""
    return models.Value(amount, output_field=MoneyField())


def shown(amount: Decimal | None) -> str:
    """The amount for people: as exact as it has to be. None is unpriced, which is not nothing."""
    if amount is None:
        return "unpriced"
    places = 2 if amount == 0 or amount >= 1 else 4 if amount >= Decimal("0.01") else 6
    return f"${amount:,.{places}f}"
