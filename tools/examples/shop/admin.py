"""What does the shop's table look like? Pages to look at: agents and their tools change the shop, nobody here does."""

from decimal import Decimal

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from unfold.admin import ModelAdmin, TabularInline

from tools.examples.shop.models import (
    CURRENCY,
    AddressChange,
    CarrierRequest,
    Customer,
    Message,
    Order,
    OrderLine,
    Payment,
    PolicySection,
    Product,
    Refund,
    Shipment,
)


class LookOnly:
    """Rows may be seen by whoever has the permission, and changed by nobody."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def euros(amount: Decimal) -> str:
    return f"{amount:.2f} {CURRENCY}"


class Page(LookOnly, ModelAdmin):  # type: ignore[misc]  # unfold's mixins and django-stubs disagree
    list_per_page = 50


class Rows(LookOnly, TabularInline):  # type: ignore[misc]
    extra = 0
    hide_title = True


class LineInline(Rows):
    model = OrderLine
    fields = ("product", "quantity", "unit_price", "total")
    readonly_fields = ("total",)


class PaymentInline(Rows):
    model = Payment
    fields = ("amount", "refunded", "refundable", "method", "received_on")
    readonly_fields = ("refundable",)


class ShipmentInline(Rows):
    model = Shipment
    fields = ("carrier", "tracking_number", "status", "expected_on", "delivered_on")


@admin.register(Order)
class OrderAdmin(Page):
    list_display = ["number", "customer", "status", "placed_on", "sum", "refunded"]
    list_filter = ["status", "placed_on"]
    search_fields = ["number", "customer__name", "customer__email"]
    date_hierarchy = "placed_on"
    fields = ["number", "customer", "status", "placed_on", "address", "sum"]
    readonly_fields = ["sum"]
    inlines = [LineInline, PaymentInline, ShipmentInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        rows: QuerySet[Order] = super().get_queryset(request)
        return rows.select_related("customer", "address", "payment").prefetch_related("lines")

    @admin.display(description="total")
    def sum(self, order: Order) -> str:
        return euros(order.total)

    @admin.display(description="refunded")
    def refunded(self, order: Order) -> str:
        payment = getattr(order, "payment", None)
        return euros(payment.refunded) if payment and payment.refunded else "–"


@admin.register(Refund)
class RefundAdmin(Page):
    list_display = ["number", "order", "sum", "why", "created_at", "idempotency_key"]
    list_filter = ["created_at"]
    search_fields = ["payment__order__number", "idempotency_key", "reason"]
    fields = ["number", "order", "sum", "reason", "created_at", "idempotency_key"]
    readonly_fields = ["number", "order", "sum", "created_at"]
    list_select_related = ["payment__order"]

    @admin.display(ordering="payment__order__number")
    def order(self, refund: Refund) -> str:
        return refund.payment.order.number

    @admin.display(description="reason")
    def why(self, refund: Refund) -> str:
        return Truncator(refund.reason).chars(120)

    @admin.display(description="amount", ordering="amount")
    def sum(self, refund: Refund) -> str:
        return euros(refund.amount)


@admin.register(Customer)
class CustomerAdmin(Page):
    list_display = ["number", "name", "email", "phone", "since"]
    search_fields = ["number", "name", "email"]
    list_select_related = ["address"]


@admin.register(Product)
class ProductAdmin(Page):
    list_display = ["sku", "name", "price", "in_stock", "warehouse"]
    list_filter = ["warehouse"]
    search_fields = ["sku", "name"]
    list_select_related = ["warehouse"]


@admin.register(Shipment)
class ShipmentAdmin(Page):
    list_display = ["tracking_number", "order", "carrier", "status", "expected_on", "delivered_on"]
    list_filter = ["status", "carrier"]
    search_fields = ["tracking_number", "order__number"]
    list_select_related = ["order"]


@admin.register(AddressChange)
class AddressChangeAdmin(Page):
    list_display = ["number", "order", "address", "created_at", "idempotency_key"]
    search_fields = ["order__number", "idempotency_key"]
    fields = ["number", "order", "address", "created_at", "idempotency_key"]
    readonly_fields = ["number", "created_at"]
    list_select_related = ["order", "address"]


@admin.register(CarrierRequest)
class CarrierRequestAdmin(Page):
    list_display = ["number", "shipment", "reason", "answer", "created_at"]
    search_fields = ["shipment__tracking_number", "shipment__order__number"]
    fields = ["number", "shipment", "reason", "answer", "created_at", "idempotency_key"]
    readonly_fields = ["number", "created_at"]
    list_select_related = ["shipment"]


@admin.register(Message)
class MessageAdmin(Page):
    list_display = ["number", "to", "subject", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["to", "subject", "customer__name"]
    fields = ["number", "customer", "to", "subject", "body", "created_at", "idempotency_key"]
    readonly_fields = ["number", "created_at"]


@admin.register(PolicySection)
class PolicySectionAdmin(Page):
    list_display = ["title", "topic", "text"]
    fields = ["title", "topic", "text"]
