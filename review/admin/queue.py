"""The queue: what is open, by risk, due time and age; whose it is, what is overdue, of which tool, with counts."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OrderBy, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html

from agents.admin.base import ReadOnlyAdmin, number_in
from agents.admin.listing import Chip, chips, count_up_to
from agents.models import AgentTask
from agents.templatetags.countersign import in_short, one_line, risk_tone, visible
from review.admin.reading import ORDER, Person
from review.models import RequestStatus, ReviewRequest
from tools.registry import registry

EVERYTHING = "all"
KEYS = (("j", "The next row"), ("k", "The row before"), ("t", "Many calls together, where a tool is chosen"))
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
            taken_over = AgentTask.objects.filter(owner=person.pk)
            return Q(assigned_to=person.pk) | Q(claimed, claimed_by=person.pk) | Q(task__in=taken_over)
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
    """With counts; of what is closed, which grows without end, only where no other filter has to look at each row."""
    filtered = any(name in changelist.params for name in ("whose", "tool"))
    closed = {status for status in RequestStatus if status != RequestStatus.OPEN} if filtered else ()
    return chips(
        changelist,
        request,
        "status",
        RequestStatus.choices,
        default=RequestStatus.OPEN,
        everything=EVERYTHING,
        uncounted=closed,
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


class QueuePages(ReadOnlyAdmin):
    """The list of review requests, and its moving part."""

    list_display = ("what", "how_risky", "kind", "agent", "submitter", "time_left", "age", "who")
    list_display_links = ("what",)
    list_filter = ("kind", "risk", "task__agent", ToolFilter, WhoseFilter, StatusFilter)
    list_before_template = "countersign/review/queue.html"
    list_select_related = ("task__agent", "task__submitted_by", "claimed_by", "assigned_to")
    search_fields = ("title",)
    search_help_text = "Words of question or goal, or #12"
    nothing = "Nothing waits for a decision. What needs a person appears here."

    def get_urls(self) -> list[URLPattern]:
        news = path("news/", self.admin_site.admin_view(self.news_view), name="review_reviewrequest_news")
        return [news, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewRequest]:
        """Without a join: counts begin from this, too."""
        submitted = AgentTask.objects.filter(pk=OuterRef("task"), submitted_by=request.user.pk)
        return ReviewRequest.objects.defer("shown").annotate(is_mine=Exists(submitted))

    def get_ordering(self, request: HttpRequest) -> tuple[str | OrderBy, ...]:
        """What is open by risk, due time and age; what is closed, the latest first."""
        is_open = request.GET.get("status", RequestStatus.OPEN) == RequestStatus.OPEN
        return ORDER if is_open else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReviewRequest], search_term: str
    ) -> tuple[QuerySet[ReviewRequest], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        if words.startswith("#") and (number := number_in(words.removeprefix("#"))):
            return queryset.filter(task=number), False
        return queryset.filter(Q(title__icontains=words) | Q(task__goal__icontains=words)), False

    def chips(self, changelist: ChangeList, request: HttpRequest) -> list[Chip]:
        return status_chips(changelist, request)

    def whose_chips(self, changelist: ChangeList, request: HttpRequest) -> list[Chip]:
        return whose_chips(changelist, request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        extra: dict[str, Any] = {
            "title": "Review queue",
            "newest": newest(),
            "tool": request.GET.get("tool", ""),
            "keys": KEYS,
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def news_view(self, request: HttpRequest) -> HttpResponse:
        """The moving part of the queue: its counts, and whether requests came that the list does not show yet."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        seen = number_in(request.GET.get("seen")) or 0
        shown = request.GET.copy()
        shown.pop("seen", None)
        request.GET = shown  # type: ignore[assignment]
        changelist = self.get_changelist_instance(request)
        came = changelist.get_queryset(request).filter(pk__gt=seen, status=RequestStatus.OPEN)
        context = {"cl": changelist, "newest": seen, "came": count_up_to(came), "is_fragment": True}
        response = TemplateResponse(request, "countersign/review/queue_live.html", context)
        response["X-Countersign-Fragment"] = "1"
        return response

    @admin.display(description="What, and why it is asked")
    def what(self, asked: ReviewRequest) -> str:
        why = asked.reasons[0]["message"] if asked.reasons else ""
        if why == asked.title:
            why = asked.task.goal
        if asked.is_mine:  # type: ignore[attr-defined]
            why = "You submitted this task, so somebody else decides."
        return format_html(
            '<span class="cs-cell" dir="auto">{}</span><span class="cs-cell cs-why" dir="auto" title="{}">{}</span>',
            one_line(asked.title),
            visible(why[:1000]),
            one_line(why),
        )

    @admin.display(description="Risk")
    def how_risky(self, asked: ReviewRequest) -> str:
        return format_html('<span class="cs-pill cs-{}">{}</span>', risk_tone(asked.risk), asked.get_risk_display())

    @admin.display(description="Agent")
    def agent(self, asked: ReviewRequest) -> str:
        return asked.task.agent.title

    @admin.display(description="Submitter")
    def submitter(self, asked: ReviewRequest) -> str:
        return asked.task.submitted_by.get_username()

    @admin.display(description="Age")
    def age(self, asked: ReviewRequest) -> str:
        since = (asked.closed_at or timezone.now()) - asked.opened_at
        return format_html(
            '<time class="cs-nowrap" datetime="{}" title="{}">{}</time>',
            asked.opened_at.isoformat(),
            f"{asked.opened_at:%d %b %Y %H:%M:%S}",
            in_short(since),
        )

    @admin.display(description="Due", empty_value="")
    def time_left(self, asked: ReviewRequest) -> str:
        if asked.due_at is None or asked.status != RequestStatus.OPEN:
            return ""
        left = asked.due_at - timezone.now()
        late = left.total_seconds() < 0
        return format_html(
            '<time class="cs-nowrap{}" datetime="{}" title="{}">{}</time>',
            " cs-late" if late else "",
            asked.due_at.isoformat(),
            f"{asked.due_at:%d %b %Y %H:%M}",
            f"{in_short(abs(left))} late" if late else f"in {in_short(left)}",
        )

    @admin.display(description="Whose", empty_value="")
    def who(self, asked: ReviewRequest) -> str:
        if asked.claimed_by and asked.claimed_until and asked.claimed_until > timezone.now():
            return format_html("<span>{}, reading it</span>", asked.claimed_by)
        whose = asked.assigned_to or asked.assigned_group or asked.approvers_group
        return format_html("<span>{}</span>", whose) if whose else ""
