"""Which settings of spending can't be used? System checks say so before a call is made."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from agents.llm.pricing import BadPrices
from agents.spending.prices import own_prices


@register()
def prices_can_be_read(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    try:
        own_prices()
    except BadPrices as bad:
        hint = 'Write COUNTERSIGN_PRICES like {"openai:qwen3": {"input": "0.10", "output": "0.40"}}.'
        return [Error(f"COUNTERSIGN_PRICES can't be used: {bad}", hint=hint, id="agents.E001")]
    return []
