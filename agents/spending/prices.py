"""What has the operator said that models cost? Read from COUNTERSIGN_PRICES, once for each text."""

import functools

from django.conf import settings

from agents.llm.pricing import BadPrices, OwnPrices, read_own_prices
from agents.spending.money import MOST, PLACES


def own_prices() -> OwnPrices:
    """Raises BadPrices; a system check has said so at the start."""
    return _read(settings.COUNTERSIGN_PRICES)


@functools.lru_cache(maxsize=8)
def _read(text: str) -> OwnPrices:
    found = read_own_prices(text)
    for model, prices in found.items():
        for amount in (prices.input, prices.cached, prices.written, prices.output):
            if amount > MOST or amount.normalize().as_tuple().exponent < 6 - PLACES:  # type: ignore[operator]
                raise BadPrices(f"{amount} is no price for {model}: use at most {PLACES - 6} places, and sane amounts.")
    return found
