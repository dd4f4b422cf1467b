"""The record of decisions: who decided what, when and how."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html

from agents.admin.base import ReadOnlyAdmin, row_or_404
from agents.errors import Refused
from agents.templatetags.countersign import one_line
from review.export import FORMATS, export, period
from review.models import Decision


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("at", "person", "answer", "about", "said", "via")
    list_filter = ("answer", "via")
    list_select_related = ("person", "request")
    list_before_template = "countersign/review/export.html"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return Decision.objects.defer("request__shown", "details")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [path("export/", wrap(self.export_view), name="review_decision_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The decisions of a period as a file, for whoever may see them."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        first, last, form = (request.GET.get(name, "") for name in ("from", "to", "format"))
        try:
            pieces = export(*period(first, last), form, request.user)
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect("admin:review_decision_changelist")
        name = "-".join(filter(None, ("decisions", first[:10] or None, last[:10] or f"{timezone.now():%Y-%m-%d}")))
        headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
        return StreamingHttpResponse(pieces, content_type=f"{FORMATS[form]}; charset=utf-8", headers=headers)

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
