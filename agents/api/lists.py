"""How is a list of tasks asked for? By filters, and page by page from the newest; a misspelt parameter is named."""

import re
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django_filters.filters import CharFilter, IsoDateTimeFilter, MultipleChoiceFilter
from django_filters.rest_framework.backends import DjangoFilterBackend
from django_filters.rest_framework.filterset import FilterSet
from rest_framework import pagination
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from agents.models import AgentTask
from agents.services.submitting import METADATA_NAME
from agents.states import TaskStatus
from agents.storable import storable_text
from tools.names import nearest

METADATA = "metadata."
_POSITION = re.compile(r"[0-9]{1,19}")


class TaskFilter(FilterSet):
    status = MultipleChoiceFilter(
        choices=TaskStatus.choices, help_text="Only tasks in this status; repeat it for several."
    )
    agent = CharFilter(field_name="agent__name", help_text="Only tasks of the agent with this name.")
    created_after = IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", help_text="Only tasks made at this moment or later."
    )
    created_before = IsoDateTimeFilter(
        field_name="created_at", lookup_expr="lt", help_text="Only tasks made before this moment."
    )

    class Meta:
        model = AgentTask
        fields: list[str] = []


class NewestFirst(pagination.CursorPagination):
    """Pages that neither skip nor repeat a row when new ones arrive: the cursor is a place, not a number."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    page_size_query_description = "How many to a page, 1 to 100."
    max_page_size = 100

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for one in parameters:
            if one["name"] == self.page_size_query_param:
                one["schema"] = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return parameters

    def decode_cursor(self, request: Request) -> Any:
        wrong = ValidationError({"cursor": "is not a cursor of this API; follow `next` and `previous` as they are"})
        try:
            cursor = super().decode_cursor(request)
        except Exception:
            raise wrong from None
        if cursor is not None and cursor.position is not None and not _POSITION.fullmatch(str(cursor.position)):
            raise wrong
        return cursor

    def get_page_size(self, request: Request) -> int:
        wanted = request.query_params.get("limit", str(self.page_size))
        most = self.max_page_size
        if not re.fullmatch(r"[0-9]{1,3}", wanted, re.ASCII) or not 1 <= int(wanted) <= most:
            raise ValidationError({"limit": f"must be a whole number from 1 to {most}"})
        return int(wanted)


class KnownFilters(DjangoFilterBackend):
    """Filters as declared. A parameter that nobody declared would be passed over and give too much: it is refused."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        known = [*view.filterset_class.base_filters, "cursor", "limit", "fields"]
        for name in request.query_params:
            if name.startswith(METADATA) and view.filterset_class is TaskFilter:
                queryset = _with_metadata(queryset, name, request.query_params[name])
            elif name not in known:
                near = nearest(name[:100], known)
                hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}, metadata.NAME"
                raise ValidationError({name: f"is not a parameter of this list; {hint}"})
            elif name.startswith("created_") and not request.query_params[name]:
                raise ValidationError({name: "must be a moment such as 2026-11-20T12:00:00Z; it is empty"})
        return super().filter_queryset(request, queryset, view)


def _with_metadata(tasks: QuerySet[Any], parameter: str, text: str) -> QuerySet[Any]:
    """Only tasks whose metadata has this text under the name that the parameter says: metadata.order=1042."""
    name = parameter.removeprefix(METADATA)
    if not METADATA_NAME.fullmatch(name) or storable_text(text) != text:
        raise ValidationError({parameter: "is no metadata; it is asked for as metadata.NAME=text"})
    return tasks.filter(Exact(KeyTextTransform(name, "metadata"), Value(text)))
