"""What of the queue does a person look at? Whose it is, what is overdue, of which tool; each with its count."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from agents.admin.listing import Chip, chips, count_up_to
from review.admin.reading import Person
from review.models import RequestStatus, ReviewRequest
from tools.registry import registry

EVERYTHING = "all"
WHOSE = {
    "mine": "Mine",
    "groups": "My groups'",
    "unclaimed": "Unclaimed",
    "overdue": "Overdue",
}


def of(person: Person, whose: str) -> Q:
    """The condition of one of `WHOSE` for this person."""
    claimed = Q(claimed_until__gt=Now())
    groups = person.groups.values("name")  # type: ignore[union-attr]
    match whose:
        case "mine":
            return Q(assigned_to=person.pk) | Q(claimed, claimed_by=person.pk) | Q(task__owner=person.pk)
        case "groups":
            escalated = Q(escalated_at__isnull=False, escalate_to__in=groups)
            return Q(assigned_group__in=groups) | Q(approvers_group__in=groups) | escalated
        case "unclaimed":
            return Q(assigned_to=None) & (Q(claimed_by=None) | Q(claimed_until__lte=Now()))
        case _:
            return Q(due_at__lte=Now())


class StatusFilter(admin.SimpleListFilter):
    """Open requests, unless something else is asked for."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*RequestStatus.choices, (EVERYTHING, "All")]

    def choices(self, changelist: ChangeList) -> Any:
        for value, label in self.lookup_choices:
            chosen = self.value() == value or (self.value() is None and value == RequestStatus.OPEN)
            yield {
                "selected": chosen,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == EVERYTHING:
            return queryset
        return queryset.filter(status=self.value() or RequestStatus.OPEN)


class WhoseFilter(admin.SimpleListFilter):
    """Whose it is to answer."""

    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(WHOSE.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        whose = self.value() or ""
        return queryset.filter(of(request.user, whose)) if whose in WHOSE else queryset


class ToolFilter(admin.SimpleListFilter):
    """The tool of the call that is asked about."""

    title = "tool"
    parameter_name = "tool"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(registry.names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action__tool=self.value()) if self.value() else queryset


def status_chips(changelist: ChangeList, request: HttpRequest) -> list[Chip]:
    return chips(
        changelist, request, "status", RequestStatus.choices, default=RequestStatus.OPEN, everything=EVERYTHING
    )


def whose_chips(changelist: ChangeList, request: HttpRequest) -> list[Chip]:
    """How much of the open queue is whose, with the other filters of the list."""
    chosen = changelist.params.get("whose", "")
    rows = changelist.get_queryset(request, exclude_parameters=["whose"]).filter(status=RequestStatus.OPEN)

    def chip(value: str, label: str) -> Chip:
        count = "" if changelist.query else count_up_to(rows.filter(of(request.user, value)))
        address = changelist.get_query_string({"whose": value, PAGE_VAR: None})
        tone = "failed" if value == "overdue" and count not in ("", "0") else ""
        return Chip(label, count, address, chosen == value, tone)

    everybody = Chip("Everybody's", "", changelist.get_query_string({"whose": None, PAGE_VAR: None}), not chosen)
    return [everybody, *(chip(*one) for one in WHOSE.items())]


def newest() -> int:
    """The key of the newest request there is: a page that has it has seen all."""
    return ReviewRequest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
