"""The shop keeps its promises: an effect once for each key, no refund above what was paid, seeds that only add."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from tools import checks
from tools.context import ToolContext
from tools.errors import NothingHappened, TemporarilyUnavailable
from tools.examples.shop.models import (
    Address,
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
    Warehouse,
)
from tools.examples.shop.seed import seed
from tools.registry import Effect, Stakes, registry

SHOP = (
    "get_order", "find_orders", "get_customer", "track_shipment", "read_policy", "check_stock",
    "change_shipping_address", "issue_refund", "send_message", "cancel_shipment",
)  # fmt: skip
LISBON = {"street": "Rua Nova 1", "postcode": "1100-001", "city": "Lisbon", "country": "Portugal"}


@pytest.fixture
def shop(db: None) -> None:
    seed()


@pytest.fixture
def open_shop(transactional_db: None) -> None:
    """The shop for tests whose threads each have a connection of their own."""
    seed()


def context(key: str = "key-1", seconds: float = 60) -> ToolContext:
    return ToolContext(task_id=1, idempotency_key=key, deadline=datetime.now(UTC) + timedelta(seconds=seconds))


def call(name: str, key: str = "key-1", **arguments: Any) -> Any:
    tool = registry.get(name)
    return tool.run(tool.normalise(arguments), context(key))


def verified(name: str, result: Any, key: str = "key-1", **arguments: Any) -> bool:
    tool = registry.get(name)
    assert tool.verify is not None
    return tool.verify(result, tool.normalise(arguments), context(key)).ok


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Runs the calls in threads that start together; each answer, or the exception in its place."""
    barrier = threading.Barrier(len(calls))

    def run(one: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return one()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def rows() -> dict[str, list[dict[str, Any]]]:
    models = (
        Address, AddressChange, CarrierRequest, Customer, Message, Order, OrderLine, Payment, PolicySection,
        Product, Refund, Shipment, Warehouse,
    )  # fmt: skip
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


# What the shop begins with


def test_the_seed_tells_the_stories_that_examples_speak_of(shop):
    assert (Customer.objects.count(), Product.objects.count(), Order.objects.count()) == (25, 40, 120)
    kettle = call("get_order", order_id="1042")
    assert (kettle["customer_name"], kettle["status"], kettle["total"]) == ("Ana Lima", "delivered", 64.9)
    assert kettle["lines"][0]["name"].startswith("Gooseneck kettle")
    assert call("get_order", order_id="1077")["total"] == 389
    assert call("get_order", order_id="1110")["total"] == 100
    stories = {"1015": "refunded", "1063": "shipped", "1088": "paid", "1099": "awaiting_payment", "1104": "canceled"}
    assert {number: call("get_order", order_id=number)["status"] for number in stories} == stories
    assert call("get_order", order_id="1091")["shipment"]["status"] == "handed_over"


def test_seeding_again_changes_nothing(shop):
    before = rows()
    seed()
    assert rows() == before


def test_seeding_again_keeps_what_happened_since_and_adds_what_is_missing(shop):
    call("issue_refund", order_id="1042", amount=64.90, reason="broken")
    call("change_shipping_address", key="key-2", order_id="1088", **LISBON)
    Customer.objects.filter(number="C-101").update(name="Ana Lima Costa")
    Product.objects.filter(sku="KET-100").update(price=Decimal("69.90"), in_stock=0)
    OrderLine.objects.filter(order__number="1104").delete()
    Order.objects.filter(number="1104").delete()
    before = rows()
    seed()
    after = rows()
    assert {row["number"] for row in after["Order"]} - {row["number"] for row in before["Order"]} == {"1104"}
    for name, kept in before.items():
        assert [row for row in after[name] if row in kept] == kept


def test_two_processes_may_seed_at_once(transactional_db):
    assert at_once(seed, seed, seed) == [None, None, None]
    assert (Order.objects.count(), Refund.objects.count()) == (120, 2)


def test_the_books_agree_with_the_rows(shop):
    for payment in Payment.objects.select_related("order"):
        refunded = payment.refunds.aggregate(sum=Sum("amount"))["sum"] or 0
        assert payment.refunded == refunded
        assert payment.amount == payment.order.total


# Reads


def test_orders_are_found_by_name_and_by_address(shop):
    by_name = call("find_orders", customer="lima")
    assert [order["order_id"] for order in by_name["orders"]] == ["1096", "1042", "1018"]
    assert call("find_orders", customer="ANA.LIMA@example.org") == by_name
    novaks = call("find_orders", customer="Novak", limit=50)["orders"]
    assert {order["customer_id"] for order in novaks} == {"C-105", "C-117"}
    assert call("find_orders", customer="nobody") == {"count": 0, "orders": []}
    first = call("find_orders", customer="Novak", limit=1)
    assert (len(first["orders"]), first["count"]) == (1, len(novaks))


def test_a_customer_is_told_with_what_they_bought(shop):
    ana = call("get_customer", customer_id="C-101")
    assert (ana["name"], ana["email"], ana["customer_since"]) == ("Ana Lima", "ana.lima@example.org", "2023-03-14")
    assert (ana["orders"], ana["spent"]) == (3, 156.1)
    assert ana["address"]["city"] == "Lisbon"


def test_a_parcel_is_followed(shop):
    parcel = call("track_shipment", order_id="1063")
    assert (parcel["status"], parcel["delivered_on"]) == ("in_transit", None)
    assert [event["what"] for event in parcel["events"]][-1] == "On its way"
    assert call("track_shipment", order_id="1042")["delivered_on"] == "2026-10-22"


def test_the_policy_is_read_by_topic_or_whole(shop):
    (refunds,) = call("read_policy", topic="refunds")["sections"]
    assert "100.00 EUR" in refunds["text"]
    assert len(call("read_policy")["sections"]) == 5


def test_a_warehouse_that_is_away_is_worth_another_try(shop):
    assert call("check_stock", sku="KET-100")["in_stock"] == 31
    with pytest.raises(TemporarilyUnavailable, match="Gdańsk does not answer") as away:
        call("check_stock", sku="GRD-220")
    assert away.value.retry_after == 5


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("get_order", {"order_id": "#1042"}, "There is no order '#1042'. Order numbers are four digits"),
        ("get_customer", {"customer_id": "Ana"}, "There is no customer 'Ana'. Customer numbers look like C-101"),
        ("track_shipment", {"order_id": "1099"}, "Order 1099 has no parcel: its status is awaiting payment."),
        ("read_policy", {"topic": "love"}, "The policy has no topic 'love'. Its topics are: refunds, returns"),
        ("check_stock", {"sku": "kettle"}, "There is no product 'kettle'."),
        ("issue_refund", {"order_id": "9", "amount": 1, "reason": "x"}, "There is no order '9'."),
        ("send_message", {"customer_id": "9", "subject": "x", "body": "x"}, "There is no customer '9'."),
        ("change_shipping_address", {"order_id": "9", **LISBON}, "There is no order '9'."),
        ("cancel_shipment", {"order_id": "9", "reason": "x"}, "There is no order '9'."),
        ("cancel_shipment", {"order_id": "1099", "reason": "x"}, "Order 1099 has no parcel"),
    ],
)
def test_a_row_that_is_not_there_is_named_and_nothing_happens(shop, name, arguments, sentence):
    before = rows()
    with pytest.raises(NothingHappened) as nothing:
        call(name, **arguments)
    assert str(nothing.value).startswith(sentence)
    assert rows() == before


# Refunds: reconcilable, high stakes


def test_a_refund_is_in_the_books_once_and_closes_the_order(shop):
    result = call("issue_refund", order_id="1042", amount=64.90, reason="arrived broken")
    refund = Refund.objects.get(idempotency_key="key-1")
    assert result["refund_id"] == refund.number
    assert (result["order_id"], result["amount"], result["currency"]) == ("1042", 64.9, "EUR")
    order = call("get_order", order_id="1042")
    assert (order["status"], order["refunded"], order["refundable"]) == ("refunded", 64.9, 0)
    assert verified("issue_refund", result, order_id="1042", amount=64.90, reason="arrived broken")


def test_a_part_of_the_money_leaves_the_order_as_it_is(shop):
    call("issue_refund", order_id="1042", amount=4.90, reason="a scratch")
    order = call("get_order", order_id="1042")
    assert (order["status"], order["refunded"], order["refundable"]) == ("delivered", 4.9, 60)


def test_the_same_key_refunds_once_and_answers_alike(shop):
    first = call("issue_refund", order_id="1042", amount=64.90, reason="broken")
    assert call("issue_refund", order_id="1042", amount=64.90, reason="broken") == first
    assert Refund.objects.filter(payment__order__number="1042").count() == 1


@pytest.mark.parametrize("amount", [64.90, 10])
def test_two_threads_with_one_key_refund_once(open_shop, amount):
    one = lambda: call("issue_refund", order_id="1042", amount=amount, reason="broken")  # noqa: E731
    answers = at_once(*[one] * 6)
    assert all(answer == answers[0] for answer in answers), answers
    assert Refund.objects.filter(payment__order__number="1042").count() == 1
    assert Payment.objects.get(order__number="1042").refunded == Decimal(str(amount))


def test_refunds_at_once_never_pass_what_was_paid(open_shop):
    calls = [
        lambda key=f"key-{i}": call("issue_refund", key=key, order_id="1042", amount=20, reason="broken")
        for i in range(6)
    ]
    answers = at_once(*calls)
    assert sum(isinstance(answer, dict) for answer in answers) == 3
    assert sum(isinstance(answer, NothingHappened) for answer in answers) == 3, answers
    payment = Payment.objects.get(order__number="1042")
    assert payment.refunded == 60
    assert payment.refunds.aggregate(sum=Sum("amount"))["sum"] == 60


def test_a_refund_above_what_is_left_is_refused_with_the_sums(shop):
    with pytest.raises(NothingHappened, match=r"70\.00 EUR cannot be refunded: of 85\.00 EUR .* 65\.00 EUR are left"):
        call("issue_refund", order_id="1023", amount=70, reason="broken")
    assert Refund.objects.filter(payment__order__number="1023").count() == 1


def test_many_small_refunds_add_up_to_the_cent(shop):
    for i, amount in enumerate([0.10, 0.20, 33.37, 31.23]):
        call("issue_refund", key=f"key-{i}", order_id="1042", amount=amount, reason="in parts")
    payment = Payment.objects.get(order__number="1042")
    assert (payment.refunded, payment.order.status) == (Decimal("64.90"), "refunded")
    with pytest.raises(NothingHappened, match=r" 0\.00 EUR are left"):
        call("issue_refund", key="one more", order_id="1042", amount=0.01, reason="in parts")


def test_an_order_that_nobody_paid_has_nothing_to_refund(shop):
    with pytest.raises(NothingHappened, match="Order 1099 has no payment \\(awaiting payment\\)"):
        call("issue_refund", order_id="1099", amount=1, reason="x")


def test_a_key_that_stands_for_another_refund_is_refused(shop):
    call("issue_refund", order_id="1042", amount=10, reason="broken")
    for other in ({"order_id": "1042", "amount": 11}, {"order_id": "1023", "amount": 10}):
        with pytest.raises(NothingHappened, match="already stands for something else"):
            call("issue_refund", **other, reason="broken")
    assert Refund.objects.filter(idempotency_key="key-1").count() == 1


def test_a_call_past_its_deadline_leaves_no_trace(shop):
    before = rows()
    tool = registry.get("issue_refund")
    with pytest.raises(NothingHappened, match="nothing was changed"):
        tool.run({"order_id": "1042", "amount": 10, "reason": "late"}, context(seconds=-1))
    assert rows() == before


def test_the_database_itself_refuses_a_refund_above_what_was_paid(shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.filter(order__number="1042").update(refunded=Decimal("64.91"))


def test_what_became_of_a_refund_can_be_found_out(shop):
    tool = registry.get("issue_refund")
    assert tool.reconcile is not None
    arguments = tool.normalise({"order_id": "1042", "amount": 64.9, "reason": "broken"})
    assert not tool.reconcile(arguments, context()).happened
    result = tool.run(arguments, context())
    found = tool.reconcile(arguments, context())
    assert (found.happened, found.result) == (True, result)
    assert not tool.reconcile(arguments, context("another key")).happened


def test_a_refund_that_is_not_in_the_books_is_not_verified(shop):
    result = call("issue_refund", order_id="1042", amount=10, reason="broken")
    assert verified("issue_refund", result, order_id="1042", amount=10, reason="broken")
    assert not verified("issue_refund", result, order_id="1042", amount=11, reason="broken")
    assert not verified("issue_refund", {}, order_id="1042", amount=10, reason="broken")
    assert not verified("issue_refund", result, key="no such key", order_id="1042", amount=10, reason="broken")


def test_what_an_approved_refund_relies_on_changes_when_the_books_do(shop):
    books = registry.get("issue_refund").precondition
    assert books is not None
    assert books({"order_id": "1042"}) == {"order_status": "delivered", "paid": 64.9, "refunded": 0}
    call("issue_refund", order_id="1042", amount=4.90, reason="a scratch")
    assert books({"order_id": "1042"}) == {"order_status": "delivered", "paid": 64.9, "refunded": 4.9}
    assert books({"order_id": "none"}) is None


def test_a_reviewer_reads_what_the_refund_will_do(shop):
    described = registry.get("issue_refund").describe({"order_id": "1042", "amount": 64.9, "reason": "broken"})
    assert described == "Refund 64.90 EUR for order 1042: broken"


# Addresses: idempotent


def test_an_order_is_sent_elsewhere_and_keeps_its_recipient(shop):
    result = call("change_shipping_address", order_id="1088", **LISBON)
    address = call("get_order", order_id="1088")["shipping_address"]
    assert result["shipping_address"] == address == {"recipient": "Inês Carvalho", **LISBON}
    assert verified("change_shipping_address", result, order_id="1088", **LISBON)
    assert call("get_customer", customer_id="C-110")["address"]["city"] == "Porto"


def test_a_repeated_change_of_address_does_not_undo_a_later_one(shop):
    call("change_shipping_address", key="first", order_id="1088", **LISBON)
    later = {**LISBON, "street": "Rua Augusta 2"}
    call("change_shipping_address", key="second", order_id="1088", **later)
    repeated = call("change_shipping_address", key="first", order_id="1088", **LISBON)
    assert call("get_order", order_id="1088")["shipping_address"]["street"] == "Rua Augusta 2"
    assert AddressChange.objects.count() == 2
    assert not verified("change_shipping_address", repeated, key="first", order_id="1088", **LISBON)


def test_two_threads_with_one_key_change_the_address_once(open_shop):
    one = lambda: call("change_shipping_address", order_id="1088", **LISBON)  # noqa: E731
    answers = at_once(*[one] * 6)
    assert all(answer == answers[0] for answer in answers), answers
    assert AddressChange.objects.count() == 1


@pytest.mark.parametrize(
    ("order_id", "why"),
    [
        ("1091", "the parcel is handed over to the carrier"),
        ("1042", "the parcel is delivered"),
        ("1104", "the order is canceled"),
    ],
)
def test_an_order_that_has_left_keeps_its_address(shop, order_id, why):
    before = rows()
    with pytest.raises(NothingHappened, match=f"order {order_id} can no longer be changed: {why}"):
        call("change_shipping_address", order_id=order_id, **LISBON)
    assert rows() == before


# The carrier, and its "200 with an error inside"


def test_a_parcel_that_is_still_here_is_stopped(shop):
    result = call("cancel_shipment", order_id="1088", reason="ordered twice")
    assert (result["status"], result["body"]["state"]) == (200, "canceled")
    assert call("track_shipment", order_id="1088")["status"] == "canceled"
    assert verified("cancel_shipment", result, order_id="1088", reason="ordered twice")


def test_an_error_inside_the_carriers_200_is_not_taken_for_a_success(shop):
    result = call("cancel_shipment", order_id="1091", reason="ordered twice")
    assert result["status"] == 200
    assert result["body"]["error"] == "parcel already handed over"
    tool = registry.get("cancel_shipment")
    assert tool.verify is not None
    evidence = tool.verify(result, {"order_id": "1091", "reason": "ordered twice"}, context())
    assert not evidence.ok
    assert "parcel already handed over" in evidence.checks[0].detail
    assert call("track_shipment", order_id="1091")["status"] == "handed_over"


def test_the_carrier_is_asked_once_for_each_key(open_shop):
    one = lambda: call("cancel_shipment", order_id="1088", reason="ordered twice")  # noqa: E731
    answers = at_once(*[one] * 6)
    assert all(answer == answers[0] for answer in answers), answers
    assert one() == answers[0]
    assert CarrierRequest.objects.count() == 1


# Messages: once


def test_a_message_is_in_the_outbox(shop):
    result = call("send_message", customer_id="C-101", subject=" Your kettle ", body="It is on us.")
    message = Message.objects.get()
    assert result["message_id"] == message.number
    assert (message.to, message.subject) == ("ana.lima@example.org", "Your kettle")
    assert verified("send_message", result, customer_id="C-101", subject="x", body="x")
    assert not verified("send_message", {}, customer_id="C-101", subject="x", body="x")


def test_two_threads_with_one_key_send_one_message(open_shop):
    one = lambda: call("send_message", customer_id="C-101", subject="Hello", body="Hello, Ana.")  # noqa: E731
    answers = at_once(*[one] * 6)
    assert all(answer == answers[0] for answer in answers), answers
    assert Message.objects.count() == 1


def test_the_shop_has_a_tool_for_each_effect():
    effects = {name: registry.get(name).effect for name in registry.names()}
    assert {effects[name] for name in ("get_order", "change_shipping_address", "issue_refund", "send_message")} == set(
        Effect
    )
    assert registry.get("issue_refund").stakes == registry.get("send_message").stakes == Stakes.HIGH
    shop = [tool for tool in registry if tool.name in SHOP]
    assert len(shop) == len(SHOP)
    assert checks.without_verifier(shop) == []


# The shop's pages


@pytest.fixture
def admin_client(shop: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


PAGES = (
    "order", "refund", "customer", "product", "shipment", "addresschange", "carrierrequest", "message", "policysection",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_each_table_can_be_looked_at_and_searched_but_not_changed(admin_client, page):
    call("change_shipping_address", key="a", order_id="1088", **LISBON)
    call("cancel_shipment", key="b", order_id="1088", reason="x")
    call("send_message", key="c", customer_id="C-101", subject="Hello", body="Hello")
    model = {m.__name__.lower(): m for m in (Order, Refund, Customer, Product, Shipment, AddressChange,
             CarrierRequest, Message, PolicySection)}[page]  # fmt: skip
    row = model._default_manager.first()
    listing = admin_client.get(reverse(f"admin:shop_{page}_changelist"), {"q": "1"} if page != "policysection" else {})
    assert listing.status_code == 200
    detail = reverse(f"admin:shop_{page}_change", args=[row.pk])
    assert admin_client.get(detail).status_code == 200
    assert admin_client.post(detail, {}).status_code == 403
    assert admin_client.get(reverse(f"admin:shop_{page}_add")).status_code == 403
    assert admin_client.post(reverse(f"admin:shop_{page}_delete", args=[row.pk])).status_code == 403


def test_a_refund_is_seen_with_its_key_and_its_time(admin_client):
    call("issue_refund", key="task-7-step-3", order_id="1042", amount=64.9, reason="arrived broken")
    page = admin_client.get(reverse("admin:shop_refund_changelist"), {"q": "1042"}).content.decode()
    assert "task-7-step-3" in page
    assert "64.90 EUR" in page
    assert "arrived broken" in page


def test_the_list_of_orders_asks_a_bounded_number_of_questions(admin_client, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        admin_client.get(reverse("admin:shop_order_changelist"))
