"""What does a call cost? Exact decimals in US dollars, by published prices or the operator's own.

The published ones come with genai-prices and need no network. A model that it does not know is unpriced: None,
never 0.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import genai_prices
from genai_prices.types import ModelPrice, TieredPrices

from agents.llm.asking import Usage

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens of each kind."""

    input: Decimal
    cached: Decimal
    """Input that was read from the provider's cache."""
    written: Decimal
    """Input that was written to the provider's cache."""
    output: Decimal
    source: str

    def cost(self, usage: Usage) -> Decimal:
        """What the call cost."""
        return (
            self.input * usage.fresh_tokens
            + self.cached * usage.cached_tokens
            + self.written * usage.written_tokens
            + self.output * usage.output_tokens
        ) / MILLION

    def worst_case(self, input_tokens: int, output_tokens: int) -> Decimal:
        """The most that so many tokens can cost, however they are counted."""
        return (max(self.input, self.cached, self.written) * input_tokens + self.output * output_tokens) / MILLION


OwnPrices = Mapping[str, Prices]
"""The operator's prices, by the name that a chain gives a model."""


class BadPrices(ValueError):
    """The operator's prices can't be read; the message says why."""


def read_own_prices(text: str) -> dict[str, Prices]:
    """The operator's prices from JSON: {"openai:llama3": {"input": "0.1", "output": "0.4"}}, dollars a million.

    `cached` and `written` may be left out, and cost what input costs. Raises BadPrices.
    """
    try:
        found = json.loads(text or "{}", parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise BadPrices(f"The prices are not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadPrices('The prices must be an object: {"openai:llama3": {"input": "0.1", "output": "0.4"}}.')
    return {model: _own(model, given) for model, given in found.items()}


def prices_of(model: str, usage: Usage, at: datetime, own: OwnPrices) -> Prices | None:
    """The prices that applied to a call; None for an unpriced model."""
    if model in own:
        return own[model]
    found = _published(model, at, usage.tier)
    return None if found is None else _prices(found.model_price, usage.input_tokens)


def dearest_prices(model: str, at: datetime, own: OwnPrices) -> Prices | None:
    """The highest of all prices that the model has, by length, tier or hour; None for an unpriced model."""
    if model in own:
        return own[model]
    found = _published(model, at)
    if found is None:
        return None
    info = found.model
    every = [info.prices] if isinstance(info.prices, ModelPrice) else [one.prices for one in info.prices]
    every += [variant.prices for variant in info.price_variants or ()]
    highest = {
        name: max((high for one in every if (high := _highest(getattr(one, name))) is not None), default=None)
        for name in ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
    }
    return _from(highest, _SOURCE)


_SOURCE = f"genai-prices {genai_prices.__version__}"


def _published(model: str, at: datetime, tier: str = "") -> Any:
    """What the package knows of the model at this minute; looking through all of its patterns takes a while."""
    return _look_up(model, at.replace(second=0, microsecond=0), tier)


@functools.lru_cache(maxsize=256)
def _look_up(model: str, at: datetime, tier: str) -> Any:
    provider, _, name = model.partition(":")
    nothing = genai_prices.Usage(input_tokens=0, output_tokens=0)
    context = {"service_tier": tier} if tier else None
    try:
        return genai_prices.calc_price(
            nothing, name, provider_id=provider, genai_request_timestamp=at, price_context=context
        )
    except LookupError:
        return None


def _prices(found: ModelPrice, input_tokens: int) -> Prices | None:
    names = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
    return _from({name: _at_length(getattr(found, name), input_tokens) for name in names}, _SOURCE)


def _from(found: Mapping[str, Decimal | None], source: str) -> Prices | None:
    into, out = found["input_mtok"], found["output_mtok"]
    if into is None or out is None:
        return None
    read, write = found["cache_read_mtok"], found["cache_write_mtok"]
    return Prices(into, into if read is None else read, into if write is None else write, out, source)


def _at_length(price: Decimal | TieredPrices | None, input_tokens: int) -> Decimal | None:
    """Where long inputs cost more, the whole call is priced by its length."""
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return reached[-1] if reached else price.base


def _highest(price: Decimal | TieredPrices | None) -> Decimal | None:
    if isinstance(price, TieredPrices):
        return max(price.base, *(tier.price for tier in price.tiers))
    return price


def _own(model: str, given: object) -> Prices:
    known = {"input", "cached", "written", "output"}
    if not isinstance(given, dict) or not {"input", "output"} <= set(given) <= known:
        raise BadPrices(f"The prices of {model} need input and output, and may have cached and written.")
    parts = {name: _amount(model, value) for name, value in given.items()}
    into = parts["input"]
    return Prices(into, parts.get("cached", into), parts.get("written", into), parts["output"], "set by the operator")


def _amount(model: str, value: object) -> Decimal:
    try:
        amount = Decimal(value) if isinstance(value, str | Decimal) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount < 0:
        raise BadPrices(f'{value!r} is no price for {model}. Write dollars for a million tokens, like "0.25".')
    return amount
