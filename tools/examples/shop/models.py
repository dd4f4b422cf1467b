"""What does the shop keep? Customers, products, orders and what became of them. Money is in euros."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

CURRENCY = "EUR"


def money() -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=10, decimal_places=2)


class Address(models.Model):
    """Where something is sent. Rows are shared and never changed: another address is another row."""

    recipient = models.CharField(max_length=200)
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20)
    city = models.CharField(max_length=100)
    country = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "street", "postcode", "city", "country"], name="shop_address_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.recipient}, {self.street}, {self.postcode} {self.city}, {self.country}"


class Customer(models.Model):
    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(unique=True)
    phone = models.CharField(max_length=40)
    since = models.DateField()
    address = models.ForeignKey(Address, on_delete=models.PROTECT, related_name="customers")

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


class Warehouse(models.Model):
    name = models.CharField(max_length=100, unique=True)
    online = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    sku = models.CharField("SKU", max_length=20, unique=True)
    name = models.CharField(max_length=200)
    price = money()
    in_stock = models.PositiveIntegerField()
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="products")

    class Meta:
        ordering = ["sku"]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"


class OrderStatus(models.TextChoices):
    AWAITING_PAYMENT = "awaiting_payment", "awaiting payment"
    PAID = "paid", "paid"
    SHIPPED = "shipped", "shipped"
    DELIVERED = "delivered", "delivered"
    CANCELED = "canceled", "canceled"
    REFUNDED = "refunded", "refunded in full"


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=20, choices=OrderStatus, db_index=True)
    placed_on = models.DateField(db_index=True)
    address = models.ForeignKey(Address, on_delete=models.PROTECT, related_name="orders")

    class Meta:
        ordering = ["-number"]
        constraints = [models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="shop_order_status")]

    def __str__(self) -> str:
        return f"Order {self.number}"

    @property
    def total(self) -> Decimal:
        """What the lines come to, in euros."""
        return sum((line.total for line in self.lines.all()), Decimal(0))


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="lines")
    quantity = models.PositiveSmallIntegerField()
    unit_price = money()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="shop_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shop_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product.name}"

    @property
    def total(self) -> Decimal:
        return self.quantity * self.unit_price


class Payment(models.Model):
    """What was paid for an order, and how much of it went back. No refund passes it: the database refuses."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="payment")
    amount = money()
    refunded = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))
    method = models.CharField(max_length=40)
    received_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(refunded__gte=0), name="shop_refunded_not_negative"),
            models.CheckConstraint(condition=Q(refunded__lte=F("amount")), name="shop_refunded_within_paid"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {CURRENCY} for order {self.order.number}"

    @property
    def refundable(self) -> Decimal:
        return self.amount - self.refunded


class ShipmentStatus(models.TextChoices):
    LABEL_PRINTED = "label_printed", "label printed"
    HANDED_OVER = "handed_over", "handed over to the carrier"
    IN_TRANSIT = "in_transit", "in transit"
    DELIVERED = "delivered", "delivered"
    CANCELED = "canceled", "canceled"


class Shipment(models.Model):
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="shipment")
    tracking_number = models.CharField(max_length=40, unique=True)
    carrier = models.CharField(max_length=100)
    status = models.CharField(max_length=20, choices=ShipmentStatus, db_index=True)
    expected_on = models.DateField(null=True, blank=True)
    delivered_on = models.DateField(null=True, blank=True)
    events = models.JSONField(default=list, help_text="What the carrier saw, oldest first: on, place, what.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ShipmentStatus.values), name="shop_shipment_status")
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"


class Keyed(models.Model):
    """A row that an effect wrote. The key of the call is unique: the same call never writes a second one."""

    idempotency_key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    prefix: ClassVar[str]

    class Meta:
        abstract = True

    @property
    def number(self) -> str:
        """The name of the row outside, such as R-00012."""
        return f"{self.prefix}-{self.pk:05d}"


class Refund(Keyed):
    prefix = "R"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = money()
    reason = models.TextField()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="shop_refund_amount")]

    def __str__(self) -> str:
        return f"{self.number}: {self.amount} {CURRENCY}"


class AddressChange(Keyed):
    prefix = "A"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="address_changes")
    address = models.ForeignKey(Address, on_delete=models.PROTECT, related_name="changes")

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.number}: {self.address}"


class CarrierRequest(Keyed):
    """A cancellation that was asked of the carrier, and what it answered, word for word."""

    prefix = "K"

    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="requests")
    reason = models.TextField()
    answer = models.JSONField()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.number}: {self.shipment}"


class Message(Keyed):
    """The outbox: what was sent to customers."""

    prefix = "M"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="messages")
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.number}: {self.subject}"


class PolicySection(models.Model):
    """One topic of the page that says how the shop treats its customers."""

    topic = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    text = models.TextField()
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.title
