"""What can an agent do in the shop? Reads, and one tool for each kind of effect."""

from decimal import Decimal
from typing import Annotated, Any

from django.db.models import Count, Q, Sum
from pydantic import Field, StringConstraints

from tools.canonical import JSON, plain_json
from tools.context import ToolContext
from tools.errors import NothingHappened, TemporarilyUnavailable
from tools.examples.shop import effects, reading
from tools.examples.shop.models import (
    CURRENCY,
    Address,
    AddressChange,
    CarrierRequest,
    Message,
    Order,
    PolicySection,
    Refund,
)
from tools.registry import Reconciled, tool
from tools.verifiers import Comparison, all_of, has, no_error_in_body, read_back

Euros = Annotated[Decimal, Field(gt=0, le=100_000, decimal_places=2)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000)]


# Reads


# What the books say of an order. Names, addresses and what the carrier writes are other people's text.
BOOKS = ("order_id", "customer_id", "status", "placed_on", "currency", "total", "paid", "refunded", "refundable")


@tool(effect="read", stakes="low", trusted=tuple(f"/{name}" for name in BOOKS), sentence="Look up order {order_id}")
def get_order(order_id: str) -> dict[str, Any]:
    """Look up one order: its status, lines, total, what was paid and refunded, its address and its shipment.

    Args:
        order_id: The order's number, such as 1042.
    """
    return reading.order_in_full(reading.order(order_id))


@tool(
    effect="read",
    stakes="low",
    trusted=("/count", *(f"/orders/*/{name}" for name in BOOKS)),
    sentence="Find the orders of {customer}",
)
def find_orders(customer: Line, limit: Annotated[int, Field(ge=1, le=50)] = 10) -> dict[str, Any]:
    """Find the orders of a customer, newest first. Several customers may have similar names.

    Args:
        customer: The customer's e-mail address, or a part of the name.
        limit: How many orders to give at most.
    """
    theirs = Q(customer__email__iexact=customer) | Q(customer__name__icontains=customer)
    found = Order.objects.filter(theirs).order_by("-placed_on", "-number")
    shown = found.select_related("customer").prefetch_related("lines")[:limit]
    return {"count": found.count(), "orders": [reading.order_summary(order) for order in shown]}


@tool(
    effect="read",
    stakes="low",
    trusted=("/customer_id", "/customer_since", "/orders", "/spent"),
    sentence="Look up customer {customer_id}",
)
def get_customer(customer_id: str) -> dict[str, Any]:
    """Look up one customer: name, e-mail address, phone, address, and what they have bought so far.

    Args:
        customer_id: The customer's number, such as C-101; an order names it.
    """
    customer = reading.customer(customer_id)
    bought = customer.orders.aggregate(orders=Count("pk"), spent=Sum("payment__amount"))
    return {
        "customer_id": customer.number,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "customer_since": customer.since,
        "orders": bought["orders"],
        "spent": bought["spent"] or 0,
        "address": reading.address_in_full(customer.address),
    }


@tool(effect="read", stakes="low", sentence="Track the shipment of order {order_id}")
def track_shipment(order_id: str) -> dict[str, Any]:
    """Follow the parcel of an order: where it is, and when it is expected or was delivered.

    Args:
        order_id: The order's number, such as 1042.
    """
    parcel = reading.shipment(reading.order(order_id))
    return {
        "order_id": order_id,
        "tracking_number": parcel.tracking_number,
        "carrier": parcel.carrier,
        "status": parcel.status,
        "expected_on": parcel.expected_on,
        "delivered_on": parcel.delivered_on,
        "events": parcel.events,
    }


@tool(effect="read", stakes="low", trusted=True, sentence="Read the shop's policy")
def read_policy(topic: str = "") -> dict[str, Any]:
    """Read how the shop treats its customers: refunds, returns, delivery, addresses, messages.

    Args:
        topic: One of these topics; leave it out for the whole page.
    """
    sections = PolicySection.objects.filter(topic=topic) if topic else PolicySection.objects.all()
    found = list(sections.values("topic", "title", "text"))
    if not found:
        known = ", ".join(PolicySection.objects.values_list("topic", flat=True))
        raise NothingHappened(f"The policy has no topic {topic!r}. Its topics are: {known}.")
    return {"sections": found}


@tool(effect="read", stakes="low", trusted=True, sentence="Check the stock of {sku}")
def check_stock(sku: str) -> dict[str, Any]:
    """Ask the warehouse how many pieces of a product it has.

    Args:
        sku: The product's SKU, such as KET-100; the lines of an order name it.
    """
    product = reading.product(sku)
    if not product.warehouse.online:
        raise TemporarilyUnavailable(
            f"The warehouse {product.warehouse.name} does not answer; the stock of {sku} could not be checked.",
            retry_after=5,
        )
    return {
        "sku": product.sku,
        "name": product.name,
        "in_stock": product.in_stock,
        "warehouse": product.warehouse.name,
    }


# Idempotent: the address is set to what was given, however often


def _address_stands(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Comparison:
    # Against the order itself, not against the change: what counts is where the parcel will go.
    change = AddressChange.objects.select_related("address").get(idempotency_key=context.idempotency_key)
    order = reading.order(arguments["order_id"])
    given = {name: value for name, value in arguments.items() if name != "order_id" and value}
    expected = {**reading.address_in_full(change.address), **given}
    return Comparison(expected=expected, found=reading.address_in_full(order.address))


@tool(
    effect="idempotent",
    stakes="low",
    verify=all_of(has("change_id"), read_back(_address_stands, "the order has the new address")),
    sentence="Send order {order_id} to {street}, {postcode} {city}, {country}",
)
def change_shipping_address(
    order_id: str,
    street: Line,
    postcode: Annotated[Line, Field(max_length=20)],
    city: Annotated[Line, Field(max_length=100)],
    country: Annotated[Line, Field(max_length=100)],
    recipient: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = "",
    *,
    context: ToolContext,
) -> dict[str, Any]:
    """Change where an order is sent. Possible until its parcel is with the carrier.

    Args:
        order_id: The order's number, such as 1088.
        street: Street and house number.
        postcode: The postcode.
        city: The city.
        country: The country, in English.
        recipient: Who receives it; leave it out to keep the present name.
    """
    order = reading.order(order_id)
    address = Address(
        recipient=recipient or order.address.recipient,
        street=street,
        postcode=postcode,
        city=city,
        country=country,
    )
    change = effects.change_address(order, address, context)
    return {
        "change_id": change.number,
        "order_id": order_id,
        "shipping_address": reading.address_in_full(change.address),
        "changed_at": change.created_at,
    }


# Reconcilable: after a crash the shop's books tell whether it happened


def _refund_answer(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": refund.number,
        "order_id": refund.payment.order.number,
        "amount": refund.amount,
        "currency": CURRENCY,
        "reason": refund.reason,
        "created_at": refund.created_at,
    }


def _refund_of(context: ToolContext) -> Refund | None:
    refunds = Refund.objects.select_related("payment__order")
    return refunds.filter(idempotency_key=context.idempotency_key).first()


def _did_refund(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
    refund = _refund_of(context)
    return Reconciled(True, plain_json(_refund_answer(refund))) if refund else Reconciled(False)


def _refund_stands(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Comparison:
    refund = _refund_of(context)
    return Comparison(
        expected={"order_id": arguments["order_id"], "amount": arguments["amount"]},
        found=refund and {"order_id": refund.payment.order.number, "amount": refund.amount},
    )


def _books(arguments: dict[str, Any]) -> JSON:
    """What an approval of a refund relies on: it is asked for again if one of these has changed."""
    order = Order.objects.select_related("payment").filter(number=arguments["order_id"]).first()
    if order is None:
        return None
    paid, refunded = reading.paid_and_refunded(order)
    return plain_json({"order_status": order.status, "paid": paid, "refunded": refunded})


@tool(
    effect="reconcilable",
    stakes="high",
    reconcile=_did_refund,
    verify=all_of(has("refund_id"), read_back(_refund_stands, "the refund is in the shop's books")),
    precondition=_books,
    carries=("reason",),
    sentence="Refund {amount} EUR for order {order_id}: {reason}",
)
def issue_refund(order_id: str, amount: Euros, reason: Text, *, context: ToolContext) -> dict[str, Any]:
    """Send money back for an order, in full or in part, to the account it was paid from.

    Args:
        order_id: The order's number, such as 1042.
        amount: How much, in euros; never more than the order's `refundable`.
        reason: Why, in a sentence for the books.
    """
    return _refund_answer(effects.refund(reading.order(order_id), amount, reason, context))


# Once: a message that has left cannot be looked for, nor called back


@tool(
    effect="once",
    stakes="high",
    verify=has("message_id"),
    messages=("subject", "body"),
    sentence="Write to customer {customer_id}, “{subject}”: {body}",
)
def send_message(customer_id: str, subject: Line, body: Text, *, context: ToolContext) -> dict[str, Any]:
    """Send a message to a customer's e-mail address.

    Args:
        customer_id: The customer's number, such as C-101.
        subject: One line.
        body: The message, as plain text.
    """
    message: Message = effects.send(reading.customer(customer_id), subject, body, context)
    return {
        "message_id": message.number,
        "customer_id": customer_id,
        "to": message.to,
        "subject": message.subject,
        "sent_at": message.created_at,
    }


# The carrier answers 200 and puts the error inside; only the verifier sees it


@tool(
    effect="idempotent",
    stakes="low",
    verify=all_of(no_error_in_body(), has("body.canceled_at")),
    carries=("reason",),
    sentence="Cancel the shipment of order {order_id}: {reason}",
)
def cancel_shipment(order_id: str, reason: Text, *, context: ToolContext) -> JSON:
    """Ask the carrier not to deliver the parcel of an order. The order itself stays as it is.

    Args:
        order_id: The order's number, such as 1088.
        reason: Why, in a sentence for the carrier.
    """
    request: CarrierRequest = effects.cancel_shipment(reading.shipment(reading.order(order_id)), reason, context)
    return request.answer
