"""The record of decisions: who decided what, when and how."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from agents.admin.base import ReadOnlyAdmin, row_or_404
from agents.templatetags.countersign import one_line
from review.models import Decision


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("at", "person", "answer", "about", "said", "via")
    list_filter = ("answer", "via")
    list_select_related = ("person", "request")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return Decision.objects.defer("request__shown", "details")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A decision is read where it was made: on its review's page."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        decision = row_or_404(Decision.objects.all(), object_id)
        return redirect("admin:review_reviewrequest_change", decision.request_id)

    @admin.display(description="About")
    def about(self, decision: Decision) -> str:
        return format_html('<span class="cs-cell" dir="auto">{}</span>', one_line(decision.request.title))

    @admin.display(description="Comment")
    def said(self, decision: Decision) -> str:
        return format_html('<span class="cs-cell" dir="auto">{}</span>', one_line(decision.comment))
