"""What have all our admin classes in common? History is looked at, and never edited."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator as UnfoldInfinitePaginator

from agents.privacy.showing import rows_of_list, show_to

Row = TypeVar("Row", bound=Model)


def number_in(text: Any) -> int | None:
    """A number from an address; None for what is none, or is larger than any row's."""
    text = str(text or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def row_or_404(rows: QuerySet[Row], pk: Any) -> Row:
    """The row with this key among those that somebody may see; what they may not see does not exist for them."""
    number = number_in(pk)
    row = rows.filter(pk=number).first() if number is not None else None
    if row is None:
        raise Http404(f"There is no {rows.model._meta.verbose_name} {pk}.")
    return row


class InfinitePaginator(UnfoldInfinitePaginator):
    """Pages through a list without counting it: one row more than a page says whether there is another.

    The name is the parent's, because unfold's header asks for it before it prints a count.
    """

    template_name = "countersign/pagination.html"
    has_next = False

    def page(self, number: Any) -> Any:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        self.has_next = len(rows) > self.per_page
        return self._get_page(rows[: self.per_page], number, self)


class ReadOnlyAdmin(ModelAdmin):
    """Rows that people may look at. Whatever a person's permissions say, nothing here adds, changes or deletes."""

    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_before_template: Any = None
    nothing = "Nothing is here."
    """What an empty list says."""
    adds = ""
    """What its button says, where one adds to it."""
    sortable_by = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with masks over people's data that this person does not see."""
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            changelist.result_list = list(changelist.result_list)
            show_to(request.user, *rows_of_list(changelist.result_list))
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
