"""What a call costs is exact; what nobody knows the price of is unpriced, never free."""

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

from agents.llm.asking import Usage
from agents.llm.pricing import BadPrices, Prices, dearest_prices, prices_of, read_own_prices

NOW = datetime(2026, 11, 20, tzinfo=UTC)
USAGE = Usage(input_tokens=10_000, cached_tokens=7_000, written_tokens=1_000, output_tokens=500)


def test_fresh_cached_written_and_output_tokens_are_priced_apart() -> None:
    prices = Prices(Decimal(3), Decimal("0.3"), Decimal("3.75"), Decimal(15), "test")
    assert USAGE.fresh_tokens == 2_000
    assert prices.cost(USAGE) == Decimal("0.01935")


@pytest.mark.parametrize(
    "model", ["anthropic:claude-sonnet-4-5", "anthropic:claude-haiku-4-5", "openai:gpt-4o-mini", "openai:gpt-5.5"]
)
@pytest.mark.parametrize("length", [10_000, 300_000])
def test_the_published_prices_are_applied_as_they_are_published(model: str, length: int) -> None:
    usage = Usage(length, length // 2, 0, 777)
    prices = prices_of(model, usage, NOW, {})
    provider, name = model.split(":")
    published = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=length, cache_read_tokens=length // 2, output_tokens=777),
        name,
        provider_id=provider,
        genai_request_timestamp=NOW,
    )
    assert prices is not None
    assert prices.cost(usage) == published.total_price
    assert prices.source.startswith("genai-prices ")


def test_the_tier_that_served_the_call_has_its_price() -> None:
    standard = prices_of("openai:gpt-4o-mini", Usage(tier="default"), NOW, {})
    fast = prices_of("openai:gpt-4o-mini", Usage(tier="priority"), NOW, {})
    assert standard is not None
    assert fast is not None
    assert fast.input > standard.input


@pytest.mark.parametrize("model", ["anthropic:claude-sonnet-4-5", "openai:gpt-4o-mini", "openai:gpt-5.5"])
@pytest.mark.parametrize("tier", ["", "default", "priority", "standard"])
def test_no_call_costs_more_than_the_worst_case(model: str, tier: str) -> None:
    dearest = dearest_prices(model, NOW, {})
    assert dearest is not None
    for usage in (Usage(300_000, 0, 300_000, 8_000, tier), Usage(5_000, 4_000, 0, 10, tier)):
        prices = prices_of(model, usage, NOW, {})
        assert prices is not None
        assert prices.cost(usage) <= dearest.worst_case(usage.input_tokens, usage.output_tokens)


@pytest.mark.parametrize("model", ["openai:llama3-of-my-own", "anthropic:nothing-like-it", "elsewhere:model"])
def test_an_unknown_model_is_unpriced(model: str) -> None:
    assert prices_of(model, USAGE, NOW, {}) is None
    assert dearest_prices(model, NOW, {}) is None


def test_the_operators_own_prices_win() -> None:
    own = read_own_prices('{"openai:llama3": {"input": "0.10", "output": 0.4}}')
    prices = prices_of("openai:llama3", USAGE, NOW, own)
    assert prices is not None
    assert (prices.cached, prices.written) == (Decimal("0.10"), Decimal("0.10"))
    assert prices.cost(USAGE) == Decimal("0.0012")
    assert dearest_prices("openai:llama3", NOW, own) == prices
    assert read_own_prices("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        '{"m": 3}',
        '{"m": {"input": "1"}}',
        '{"m": {"input": "1", "output": "2", "extra": "3"}}',
        '{"m": {"input": "-1", "output": "2"}}',
        '{"m": {"input": "NaN", "output": "2"}}',
        '{"m": {"input": true, "output": "2"}}',
        '{"m": {"input": "a lot", "output": "2"}}',
    ],
)
def test_prices_that_can_not_be_read_are_refused(text: str) -> None:
    with pytest.raises(BadPrices):
        read_own_prices(text)
