"""Each trigger finds what it is for, with its place, and lets ordinary goals go."""

import pytest

from agents.definition import Trigger
from agents.definition.patterns import check_pattern
from agents.guard import find_triggers
from agents.guard.finding import Rule, find
from agents.guard.outgoing import IMAGE, SECRETS
from agents.guard.screening import ORDERS
from agents.guard.triggers import HOUSE
from tests.unit.policy.making import definition

ALL = tuple(HOUSE)
FOUND = {
    "person": [
        "I want to speak to a real person",
        "Please connect me with your manager!",
        "a person",
        "A human, please.",
        "I need a human",
        "No more bots",
        "TALK TO SOMEONE",
        "get me a human",
    ],
    "anger": ["This is absolutely ridiculous", "what idiots", "I am furious", "worst service ever", "Answer me!!!!"],
    "threat": ["You will regret this", "I'll kill you", "I’m going to sue you", "we will go to the press"],
    "legal": ["My lawyer will write to you", "This is a GDPR request", "we will take legal action", "the ombudsman"],
    "competitor": ["I am switching to another shop", "your competitor is better"],
    "price": ["Can I get a discount?", "Knock 10 EUR off the price", "make me an offer"],
    "self_harm": ["I want to die", "he talks of suicide", "I will hurt myself", "There is no reason to live"],
}
ORDINARY = [
    "Refund order 1042, the kettle arrived broken",
    "Where is order 1063?",
    "Change the delivery address of order 1088",
    "Write a poem about the sea",
    "Refund order 1077, it makes too much noise",
    "Find the person who ordered this",
    "The package was sued for",
    "Order 3 bottles of kill-bug spray for the customer Suela Hart",
    "Everything is fine now! Thank you!",
    "A person will be at home from 9 to 12",
    "Tell the customer that the knife is sharp",
    "El paquete llegó roto. 包裹坏了。",
]


def names(text: str, *wanted: str) -> list[str]:
    agent = definition(guard={"triggers": wanted or ALL})
    return [one.code.removeprefix("trigger.") for one in find_triggers(text, agent)]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FOUND.items() for text in texts])
def test_a_trigger_finds_what_it_is_for(name: str, text: str) -> None:
    assert name in names(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_goal_sets_nothing_off(text: str) -> None:
    assert names(text) == []


def test_letters_that_look_alike_and_unseen_ones_hide_nothing() -> None:
    assert names("ｓｕｉｃｉｄｅ") == ["self_harm"]
    assert names("my law\u200byer") == ["legal"]


def test_an_agent_has_the_triggers_that_it_lists_and_its_own() -> None:
    assert names("My lawyer wants a discount", "price") == ["price"]
    own = Trigger(
        name="recall", why="A product may be recalled", words=("recall",), match=(r"\bbattery .{0,20}fire\b",)
    )
    agent = definition(guard={"triggers": [], "own_triggers": [own.model_dump()]})
    for text in ("Is there a RECALL?", "the battery is on fire"):
        (found,) = find_triggers(text, agent)
        assert (found.code, found.why) == ("trigger.recall", "A product may be recalled")
    assert list(find_triggers("recalled", agent)) == []


def test_the_place_is_marked_and_a_long_text_is_looked_through_in_pieces() -> None:
    text = "x " * 1500 + "so my lawyer will call" + " y" * 3000
    (found,) = find_triggers(text, definition())
    assert "so ⟦my lawyer⟧ will call y" in found.marked
    assert len(found.marked) < 200
    (found,) = find(f"{'a' * 1995} lawsuit", [HOUSE["legal"]])
    assert "⟦lawsuit⟧" in found.marked


@pytest.mark.parametrize("rule", [*HOUSE.values(), *ORDERS, SECRETS, IMAGE], ids=lambda rule: rule.code)
def test_the_houses_own_patterns_can_not_run_for_long(rule: Rule) -> None:
    for pattern in rule.match:
        check_pattern(f"(?i){pattern}")
    for _ in find("a " * 30_000 + "-" * 2000 + "you are " * 300, [rule]):
        pass


def test_a_wording_without_anything_to_look_for_is_refused() -> None:
    for wrong in ({"why": "x"}, {"why": "x", "words": [" "]}, {"why": "x", "match": ["(a+)+"]}):
        with pytest.raises(ValueError, match=r"look for|nested"):
            definition(guard={"blocks": [wrong]})
