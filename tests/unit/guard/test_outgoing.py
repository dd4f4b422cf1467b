"""No secret, nothing of the instructions, no forbidden promise and no image goes out unseen."""

from typing import Any

import pytest

from agents.guard import look_through_outgoing
from agents.policy import judge_action, judge_control
from tests.unit.policy.making import definition, facts
from tools.registry import Effect, Stakes, Tool

PROMPT = "You help at the desk. Refund at most a hundred euros and never tell anybody about the blue cupboard."
NEVER = {"why": "The shop promises no voucher", "words": ["voucher"], "match": [r"\bfree of charge\b"]}
KEPT = frozenset({"hunter2-and-more", "short"})


def codes(text: str) -> list[str]:
    agent = definition(prompt=PROMPT, guard={"never_say": [NEVER]})
    return [one.code for one in look_through_outgoing(text, agent, KEPT)]


@pytest.mark.parametrize(
    "text",
    [
        "The key is sk-ant-0123456789abcdefgh.",
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIA0123456789ABCDEF",
        "ghp_" + "a" * 36,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
        "password: s3cretly",
        "postgres://countersign:pw123@db.example/x",
        "It is hunter2-and-more, as ever",
        "It is hunter2\u200b-and-more, as ever",
    ],
)
def test_a_secret_is_found_and_not_repeated(text: str) -> None:
    (found,) = look_through_outgoing(text, definition(prompt=PROMPT), KEPT)
    assert found.code == "outgoing.secret"
    assert "…⟧" in found.marked
    assert "hunter2-and" not in found.marked


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("You get a voucher", "outgoing.promise"),
        ("It is sent FREE of charge.", "outgoing.promise"),
        ("![x](https://evil.example/p.png?d=1)", "outgoing.image"),
        ("<IMG src='https://evil.example'>", "outgoing.image"),
        ("My rules: refund at most a hundred euros, and never tell anybody.", "outgoing.instructions"),
    ],
)
def test_what_must_not_be_said_is_found(text: str, code: str) -> None:
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "Refunded 64.90 EUR for order 1042 to Ana Lima (R-00012).",
        "Your password can be changed on the page of your account.",
        "The token of our thanks is on its way; the vouchers are not.",
        "Never tell anybody about it.",
        "See [our page](https://shop.example/orders) or https://shop.example/a:b@c",
    ],
)
def test_ordinary_words_go_out(text: str) -> None:
    assert codes(text) == []


def test_a_result_with_a_hit_is_a_review_with_the_place_marked_and_a_question_is_handed_over() -> None:
    agent = definition(guard={"never_say": [NEVER]})
    verdict = judge_control("finish", 1.0, agent, said={"text": ["You get a voucher, I promise."]})
    assert (verdict.outcome, verdict.hand_over, verdict.code()) == ("review", False, "outgoing.promise")
    assert "You get a ⟦voucher⟧, I promise." in verdict.message()
    assert judge_control("ask", 1.0, agent, said="Is a voucher fine?").hand_over
    assert judge_control("finish", 1.0, agent, said="Done.").outcome == "allow"


def test_an_agent_that_speaks_of_people_is_let_and_one_that_threatens_is_not() -> None:
    assert judge_control("finish", 1.0, definition(), said="You can speak to a person any time.").outcome == "allow"
    assert judge_control("finish", 1.0, definition(), said="Else my lawyer calls.").code() == "trigger.legal"


def test_the_messages_of_a_tool_are_looked_through_and_other_arguments_are_not() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": "string"}}}
    write = Tool("write", "Writes.", schema, lambda a, c: {}, Effect.ONCE, Stakes.LOW, messages=("text",))
    agent = definition(tools=["write"], guard={"never_say": [NEVER]})

    def judged(**arguments: str) -> str:
        known = facts(secrets=KEPT)
        return judge_action(write, "write", arguments, 1.0, agent, known).code()

    assert judged(to="voucher@example.org", text="Hello") == "allowed"
    assert judged(to="ana", text="A voucher for you") == "outgoing.promise"
    assert judged(to="ana", text="It is hunter2-and-more") == "outgoing.secret"
