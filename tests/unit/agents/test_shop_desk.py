"""The sample desk's own stories, told without a database: what its playbook proposes, and what policy says of it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import tools.examples.shop
from agents.definition import AgentDefinition
from agents.definition.loading import dump, parse
from agents.llm.base import NoProposal, Proposal
from agents.policy import Facts, Verdict, judge_action, judge_plan
from tests.unit.agents.playing import Failed, Play
from tools.registry import registry

FILE = Path(tools.examples.shop.__file__).with_name("agent.yaml")

ADDRESS = {"recipient": "Ana Lima", "street": "Rua A 1", "postcode": "4000-001", "city": "Porto", "country": "Portugal"}
ORDER = {
    "order_id": "1042",
    "status": "delivered",
    "placed_on": "2026-10-02",
    "customer_id": "C-101",
    "customer_name": "Ana Lima",
    "currency": "EUR",
    "lines": [{"sku": "KET-100", "name": "Gooseneck kettle", "quantity": 1, "unit_price": 64.9, "total": 64.9}],
    "total": 64.9,
    "paid": 64.9,
    "refunded": 0,
    "refundable": 64.9,
    "shipping_address": ADDRESS,
    "shipment": {"tracking_number": "NL1", "carrier": "Norlane", "status": "delivered"},
}
ANSWERS: dict[str, Any] = {
    "get_order": lambda arguments: {**ORDER, "order_id": arguments["order_id"]},
    "get_customer": {
        "customer_id": "C-101",
        "name": "Ana Lima",
        "email": "ana.lima@example.org",
        "phone": "+351 1",
        "customer_since": "2025-01-01",
        "orders": 3,
        "spent": 120,
        "address": ADDRESS,
    },
    "read_policy": {"sections": [{"topic": "refunds", "title": "Refunds", "text": "…"}]},
    "issue_refund": lambda arguments: {**arguments, "refund_id": "R-00012", "currency": "EUR", "created_at": "now"},
    "track_shipment": lambda arguments: {
        **arguments,
        "tracking_number": "NL1",
        "carrier": "Norlane",
        "status": "in_transit",
        "expected_on": "2026-11-24",
        "delivered_on": None,
        "events": [],
    },
    "find_orders": {"count": 1, "orders": [{**ORDER, "total": 64.9}]},
    "check_stock": {"sku": "KET-100", "name": "Gooseneck kettle", "in_stock": 4, "warehouse": "Porto"},
    "change_shipping_address": lambda arguments: {
        "change_id": "A-00001",
        "order_id": arguments["order_id"],
        "shipping_address": arguments,
        "changed_at": "now",
    },
    "cancel_shipment": {"status": 200, "body": {"tracking_number": "NL1", "state": "canceled", "canceled_at": "now"}},
    "send_message": {"message_id": "M-00001", "to": "ana.lima@example.org", "subject": "x", "sent_at": "now"},
}


@pytest.fixture(scope="module")
def desk() -> AgentDefinition:
    return parse(FILE.read_text(encoding="utf-8"), str(FILE))


def story(desk: AgentDefinition, goal: str, **answers: Any) -> Play:
    return Play(desk, goal, {**ANSWERS, **answers})


def finished(proposal: Proposal) -> str:
    assert proposal.name == "finish", proposal
    return proposal.arguments["result"]


def verdict(desk: AgentDefinition, name: str, arguments: dict[str, Any]) -> Verdict:
    """What policy says when the order was looked up, and nothing is used of any limit."""
    tool = registry.get(name)
    order = {"order_id": arguments.get("order_id"), "refundable": 500}
    used = dict.fromkeys(range(len(desk.constraints)), Decimal(0))
    facts = Facts(steps_left=9, results=(("get_order", order),), used=used)
    return judge_action(tool, name, tool.normalise(arguments), 1.0, desk, facts)


def test_the_file_survives_the_editor(desk):
    assert parse(dump(desk)) == desk


def test_every_example_but_the_poem_fits_a_recipe_whose_plan_policy_allows(desk):
    for goal in desk.examples:
        if "poem" in goal:
            with pytest.raises(NoProposal):
                story(desk, goal).propose()
            continue
        proposal = story(desk, goal).propose()
        if proposal.name == "propose_plan":
            tools_by_name = {tool.name: tool for tool in registry.all()}
            plan = judge_plan(proposal.arguments["steps"], 1.0, desk, Facts(steps_left=11), tools_by_name)
            assert plan.outcome == "allow", plan.message()
        else:
            assert proposal.name == "ask"


def test_a_refund_looks_things_up_and_then_waits_for_one_person(desk):
    play = story(desk, "Refund order 1042, the kettle arrived broken")
    assert finished(play.run()) == "Refunded 64.90 EUR for order 1042 to Ana Lima (R-00012)."
    assert play.called() == ["propose_plan", "get_order", "get_customer", "read_policy", "issue_refund"]
    refund = play.history[-1].arguments
    assert refund == {"order_id": "1042", "amount": 64.9, "reason": "the kettle arrived broken"}
    asked = [
        one
        for one in play.history
        if one.name in registry and verdict(desk, one.name, one.arguments).outcome != "allow"
    ]
    assert [one.name for one in asked] == ["issue_refund"]


def test_a_refund_without_a_reason_asks_for_it(desk):
    play = story(desk, "refund order #1042")
    question = play.run()
    assert question.arguments == {"question": "Why should order 1042 be refunded?"}
    play.answer(question, "It leaks.")
    finished(play.run())
    assert play.history[-1].arguments["reason"] == "It leaks."


def test_a_part_of_the_money_may_go_back(desk):
    play = story(desk, "Refund 12,50 EUR of order 1042, one cup was cracked")
    assert finished(play.run()).startswith("Refunded 12.50 EUR of order 1042 to Ana Lima")
    assert play.history[-1].arguments["amount"] == 12.5


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"status": "refunded", "refunded": 64.9, "refundable": 0}, "was refunded in full before (64.90 EUR)"),
        ({"status": "awaiting_payment", "paid": 0, "refundable": 0}, "0.00 EUR were paid"),
    ],
)
def test_what_cannot_be_refunded_ends_with_a_word_and_no_refund(desk, order, said):
    play = story(desk, "Refund order 1042, broken", get_order={**ORDER, **order})
    assert said in finished(play.run())
    assert "issue_refund" not in play.called()


def test_a_refund_over_the_limit_is_denied_and_a_person_learns_why(desk):
    denied = verdict(desk, "issue_refund", {"order_id": "1077", "amount": 389, "reason": "It leaks"})
    assert denied.outcome == "deny"
    refusal = Failed(denied.code(), denied.message())
    play = story(desk, "Refund order 1077, the machine leaks", issue_refund=refusal)
    end = play.run()
    assert end.name == "escalate"
    assert "over the refund limit of 100 EUR; a person has to decide (amount: 389)" in end.arguments["reason"]
    assert "the machine leaks" in end.arguments["reason"]


def test_a_refund_of_exactly_the_limit_is_asked_about_and_not_denied(desk):
    assert verdict(desk, "issue_refund", {"order_id": "1110", "amount": 100, "reason": "x"}).outcome == "review"


def test_a_rejected_refund_goes_to_a_person_with_the_feedback(desk):
    rejected = Failed("review.rejected", "A reviewer rejected this action.", "The photo shows another kettle.")
    end = story(desk, "Refund order 1042, broken", issue_refund=rejected).run()
    assert end.name == "escalate"
    assert "The photo shows another kettle." in end.arguments["reason"]


@pytest.mark.parametrize(
    ("parcel", "said"),
    [
        ({}, "is on its way with Norlane, parcel NL1, expected on 2026-11-24."),
        ({"status": "delivered", "delivered_on": "2026-11-10"}, "was delivered on 2026-11-10 by Norlane"),
        ({"status": "label_printed"}, "is packed."),
        ({"status": "canceled"}, "was stopped."),
        ({"expected_on": None}, "No day of delivery is known."),
    ],
)
def test_the_status_of_an_order_is_told_and_needs_nobody(desk, parcel, said):
    tracked = lambda arguments: {**ANSWERS["track_shipment"](arguments), **parcel}  # noqa: E731
    play = story(desk, "Where is order 1017?", track_shipment=tracked)
    assert said in finished(play.run())
    assert all(verdict(desk, name, {"order_id": "1017"}).outcome == "allow" for name in play.called()[1:])


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"status": "awaiting_payment", "shipment": None}, "waiting for its payment, 64.90 EUR"),
        ({"status": "canceled", "shipment": None}, "was canceled"),
        ({"status": "paid", "shipment": None}, "It has no parcel yet."),
    ],
)
def test_an_order_without_a_parcel_has_a_status_too(desk, order, said):
    play = story(desk, "What is the status of order 1042", get_order={**ORDER, **order})
    assert said in finished(play.run())
    assert "track_shipment" not in play.called()


def test_an_order_that_is_not_there_is_said_so(desk):
    missing = Failed("tool.nothing_happened", "There is no order '9999'.")
    assert finished(story(desk, "Where is order 9999?", get_order=missing).run()) == "There is no order 9999."


def test_an_address_that_is_missing_is_asked_for_and_read_into_its_parts(desk):
    play = story(desk, "Change the address of order 1088", get_order={**ORDER, "status": "paid"})
    question = play.run()
    assert question.name == "ask"
    assert "new address of order 1088" in question.arguments["question"]
    play.answer(question, "Prinsengracht 12, 1015 DV Amsterdam, Netherlands")
    assert "goes to Prinsengracht 12, 1015 DV Amsterdam, Netherlands now" in finished(play.run())
    change = play.history[-1].arguments
    assert verdict(desk, "change_shipping_address", change).outcome == "allow"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Rua das Flores 12, 4050-262 Porto, Portugal", ("Rua das Flores 12", "4050-262", "Porto", "Portugal")),
        ("Torstraße 1, 10119 Berlin, Germany.", ("Torstraße 1", "10119", "Berlin", "Germany")),
        ("12 rue de la Paix,75002 Paris,France", ("12 rue de la Paix", "75002", "Paris", "France")),
    ],
)
def test_addresses_are_read_as_people_write_them(desk, text, parts):
    goal = f"please change the address of order 1088 to {text}"
    play = story(desk, goal, get_order={**ORDER, "status": "paid"})
    finished(play.run())
    change = play.history[-1].arguments
    assert (change["street"], change["postcode"], change["city"], change["country"]) == parts


def test_an_address_that_cannot_be_read_goes_to_a_person(desk):
    play = story(desk, "Change the address of order 1088")
    play.answer(play.run(), "around the corner")
    assert play.run().name == "escalate"


def test_a_parcel_is_stopped_and_what_the_carrier_answers_is_told(desk):
    here = {**ORDER, "status": "paid"}
    play = story(desk, "Cancel the shipment of order 1088", get_order=here)
    assert "is canceled, parcel NL1" in finished(play.run())
    refused = {"status": 200, "body": {"tracking_number": "NL1", "error": "parcel already handed over"}}
    play = story(desk, "Cancel the shipment of order 1091", get_order=here, cancel_shipment=refused)
    assert "was not canceled. The carrier says: parcel already handed over." in finished(play.run())


def test_a_warehouse_that_stays_away_goes_to_a_person_and_is_tried_again_on_their_word(desk):
    away = [Failed("tool.unavailable", "The warehouse Gdańsk does not answer.")]
    stock = lambda arguments: away.pop() if away else ANSWERS["check_stock"]  # noqa: E731
    play = story(desk, "Check the stock of KET-100", check_stock=stock)
    end = play.run()
    assert "Gdańsk does not answer" in end.arguments["reason"]
    play.record(end, answer={"handed_over": "so"})
    play.say("try again")
    assert finished(play.run()) == "Gooseneck kettle (KET-100): 4 in stock in Porto."


def test_all_about_a_customer_is_told_in_lines(desk):
    text = finished(story(desk, "Show me all about ana.lima@example.org.").run())
    assert "Ana Lima (C-101), ana.lima@example.org" in text
    assert "3 orders, 120.00 EUR in all" in text
    assert "- 1042 of 2026-10-02, delivered, 64.90 EUR" in text


def test_nobody_found_is_said_so(desk):
    play = story(desk, "Show me all about no.one@example.org", find_orders={"count": 0, "orders": []})
    assert "No orders were found for no.one@example.org" in finished(play.run())


def test_a_message_waits_for_a_person_and_a_promise_in_it_is_pointed_out(desk):
    play = story(desk, "Write to the customer of order 1042: we promise a {voucher}")
    assert "M-00001" in finished(play.run())
    sent = play.history[-1].arguments
    assert "Dear Ana Lima,\n\nwe promise a {voucher}\n\n" in sent["body"]
    codes = [reason.code for reason in verdict(desk, "send_message", sent).reasons]
    assert codes == ["constraint.review", "stakes.high"]


def test_a_message_that_asks_for_a_password_is_denied(desk):
    sent = {"customer_id": "C-101", "subject": "x", "body": "Please send us your password."}
    assert verdict(desk, "send_message", sent).outcome == "deny"


@pytest.mark.parametrize("goal", ["Do not refund order 1042", "Never mind: refund order 1042", "", "🫖", "{order_id}"])
def test_a_goal_that_says_something_else_is_left_to_others(desk, goal):
    with pytest.raises(NoProposal):
        story(desk, goal).propose()
