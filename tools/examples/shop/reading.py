"""How is a row of the shop told to an agent? And what does it hear about a row that is not there?"""

from decimal import Decimal
from typing import Any

from tools.errors import NothingHappened
from tools.examples.shop.models import CURRENCY, Address, Customer, Order, Product, Shipment


def order(order_id: str) -> Order:
    """The order with what belongs to it; NothingHappened names the number if there is none."""
    found = (
        Order.objects.filter(number=order_id)
        .select_related("customer", "address", "payment", "shipment")
        .prefetch_related("lines__product")
        .first()
    )
    if found is None:
        raise NothingHappened(
            f"There is no order {order_id!r}. Order numbers are four digits with no sign before them, such as "
            "1042; find_orders finds them by a customer's name or e-mail address."
        )
    return found


def customer(customer_id: str) -> Customer:
    """The customer; NothingHappened names the number if there is none."""
    found = Customer.objects.filter(number=customer_id).select_related("address").first()
    if found is None:
        raise NothingHappened(
            f"There is no customer {customer_id!r}. Customer numbers look like C-101; get_order gives them."
        )
    return found


def product(sku: str) -> Product:
    """The product; NothingHappened names the SKU if there is none."""
    found = Product.objects.filter(sku=sku).select_related("warehouse").first()
    if found is None:
        raise NothingHappened(f"There is no product {sku!r}. get_order gives the SKU of each line, such as KET-100.")
    return found


def shipment(order: Order) -> Shipment:
    """The order's shipment; NothingHappened if it has none yet."""
    found: Shipment | None = getattr(order, "shipment", None)
    if found is None:
        raise NothingHappened(f"Order {order.number} has no parcel: its status is {order.get_status_display()}.")
    return found


def paid_and_refunded(order: Order) -> tuple[Decimal, Decimal]:
    """What was paid for the order and what went back; zeros if nothing was paid."""
    payment = getattr(order, "payment", None)
    return (payment.amount, payment.refunded) if payment else (Decimal(0), Decimal(0))


def order_summary(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.number,
        "status": order.status,
        "placed_on": order.placed_on,
        "customer_id": order.customer.number,
        "customer_name": order.customer.name,
        "total": order.total,
    }


def order_in_full(order: Order) -> dict[str, Any]:
    paid, refunded = paid_and_refunded(order)
    parcel: Shipment | None = getattr(order, "shipment", None)
    return {
        **order_summary(order),
        "currency": CURRENCY,
        "lines": [
            {
                "sku": line.product.sku,
                "name": line.product.name,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "total": line.total,
            }
            for line in order.lines.all()
        ],
        "paid": paid,
        "refunded": refunded,
        "refundable": paid - refunded,
        "shipping_address": address_in_full(order.address),
        "shipment": parcel
        and {"tracking_number": parcel.tracking_number, "carrier": parcel.carrier, "status": parcel.status},
    }


def address_in_full(address: Address) -> dict[str, str]:
    return {
        "recipient": address.recipient,
        "street": address.street,
        "postcode": address.postcode,
        "city": address.city,
        "country": address.country,
    }
