"""Which rows does the shop begin with? The same ones everywhere, told by the catalog and filled up by arithmetic."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction

from tools.examples.shop.catalog import CUSTOMERS, POLICY, PRODUCTS, STORIES, WAREHOUSES, Story
from tools.examples.shop.models import (
    Address,
    Customer,
    Order,
    OrderLine,
    OrderStatus,
    Payment,
    PolicySection,
    Product,
    Refund,
    Shipment,
    ShipmentStatus,
    Warehouse,
)

FIRST, LAST = 1001, 1120
FIRST_DAY, DAYS = date(2026, 10, 1), 48
CARRIERS = (("Norlane", "NL"), ("Postkutsche", "PK"), ("Iberpost", "IP"))
METHODS = ("card", "bank transfer", "card", "wallet")


def seed() -> None:
    """Adds the rows that are missing, all of them or none; every row that is there stays as it is."""
    try:
        _add_missing()
    except IntegrityError:
        _add_missing()  # another process seeded at the same moment, and what it added is there now


@transaction.atomic
def _add_missing() -> None:
    _add_catalog()
    _add_customers()
    there = set(Order.objects.values_list("number", flat=True))
    stories = {story.number: story for story in STORIES}
    missing = [str(number) for number in range(FIRST, LAST + 1) if str(number) not in there]
    _add_orders([stories.get(number) or _ordinary(int(number)) for number in missing])


def _add_catalog() -> None:
    PolicySection.objects.bulk_create(
        [PolicySection(topic=t, title=h, text=x, position=i) for i, (t, h, x) in enumerate(POLICY, start=1)],
        ignore_conflicts=True,
    )
    Warehouse.objects.bulk_create(
        [Warehouse(name=name, online=online) for name, online in WAREHOUSES.items()], ignore_conflicts=True
    )
    warehouses = {warehouse.name: warehouse for warehouse in Warehouse.objects.all()}
    Product.objects.bulk_create(
        [
            Product(sku=sku, name=name, price=Decimal(price), in_stock=stock, warehouse=warehouses[warehouse])
            for sku, name, price, stock, warehouse in PRODUCTS
        ],
        ignore_conflicts=True,
    )


def _add_customers() -> None:
    there = set(Customer.objects.values_list("number", flat=True))
    for number, name, email, phone, since, street, postcode, city, country in CUSTOMERS:
        if number in there:
            continue
        address, _ = Address.objects.get_or_create(
            recipient=name, street=street, postcode=postcode, city=city, country=country
        )
        Customer.objects.create(number=number, name=name, email=email, phone=phone, since=since, address=address)


def _ordinary(number: int) -> Story:
    """An order of no story: the older ones have arrived, some are under way, the newest are still in the house."""
    # Ana Lima, the first customer, has the orders of her stories and no other.
    customer = CUSTOMERS[1 + number * 7 % (len(CUSTOMERS) - 1)][0]
    first, second = PRODUCTS[number * 11 % len(PRODUCTS)][0], PRODUCTS[(number * 3 + 5) % len(PRODUCTS)][0]
    lines = ((first, 1 + number % 2), (second, 1)) if number % 3 and first != second else ((first, 1),)
    status, shipment = _state(number)
    return Story(str(number), customer, lines, status, shipment)


def _state(number: int) -> tuple[OrderStatus, ShipmentStatus | None]:
    if number % 17 == 0:
        return OrderStatus.CANCELED, None
    if number < 1085:
        return OrderStatus.DELIVERED, ShipmentStatus.DELIVERED
    if number < 1106:
        return OrderStatus.SHIPPED, ShipmentStatus.IN_TRANSIT
    if number % 4 == 0:
        return OrderStatus.AWAITING_PAYMENT, None
    return OrderStatus.PAID, ShipmentStatus.LABEL_PRINTED if number % 2 else None


def _add_orders(stories: list[Story]) -> None:
    customers = {customer.number: customer for customer in Customer.objects.select_related("address")}
    products = {product.sku: product for product in Product.objects.select_related("warehouse")}
    orders = Order.objects.bulk_create(_order(story, customers[story.customer]) for story in stories)
    placed = list(zip(stories, orders, strict=True))
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=products[sku], quantity=quantity, unit_price=products[sku].price)
        for story, order in placed
        for sku, quantity in story.lines
    )
    Shipment.objects.bulk_create(
        _shipment(story, order, products[story.lines[0][0]].warehouse.name) for story, order in placed if story.shipment
    )
    Payment.objects.bulk_create(_payment(story, order) for story, order in placed if story.status not in _UNPAID)
    payments = {payment.order.number: payment for payment in Payment.objects.select_related("order")}
    Refund.objects.bulk_create(_refund(payments[story.number], *story.refunded) for story in stories if story.refunded)


_UNPAID = (OrderStatus.AWAITING_PAYMENT, OrderStatus.CANCELED)


def _order(story: Story, customer: Customer) -> Order:
    placed_on = FIRST_DAY + timedelta(days=(int(story.number) - FIRST) * DAYS // (LAST - FIRST))
    return Order(
        number=story.number,
        customer=customer,
        status=story.status,
        placed_on=placed_on,
        address=customer.address,
    )


def _payment(story: Story, order: Order) -> Payment:
    return Payment(
        order=order,
        amount=order.total,
        refunded=story.refunded[0] if story.refunded else Decimal(0),
        method=METHODS[int(story.number) % len(METHODS)],
        received_on=order.placed_on,
    )


def _refund(payment: Payment, amount: Decimal, reason: str) -> Refund:
    day = payment.received_on + timedelta(days=9)
    return Refund(
        payment=payment,
        amount=amount,
        reason=reason,
        idempotency_key=f"before-countersign-{payment.order.number}",
        created_at=datetime.combine(day, time(10, 30), tzinfo=UTC),
    )


# What the carrier has seen by the time a parcel has this status: days after it was sent, and the words.
_SEEN = {
    ShipmentStatus.LABEL_PRINTED: (0, "Label printed"),
    ShipmentStatus.HANDED_OVER: (1, "Handed over to the carrier"),
    ShipmentStatus.IN_TRANSIT: (2, "On its way"),
    ShipmentStatus.DELIVERED: (4, "Delivered"),
}


def _shipment(story: Story, order: Order, warehouse: str) -> Shipment:
    assert story.shipment is not None
    sent_on = story.sent_on or order.placed_on + timedelta(days=1)
    carrier, prefix = CARRIERS[int(story.number) % len(CARRIERS)]
    seen = list(_SEEN)[: list(_SEEN).index(story.shipment) + 1]
    places = (warehouse, warehouse, "Sorting centre", order.address.city)
    events = [
        {"on": (sent_on + timedelta(days=_SEEN[status][0])).isoformat(), "place": place, "what": _SEEN[status][1]}
        for status, place in zip(seen, places, strict=False)
    ]
    return Shipment(
        order=order,
        tracking_number=f"{prefix}{story.number}{int(story.number) * 7919 % 100_000:05d}",
        carrier=carrier,
        status=story.shipment,
        expected_on=sent_on + timedelta(days=5),
        delivered_on=sent_on + timedelta(days=4) if story.shipment == ShipmentStatus.DELIVERED else None,
        events=events,
    )
