"""How is a long list counted, filtered and searched, so that a million rows don't slow it down?"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from agents.admin.base import number_in
from agents.models import AgentTask

COUNTED = 1000
"""Beyond this many rows a count says “1000+”: nobody acts differently on 1,001 and on a million."""
SUBMITTERS_SHOWN = 50


@dataclass(frozen=True)
class Chip:
    """One choice above a list, with how many rows it leads to."""

    label: str
    count: str
    address: str
    active: bool
    status: str = ""


def count_up_to(rows: QuerySet[Any], most: int = COUNTED) -> str:
    """How many rows there are, counted no further than needed."""
    found = rows.order_by().values("pk")[: most + 1].count()
    return f"{most:,}+" if found > most else f"{found:,}"


def chips(
    changelist: ChangeList,
    request: HttpRequest,
    parameter: str,
    choices: Iterable[tuple[str, str]],
    *,
    default: str = "",
    everything: str | None = None,
    uncounted: Container[str] = (),
) -> list[Chip]:
    """Status chips that keep the other filters of the list; their counts obey those filters too.

    `everything`: the value that stands for all statuses, where the list starts with one of them (`default`). While a
    search is on there are no counts, since each would have to look through the texts; nor are there of what is
    `uncounted`, where no index finds few rows among many.
    """
    chosen = changelist.params.get(parameter, default)
    # Django leaves a filter out only where all of its parameters are named.
    filters = (one.expected_parameters() for one in changelist.filter_specs)
    own: list[str | None] = next((names for names in filters if parameter in names), [parameter])
    rows = changelist.get_queryset(request, exclude_parameters=own)

    def address(value: str | None) -> str:
        return changelist.get_query_string({parameter: value, PAGE_VAR: None})

    made = [
        Chip(
            label,
            "" if changelist.query or value in uncounted else count_up_to(rows.filter(status=value)),
            address(value),
            chosen == value,
            value,
        )
        for value, label in choices
    ]
    return [Chip("All", "", address(everything), chosen == (everything or "")), *made]


class SubmitterFilter(admin.SimpleListFilter):
    """Who submitted: those who did lately, and whoever is chosen."""

    title = "submitter"
    parameter_name = "submitter"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not request.user.has_perm("agents.view_all_tasks"):
            return []
        has_tasks = Exists(AgentTask.objects.filter(submitted_by=OuterRef("pk")))
        people = User.objects.filter(has_tasks).order_by("username")
        found = people.values_list("pk", "username")[:SUBMITTERS_SHOWN]
        return [(str(pk), name) for pk, name in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        number = number_in(value)
        return queryset.none() if number is None else queryset.filter(submitted_by=number)


def search_tasks(tasks: QuerySet[AgentTask], words: str) -> QuerySet[AgentTask]:
    """Tasks with this number, or with these words in their goal."""
    words = words.strip()
    number = number_in(words.removeprefix("#"))
    if number is not None and words.startswith("#"):
        return tasks.filter(pk=number)
    found = Q(goal__icontains=words)
    # The number of an order is searched for as often as that of a task.
    return tasks.filter(found if number is None else found | Q(pk=number))
