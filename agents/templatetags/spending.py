"""What do the pages of spending need beside the rows?"""

from decimal import Decimal
from typing import Any

from django import template

from agents.spending.errors import shown_amount

register = template.Library()


@register.filter
def in_words(amount: str, unit: str) -> str:
    """An amount of a budget, as a review's evidence has it: "$0.29" or "12,000 tokens"."""
    return shown_amount(unit, Decimal(amount))


@register.simple_tag(takes_context=True)
def totals_of(context: template.Context, changelist: Any) -> Any:
    """The totals above the list of calls."""
    return changelist.model_admin.totals(changelist, context["request"])
