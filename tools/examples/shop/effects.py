"""How does the shop change? Each change in one short transaction, at most once for each idempotency key.

The row with the key is written before anything is judged. A second call with the same key, at the same time or a
day later, runs into the unique key (waiting for the first to commit, if it must) and answers with the first row.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from django.db import IntegrityError, transaction

from tools.context import ToolContext
from tools.errors import NothingHappened
from tools.examples.shop import carrier
from tools.examples.shop.models import (
    CURRENCY,
    Address,
    AddressChange,
    CarrierRequest,
    Customer,
    Keyed,
    Message,
    Order,
    OrderStatus,
    Payment,
    Refund,
    Shipment,
    ShipmentStatus,
)

Row = TypeVar("Row", bound=Keyed)


def refund(order: Order, amount: Decimal, reason: str, context: ToolContext) -> Refund:
    """Sends money back; NothingHappened if that is more than is left of what was paid."""
    paid: Payment | None = getattr(order, "payment", None)
    if paid is None:
        raise NothingHappened(
            f"Order {order.number} has no payment ({order.get_status_display()}); there is nothing to refund."
        )

    def write() -> Refund:
        # Locked before it is read; the sum is made here and not in SQL, where SQLite would make it with floats.
        payment = Payment.objects.select_for_update().get(pk=paid.pk)
        written = Refund.objects.create(
            payment=payment, amount=amount, reason=reason, idempotency_key=context.idempotency_key
        )
        if amount > payment.refundable:
            raise NothingHappened(
                f"{amount:.2f} {CURRENCY} cannot be refunded: of {payment.amount} {CURRENCY} paid for order "
                f"{order.number}, {payment.refundable} {CURRENCY} are left to refund."
            )
        Payment.objects.filter(pk=payment.pk).update(refunded=payment.refunded + amount)
        if amount == payment.refundable:
            Order.objects.filter(pk=order.pk).update(status=OrderStatus.REFUNDED)
        return written

    return _once(Refund, context, write, same=lambda row: (row.payment_id, row.amount) == (paid.pk, amount))


def change_address(order: Order, address: Address, context: ToolContext) -> AddressChange:
    """Sends the order elsewhere; NothingHappened once the parcel is out of the house.

    `address` need not be saved; a repeated call does not set it again, someone may have changed it since.
    """

    def write() -> AddressChange:
        saved, _ = Address.objects.get_or_create(
            recipient=address.recipient,
            street=address.street,
            postcode=address.postcode,
            city=address.city,
            country=address.country,
        )
        written = AddressChange.objects.create(order=order, address=saved, idempotency_key=context.idempotency_key)
        open_order = Order.objects.filter(pk=order.pk, status__in=[OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID])
        if not open_order.update(address=saved) or _has_left(order):
            raise NothingHappened(
                f"The address of order {order.number} can no longer be changed: {_whereabouts(order)}."
            )
        return written

    return _once(AddressChange, context, write, same=lambda row: row.order_id == order.pk)


def cancel_shipment(shipment: Shipment, reason: str, context: ToolContext) -> CarrierRequest:
    """Asks the carrier to leave the parcel, and keeps its answer, whatever it is."""
    key = context.idempotency_key
    asked = CarrierRequest.objects.filter(idempotency_key=key).first()
    if asked is None:
        # The carrier is another house: no transaction of ours is open while it answers. Asking twice does no harm.
        answer = carrier.cancel_parcel(shipment.tracking_number)
        asked, _ = CarrierRequest.objects.get_or_create(
            idempotency_key=key, defaults={"shipment": shipment, "reason": reason, "answer": answer}
        )
    return _the_same(asked, asked.shipment_id == shipment.pk)


def send(customer: Customer, subject: str, body: str, context: ToolContext) -> Message:
    """Sends a message to the customer's e-mail address."""

    def write() -> Message:
        return Message.objects.create(
            customer=customer,
            to=customer.email,
            subject=subject,
            body=body,
            idempotency_key=context.idempotency_key,
        )

    return _once(Message, context, write, same=lambda row: row.customer_id == customer.pk)


def _once(model: type[Row], context: ToolContext, write: Callable[[], Row], same: Callable[[Row], bool]) -> Row:
    """Writes, or answers with the row that this key wrote before."""
    try:
        with transaction.atomic():
            written = write()
            # After the deadline somebody may be finding out what happened: until the commit, nothing has.
            if context.seconds_left() <= 0:
                raise NothingHappened("The shop's database took too long; nothing was changed.")
            return written
    except IntegrityError:
        earlier = model._default_manager.filter(idempotency_key=context.idempotency_key).first()
        if earlier is None:
            raise
    return _the_same(earlier, same(earlier))


def _the_same(row: Row, same: bool) -> Row:
    if not same:
        raise NothingHappened(f"The idempotency key {row.idempotency_key!r} already stands for something else, {row}.")
    return row


def _has_left(order: Order) -> bool:
    still_here = [ShipmentStatus.LABEL_PRINTED, ShipmentStatus.CANCELED]
    return Shipment.objects.filter(order=order).exclude(status__in=still_here).exists()


def _whereabouts(order: Order) -> str:
    parcel = Shipment.objects.filter(order=order).first()
    if parcel is not None:
        return f"the parcel is {parcel.get_status_display()}"
    return f"the order is {order.get_status_display()}"
