"""The record of what proposers were asked, and what it cost in tokens."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from agents.admin.base import ReadOnlyAdmin, row_or_404
from agents.models import ModelCall

TONES = {"open": "active", "answered": "good", "failed": "bad"}


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = ("model", "about", "state", "input_tokens", "cached_tokens", "output_tokens", "created_at")
    list_filter = ("status",)
    nothing = "No model has been called."
    ordering = ("-id",)

    @admin.display(description="Task")
    def about(self, call: ModelCall) -> str:
        return f"Task {call.task_id}, step {call.step_number}"

    @admin.display(description="Status")
    def state(self, call: ModelCall) -> str:
        label = f"{call.get_status_display()}: {call.error_kind}" if call.error_kind else call.get_status_display()
        return format_html('<span class="cs-pill cs-{}">{}</span>', TONES.get(call.status, "quiet"), label)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """A call is read where it was made: on its task's page."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        call = row_or_404(ModelCall.objects.all(), object_id)
        return redirect("admin:agents_agenttask_change", call.task_id)
