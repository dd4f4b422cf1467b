"""Somebody else's data never go out unseen, whoever's these are; and a person's own, the house's, and what people said
themselves go without asking."""

from typing import Any

import pytest

from agents.policy import judge_action, judge_control
from agents.policy.provenance import Said
from agents.policy.records import Read
from agents.policy.whose import Told
from tests.unit.policy.making import definition, facts
from tools.registry import Effect, Stakes, Tool

ANA, BO = "ana.lima@example.org", "bo.karlsen@example.org"
WRITE = Tool(
    "write",
    "Writes to a customer.",
    {
        "type": "object",
        "properties": {"customer_id": {"type": "string"}, "to": {"type": "string"}, "text": {"type": "string"}},
    },
    lambda arguments, context: {},
    Effect.ONCE,
    Stakes.LOW,
    messages=("text",),
)
FIELDS = ("name", "street")


def customer(number: str, name: str, email: str, phone: str = "+351 912 345 678") -> dict[str, Any]:
    return {"customer_id": number, "name": name, "email": email, "phone": phone}


ORDER = Read(1, "get_order", {"order_id": "1042"}, {"order_id": "1042", "customer_id": "C-101", "street": "Rua Nova 1"})
HERS = Read(2, "get_customer", {"customer_id": "C-101"}, customer("C-101", "Ana Lima", ANA))
HIS = Read(3, "get_customer", {"customer_id": "C-102"}, customer("C-102", "Bo Karlsen", BO, "+47 22 12 34 56"))
BOTH = Read(4, "list_customers", {}, {"city": "Porto", "customers": [HERS.content, HIS.content]})
TABLE = Read(5, "list_customers", {}, {"C-101": {"email": ANA}, "C-102": {"email": BO}})
SAME_PRODUCT = Read(
    6,
    "find_orders",
    {"product_id": "KET-100"},
    {"orders": [{"product_id": "KET-100", "email": ANA}, {"product_id": "KET-100", "email": BO}]},
)
POLICY = Read(7, "read_policy", {"topic": "returns"}, {"text": "Ask returns@partner.example first."}, of_house=True)
MAIL = Read(
    8, "next_mail", {}, {"from": f"Ana <{ANA}>", "text": "Where is it? Call +351 912 345 678.", "order_no": 1042}
)
HOUSE = Read(9, "get_house", {}, {"owner": ANA, "people": [{"email": ANA}, {"email": BO}]})
STREETS = Read(
    10,
    "find_orders",
    {"product_id": "KET-100"},
    [
        {"product_id": "KET-100", "customer_id": "C-101", "street": "Rua Nova 1"},
        {"product_id": "KET-100", "customer_id": "C-102", "street": "Karl Johans gate 3"},
    ],
)
COURIER = Read(11, "get_parcel", {"order_id": "1042"}, {"order_id": "1042", "courier": BO})
GOAL = Said("the goal", "Tell the customer of order 1042 that it is late")


def agent(**guard: Any) -> Any:
    prompt = "You work at the desk, desk@kettle.example."
    return definition(tools=["write"], prompt=prompt, guard=guard, privacy={"fields": FIELDS})


def message(text: str, *reads: Read, to: dict[str, str] | None = None, told: Told | None = None, **guard: Any) -> str:
    """The code of the verdict on a message to Ana, and what it says."""
    known = facts(told=told or Told((GOAL,), (), reads))
    arguments = (to or {"customer_id": "C-101"}) | {"text": text}
    verdict = judge_action(WRITE, "write", arguments, 1.0, agent(**guard), known)
    return f"{verdict.code()} {verdict.message()}"


def result(said: Any, *reads: Read, goal: str = GOAL.content, name: str = "finish") -> str:
    verdict = judge_control(name, 1.0, agent(), said=said, told=Told((Said("the goal", goal),), (), reads))
    return f"{verdict.code()} {verdict.message()}"


@pytest.mark.parametrize(
    ("reads", "where"),
    [
        ([ORDER, HERS, HIS], "step 3 (get_customer), which is about somebody else (customer_id C-102)"),
        ([HIS], "step 3 (get_customer), which is about somebody else"),
        ([BOTH], "step 4 (list_customers /customers/1), which is about somebody else (customer_id C-102)"),
        ([HERS, TABLE], "step 5 (list_customers /C-102), a list that names several people"),
        ([HERS, SAME_PRODUCT], "step 6 (find_orders /orders/1), a list that names several people"),
        ([HERS, HOUSE], "step 9 (get_house /people/1), a list that names several people"),
    ],
)
def test_somebody_elses_address_in_a_message_is_marked_with_where_it_is_from(reads: list[Read], where: str) -> None:
    said = message(f"Dear Ana, write to {BO.upper()} instead.", *reads)
    assert said.startswith("outgoing.somebody_else This e-mail address may be somebody else's.")
    assert where in said
    assert f"“Dear Ana, write to ⟦{BO.upper()}⟧ instead.”" in said


def test_a_record_that_names_another_one_in_the_place_of_whom_it_is_for_is_not_theirs() -> None:
    assert message("It goes to Rua Nova 1.", HERS, STREETS) == "allowed "
    assert "somebody else (customer_id C-102)" in message("It goes to Karl Johans gate 3.", HERS, STREETS)
    to = {"to": ANA, "order_id": "1042"}
    assert "somebody else (another e-mail address)" in message(f"Ask {BO}.", COURIER, to=to)


@pytest.mark.parametrize(
    "value", ["+47 22123456", "Bo Karlsen", "bo\u200b.karlsen@example.org", "B Karlsen <bo.karlsen@example.org>"]
)
def test_it_is_found_however_it_is_written(value: str) -> None:
    assert message(f"Ask {value}.", HERS, HIS).startswith("outgoing.somebody_else")


@pytest.mark.parametrize(
    "to", [{"customer_id": "C-101"}, {"to": ANA}, {"to": "+351912345678"}, {"customer_id": "C-101", "to": ANA}]
)
def test_whom_a_message_is_for_reads_their_own_data(to: dict[str, str]) -> None:
    text = f"Dear Ana Lima, we write to {ANA} or call 912345678 or +351-912-345-678; it goes to Rua Nova 1."
    assert message(text, ORDER, HERS, to=to) == "allowed "
    assert message(text.replace("Rua Nova 1", "you"), BOTH, to=to) == "allowed "


@pytest.mark.parametrize(
    "text",
    [
        "Write to desk@kettle.example.",
        "Write to returns@partner.example.",
        "Ask ines@shop.kettle.pt or call +351 220 100 200.",
        f"Your friend at {BO} knows.",
        "Order 1042 of 2026-11-20 costs 64.90 EUR; parcel PT-00412345678.",
    ],
)
def test_what_is_the_houses_and_what_people_said_is_nobody_elses(text: str) -> None:
    told = Told((GOAL, Said("the submitter's answer", f"Say that {BO.upper()} knows")), (), (HERS, POLICY))
    assert message(text, told=told, ours=["kettle.pt", "+351 220 100 200"]) == "allowed "


def test_what_stands_nowhere_is_asked_about() -> None:
    said = message("Call +351 999 888 777.", ORDER, HERS)
    assert said == (
        "outgoing.from_nowhere This phone number stands in nothing that people told or tools answered: "
        "“Call ⟦+351 999 888 777⟧.”"
    )


def test_what_the_model_has_the_houses_own_tool_say_back_is_not_the_houses() -> None:
    echo = Read(7, "read_policy", {"topic": BO}, {"error": {"message": f"There is no topic {BO}."}}, of_house=True)
    assert message(f"Write to {BO}.", HERS, echo).startswith("outgoing.somebody_else")


def test_an_address_at_a_domain_that_only_ends_alike_is_not_the_houses() -> None:
    assert message("Ask ines@notkettle.pt.", HERS, ours=["kettle.pt"]).startswith("outgoing.from_nowhere")


def test_a_strangers_mail_looks_up_nobody_else() -> None:
    told = Told(
        (Said("the goal", "Answer this mail"),),
        (Said("the inputs", {"mail": f"From {BO}, +47 22 12 34 56: where is 1042?"}),),
        (ORDER,),
    )
    assert message(f"Hello {BO}, we call +4722123456!", told=told, to={"to": BO}) == "allowed "
    assert message("It goes to Rua Nova 1.", told=told, to={"to": BO}).startswith("outgoing.somebody_else")


def test_where_nothing_was_read_of_whom_people_named_they_hear_what_was_asked_for() -> None:
    told = Told((Said("the goal", "Tell courier@fast.example where order 1042 goes"),), (), (ORDER, HIS))
    assert message("It goes to Rua Nova 1.", told=told, to={"to": "courier@fast.example"}) == "allowed "
    assert message("It goes to Rua Nova 1.", told=told, to={"to": "eve@fast.example"}).startswith("outgoing.somebody")
    assert message("It goes to Bo Karlsen.", told=told, to={"to": "courier@fast.example"}).startswith("outgoing.some")


@pytest.mark.parametrize(
    ("reads", "goal"),
    [
        ([ORDER, HERS], "Who bought 1042?"),
        ([BOTH], f"Show me all about {ANA}"),
        ([MAIL], "Answer the next mail"),
        ([Read(1, "find", {"name": "Lima"}, {"found": [HERS.content]}), HERS], "Find Lima"),
    ],
)
def test_a_result_tells_of_whom_it_was_asked(reads: list[Read], goal: str) -> None:
    assert result({"who": f"It is {ANA}", "numbers": ["+351912345678"]}, *reads, goal=goal) == "allowed "


def test_a_result_that_tells_of_others_is_a_review_and_a_question_is_handed_over() -> None:
    said = result({"first": "Fine.", "who": [f"It is {BO}"]}, ORDER, HERS, BOTH, goal="Who bought 1042?")
    assert said.startswith("outgoing.somebody_else")
    assert f"nothing says that this one is what people asked about: “It is ⟦{BO}⟧”" in said
    told = Told((GOAL,), (), (BOTH,))
    assert judge_control("ask", 1.0, agent(), said=f"Is it {BO}?", told=told).hand_over


def test_what_a_recipe_tells_is_what_its_author_meant() -> None:
    known = facts(told=Told((GOAL,), (), (HIS,)), by_recipe=True)
    assert judge_action(WRITE, "write", {"text": f"Write to {BO}."}, 1.0, agent(), known).outcome == "allow"


def test_whose_data_an_example_names_is_told_no_more_for_that() -> None:
    with_example = definition(examples=[f"Show me all about {BO}"])
    assert judge_control("finish", 1.0, with_example, said=f"It is {BO}.", told=Told()).outcome == "review"


def test_an_agent_says_where_it_is_looked_for() -> None:
    assert message(f"Write to {BO}.", HIS, others_data=["results"]) == "allowed "
    assert message(f"Write to {BO}.", HIS, others_data=["messages"]).startswith("outgoing.")


def test_many_are_counted() -> None:
    many = Read(1, "list", {}, [{"email": f"p{number}@example.org"} for number in range(9)])
    said = message(" ".join(one["email"] for one in many.content), many)
    assert said.count("may be somebody else's") == 6
    assert "So it is with 3 more values in it." in said
