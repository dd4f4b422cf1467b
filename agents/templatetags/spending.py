"""What do the pages of the ledger need beside the rows?"""

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def totals_of(context: template.Context, changelist: Any) -> Any:
    """The totals above the list of calls."""
    return changelist.model_admin.totals(changelist, context["request"])
