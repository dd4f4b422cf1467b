"""Where do webhooks go, and what became of them? The log of deliveries, and sending one again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from agents.admin.base import ReadOnlyAdmin
from agents.errors import Refused
from agents.outgoing import catalogue, delivering, subscribing
from agents.outgoing.models import Delivery, Endpoint

TONES = {"pending": "active", "delivered": "good", "failed": "bad"}


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "owner", "hears", "state", "created_at")
    list_select_related = ("owner",)
    search_fields = ("url", "owner__username")
    # The secret is its owner's: who has it can sign as us.
    fields = ("url", "owner", "hears", "state", "disabled_why", "created_at")
    readonly_fields = fields
    actions = ("enable", "disable")  # type: ignore[assignment]

    @admin.display(description="Hears of")
    def hears(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.kinds) or "tasks that name it"

    @admin.display(description="Status")
    def state(self, endpoint: Endpoint) -> str:
        if endpoint.disabled_at is not None:
            return format_html('<span class="cs-pill cs-quiet">{}</span>', "Disabled")
        tone, label = ("bad", "Not answering") if endpoint.failures_in_a_row else ("good", "Enabled")
        return format_html('<span class="cs-pill cs-{}">{}</span>', tone, label)

    @admin.action(description="Enable", permissions=["change_endpoints"])
    def enable(self, request: HttpRequest, endpoints: QuerySet[Endpoint]) -> None:
        for endpoint in endpoints:
            subscribing.enable(endpoint)

    @admin.action(description="Disable", permissions=["change_endpoints"])
    def disable(self, request: HttpRequest, endpoints: QuerySet[Endpoint]) -> None:
        for endpoint in endpoints:
            subscribing.disable(endpoint, f"By {request.user.get_username()}.")

    def has_change_endpoints_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outgoing.change_endpoint")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "to", "what", "state", "attempts", "created_at")
    list_filter = ("status",)
    list_select_related = ("endpoint", "event")
    ordering = ("-id",)

    @admin.display(description="To")
    def to(self, delivery: Delivery) -> str:
        return delivery.endpoint.url

    @admin.display(description="Event")
    def what(self, delivery: Delivery) -> str:
        return f"{delivery.event.kind}, task {delivery.event.task_id}"

    @admin.display(description="Status")
    def state(self, delivery: Delivery) -> str:
        return format_html(
            '<span class="cs-pill cs-{}">{}</span>', TONES[delivery.status], delivery.get_status_display()
        )

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(require_POST(self.redeliver_view))
        return [path("<int:pk>/redeliver/", again, name="outgoing_delivery_redeliver"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One delivery: what was sent, and what each attempt was answered."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied("The log of deliveries is not edited.")
        number = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else 0
        delivery = get_object_or_404(Delivery.objects.select_related("endpoint__owner", "event"), pk=number)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": delivery,
            "title": delivery.message_id,
            "delivery": delivery,
            "attempts": delivery.log.all(),
            "body": catalogue.as_json(delivery.event),
            "may_redeliver": delivery.status != Delivery.Status.PENDING and self._may_redeliver(request),
        }
        return TemplateResponse(request, "countersign/outgoing/delivery.html", context)

    def redeliver_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self._may_redeliver(request):
            raise PermissionDenied
        try:
            delivering.redeliver(get_object_or_404(Delivery, pk=pk))
            messages.success(request, "It is sent again, under the same id.")
        except Refused as refused:
            messages.error(request, refused.message)
        return redirect("admin:outgoing_delivery_change", pk)

    def _may_redeliver(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outgoing.change_delivery")
