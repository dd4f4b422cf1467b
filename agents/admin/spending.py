"""The pages of what models cost: every call with its totals, the budgets, and the health of models."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.admin.base import ReadOnlyAdmin, number_in, row_or_404
from agents.admin.listing import Chip
from agents.models import Agent, ModelCall, ModelHealth, ProviderTraffic, SpendingAccount
from agents.spending import totals
from agents.spending.money import shown

TONES = {"open": "active", "answered": "good", "failed": "bad", "lost": "attention"}
DAYS = 30
"""Totals are over so many days, so that a long record does not slow the page down."""


def _pill(tone: str, label: str) -> SafeString:
    return format_html('<span class="cs-pill cs-{}">{}</span>', tone, label)


class ByFilter(admin.SimpleListFilter):
    """What the totals above the list are by; it filters nothing."""

    title = "totals by"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in totals.BY]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = ("at", "model", "about", "purpose", "state", "tokens", "costs", "took")
    list_filter = ("status", "purpose", ByFilter, "version__agent", "error_kind")
    list_before_template = "countersign/spending/totals.html"
    search_fields = ("model", "error_kind", "error")
    search_help_text = "A model, an error, a submitter, or #12 for a task"
    nothing = "No model has been called."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelCall]:
        return ModelCall.objects.defer("request", "answer")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ModelCall], search_term: str
    ) -> tuple[QuerySet[ModelCall], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        if words.startswith("#"):
            return queryset.filter(task=number_in(words[1:]) or 0), False
        found = Q(model__icontains=words) | Q(error_kind__icontains=words) | Q(error__icontains=words)
        return queryset.filter(found | Q(task__submitted_by__username__iexact=words)), False

    def chips(self, changelist: ChangeList, request: HttpRequest) -> list[Chip]:
        """What the totals can be by."""
        chosen = _chosen(changelist)
        return [
            Chip(f"By {name}", "", changelist.get_query_string({"by": name, "p": None}), name == chosen)
            for name in totals.BY
        ]

    def totals(self, changelist: ChangeList, request: HttpRequest) -> list[totals.Totals]:
        """The totals of the calls that the filters leave, of the last days."""
        since = timezone.localdate() - timedelta(days=DAYS)
        return list(totals.by(_chosen(changelist), changelist.get_queryset(request).filter(day__gt=since)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        call = row_or_404(ModelCall.objects.select_related("task", "version__agent"), object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": call,
            "title": f"Call {call.pk} to {call.model}",
            "call": call,
            "cost": self.costs(call),
        }
        return TemplateResponse(request, "countersign/spending/call.html", context)

    @admin.display(description="When")
    def at(self, call: ModelCall) -> str:
        return f"{timezone.localtime(call.created_at):%d %b %H:%M:%S}"

    @admin.display(description="For")
    def about(self, call: ModelCall) -> str:
        if call.task_id:
            return f"Task {call.task_id}, step {call.step_number}"
        return "A probe" if call.purpose == ModelCall.Purpose.PROBE else "A task that was removed"

    @admin.display(description="Status")
    def state(self, call: ModelCall) -> str:
        if call.status == ModelCall.Status.ANSWERED and call.error_kind:
            return _pill("attention", f"Answered: {call.error_kind}")
        label = f"{call.get_status_display()}: {call.error_kind}" if call.error_kind else call.get_status_display()
        return _pill(TONES.get(call.status, "quiet"), label)

    @admin.display(description="Tokens in (cached) + out")
    def tokens(self, call: ModelCall) -> str:
        cached = f" ({call.cached_tokens:,})" if call.cached_tokens else ""
        return f"{'at most ' if call.at_most else ''}{call.input_tokens:,}{cached} + {call.output_tokens:,}"

    @admin.display(description="Cost")
    def costs(self, call: ModelCall) -> str:
        return f"at most {shown(call.cost)}" if call.at_most and call.cost is not None else shown(call.cost)

    @admin.display(description="Took")
    def took(self, call: ModelCall) -> str:
        return "" if call.latency_ms is None else f"{call.latency_ms / 1000:.1f} s"


@admin.register(SpendingAccount)
class SpendingAccountAdmin(ReadOnlyAdmin):
    """What counts against each budget; a day's accounts stay as its record."""

    list_display = ("scope", "whose", "period", "used", "used_tokens", "added")
    list_display_links = None
    list_filter = ("scope",)
    nothing = "No budget has a limit, or none was used."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpendingAccount]:
        person = User.objects.filter(pk=OuterRef("key")).values("username")
        agent = Agent.objects.filter(pk=OuterRef("key")).values("title")
        return SpendingAccount.objects.annotate(person=Subquery(person), agent=Subquery(agent))

    @admin.display(description="Whose")
    def whose(self, account: Any) -> str:
        match account.scope:
            case SpendingAccount.Scope.TASK:
                return f"Task {account.key}"
            case SpendingAccount.Scope.SUBMITTER:
                return account.person or ""
            case SpendingAccount.Scope.AGENT:
                return account.agent or ""
        return "Everybody"

    @admin.display(description="Money")
    def used(self, account: SpendingAccount) -> str:
        return shown(account.money)

    @admin.display(description="Tokens")
    def used_tokens(self, account: SpendingAccount) -> str:
        return f"{account.tokens:,}"

    @admin.display(description="Added by people")
    def added(self, account: SpendingAccount) -> str:
        parts = [shown(account.extra_money)] if account.extra_money else []
        return " and ".join(parts + ([f"{account.extra_tokens:,} tokens"] if account.extra_tokens else []))


@admin.register(ModelHealth)
class ModelHealthAdmin(ReadOnlyAdmin):
    list_display = ("model", "state", "failures", "error", "changed_at")
    list_display_links = None
    nothing = "No model has failed."
    ordering = ("model",)

    @admin.display(description="State")
    def state(self, health: ModelHealth) -> str:
        if health.alarmed:
            return _pill("bad", "Its key is not accepted")
        if health.rests_until and health.rests_until > timezone.now():
            return _pill("attention", f"Rests until {timezone.localtime(health.rests_until):%H:%M:%S}")
        return _pill("attention", "Failing") if health.failures else _pill("good", "Well")


@admin.register(ProviderTraffic)
class ProviderTrafficAdmin(ReadOnlyAdmin):
    list_display = ("provider", "in_flight")
    list_display_links = None
    nothing = "No provider was asked yet."


def _chosen(changelist: ChangeList) -> str:
    chosen = changelist.params.get("by", "")
    return chosen if chosen in totals.BY else "day"
