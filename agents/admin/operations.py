"""The pages for whoever runs it: kill switches, workers, API keys."""

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from agents import kill_switches
from agents.admin.base import ReadOnlyAdmin, row_or_404
from agents.admin.forms import ApiKeyForm, KillSwitchForm
from agents.api import keys
from agents.errors import Refused
from agents.models import ApiKey, KillSwitch, Team, WorkerProcess

QUIET_AFTER = timedelta(seconds=60)
"""A worker not seen for so long is shown as quiet; whether it is dead, its leases decide."""


def _pill(tone: str, label: str) -> str:
    return format_html('<span class="cs-pill cs-{}">{}</span>', tone, label)


class OperationsAdmin(ReadOnlyAdmin):
    """Rows that are made and ended on pages of their own."""

    page_template = ""

    def _row(self, request: HttpRequest, pk: int | str) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return row_or_404(self.get_queryset(request), pk)

    def _context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **more}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied("This is not edited.")
        row = self._row(request, object_id)
        context = self._context(request, str(row), row=row, original=row, may_end=self._may_end(request))
        return TemplateResponse(request, self.page_template, context)

    def _may_end(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"agents.change_{self.opts.model_name}")


@admin.register(KillSwitch)
class KillSwitchAdmin(OperationsAdmin):
    list_display = ("stops", "why", "engaged_by", "engaged_at", "state")
    list_select_related = ("agent", "engaged_by")
    ordering = ("-id",)
    page_template = "countersign/operations/kill_switch.html"
    nothing = "No kill switch has been engaged."
    adds = "Engage a kill switch"

    def get_queryset(self, request: HttpRequest) -> QuerySet[KillSwitch]:
        return KillSwitch.objects.select_related("agent", "engaged_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.add_killswitch")

    def get_urls(self) -> list[URLPattern]:
        lift = self.admin_site.admin_view(require_POST(self.lift_view))
        return [path("<int:pk>/lift/", lift, name="agents_killswitch_lift"), *super().get_urls()]

    @admin.display(description="Stops")
    def stops(self, switch: KillSwitch) -> str:
        return str(switch)

    @admin.display(description="State")
    def state(self, switch: KillSwitch) -> str:
        return _pill("quiet", "Lifted") if switch.lifted_at else _pill("bad", "Engaged")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KillSwitchForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                switch = kill_switches.engage(by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, f"Engaged: {switch} is stopped from now on.")
                return redirect("admin:agents_killswitch_changelist")
        context = self._context(
            request,
            "Engage a kill switch",
            form=form,
            intro="Nothing that it stops is started from now on. What is under way already is not interrupted.",
            send="Engage",
        )
        return TemplateResponse(request, "countersign/form_page.html", context, status=422 if form.errors else 200)

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        switch = self._row(request, pk)
        if not self._may_end(request):
            raise PermissionDenied
        try:
            kill_switches.lift(switch.pk, by=cast(User, request.user))
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, f"Lifted: {switch} may run again.")
        return redirect("admin:agents_killswitch_changelist")


@admin.register(Team)
class TeamAdmin(ModelAdmin):
    list_display = ("name",)
    search_fields = ("name",)
    filter_horizontal = ("members",)


@admin.register(ApiKey)
class ApiKeyAdmin(OperationsAdmin):
    list_display = ("name", "prefix", "owner", "created_at", "last_used_at", "expires_at", "state")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix")
    ordering = ("-id",)
    page_template = "countersign/operations/api_key.html"
    nothing = "No API key has been made."
    adds = "Make an API key"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.objects.select_related("owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.add_apikey")

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(require_POST(self.revoke_view))
        rotate = self.admin_site.admin_view(require_POST(self.rotate_view))
        return [
            path("<int:pk>/revoke/", revoke, name="agents_apikey_revoke"),
            path("<int:pk>/rotate/", rotate, name="agents_apikey_rotate"),
            *super().get_urls(),
        ]

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return _pill("quiet", "Revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return _pill("quiet", "Expired")
        return _pill("good", "Usable")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new key; its text is on the answer to this very request, and nowhere after it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ApiKeyForm(request.POST or None, maker=request.user)  # type: ignore[arg-type]
        if request.method == "POST" and form.is_valid():
            try:
                key, plain_text = keys.make_key(**form.cleaned_data)
            except Refused as refused:
                form.refuse(refused)
            else:
                return self._shown_once(request, key, plain_text)
        context = self._context(
            request, "Make an API key", form=form, intro="The key is shown once, on the next page.", send="Make it"
        )
        return TemplateResponse(request, "countersign/form_page.html", context, status=422 if form.errors else 200)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A key that takes this one's place; for a week both open the door."""
        key = self._row(request, pk)
        mine = key.owner_id == request.user.pk or not key.owner.has_usable_password()
        if not self.has_add_permission(request) or not mine:
            raise PermissionDenied
        try:
            made, plain_text = keys.rotate(key)
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect("admin:agents_apikey_change", key.pk)
        return self._shown_once(request, made, plain_text)

    def _shown_once(self, request: HttpRequest, key: ApiKey, plain_text: str) -> HttpResponse:
        context = self._context(request, str(key), row=key, original=key, plain_text=plain_text)
        response = TemplateResponse(request, self.page_template, context)
        response["Cache-Control"] = "no-store"
        return response

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self._row(request, pk)
        if not self._may_end(request):
            raise PermissionDenied
        keys.revoke(key)
        messages.success(request, f"Revoked: {key} opens nothing any more.")
        return redirect("admin:agents_apikey_change", key.pk)


@admin.register(WorkerProcess)
class WorkerAdmin(OperationsAdmin):
    list_display = ("identity", "host", "pid", "slots", "started_at", "seen_at", "state")
    ordering = ("-seen_at",)
    page_template = "countersign/operations/worker.html"
    nothing = "No worker has been seen. Tasks wait until one starts."

    @admin.display(description="State")
    def state(self, worker: WorkerProcess) -> str:
        if worker.stopped_at:
            return _pill("quiet", "Stopped")
        quiet = timezone.now() - worker.seen_at > QUIET_AFTER
        return _pill("attention", "Quiet") if quiet else _pill("good", "Alive")
