"""What have all our admin classes in common? History is looked at, and never edited."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator as UnfoldInfinitePaginator


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
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
