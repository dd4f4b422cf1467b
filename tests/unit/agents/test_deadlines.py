"""The rules of time: the first that matches applies, nothing that ran expires, mistakes are named at their lines."""

from datetime import timedelta

import pytest

from agents.definition import ApprovalRule, Deadline, length_of
from agents.definition.loading import dump, parse
from agents.policy import Quorum, Times, quorum_for, quorum_of_question, times_for
from tests.unit.agents.test_loading import TOOLS, WHOLE, problems
from tests.unit.policy.making import definition

OVER_50 = {"required": ["amount"], "properties": {"amount": {"type": "number", "exclusiveMinimum": 50}}}
RULES = """\
deadlines:
  - tool: pay
    due: 4h
    remind: 1h
    escalate_to: Leads
    expires: 2d
    when:
      required: [amount]
      properties:
        amount: {type: number, exclusiveMinimum: 50}
  - kind: limit
    expires: 90min
    then: hand_on
  - due: 1d
approvals:
  - tool: pay
    password: true
  - kind: plan
    needed: 2
"""
AGENT = definition(
    deadlines=[
        {"tool": "pay", "when": OVER_50, "due": "4h", "remind": "1h", "escalate_to": "Leads", "expires": "2d"},
        {"kind": "limit", "expires": "90min", "then": "hand_on"},
        {"due": "1d", "expires": "2d"},
    ],
    approvals=[{"tool": "pay", "password": True}, {"kind": "plan", "needed": 2, "group": "Leads"}],
)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("action", "pay", {"amount": 51}), Times(3 * HOUR, 4 * HOUR, 48 * HOUR, "Leads")),
        (("in_doubt", "pay", {"amount": 51}), Times(3 * HOUR, 4 * HOUR, None, "Leads")),
        (("action", "pay", {"amount": 50}), Times(due=24 * HOUR, expires=48 * HOUR)),
        (("limit", "", {}), Times(expires=1.5 * HOUR, hands_on=True)),
        (("escalation", "", {}), Times(due=24 * HOUR, expires=48 * HOUR)),
        (("takeover", "", {}), Times(due=24 * HOUR)),
    ],
)
def test_the_first_rule_that_matches_applies(asked: tuple[str, str, dict[str, int]], expected: Times) -> None:
    assert times_for(*asked, AGENT) == expected


def test_without_a_rule_a_question_waits_as_long_as_it_takes() -> None:
    assert times_for("action", "pay", {"amount": 1}, definition()) == Times()


def test_rules_about_calls_and_about_other_questions_do_not_mix() -> None:
    assert quorum_for("pay", {"amount": 1}, AGENT) == Quorum(password=True)
    assert quorum_for("look", {"amount": 1}, AGENT) is None
    assert quorum_of_question("plan", AGENT) == Quorum(2, "Leads")
    assert quorum_of_question("limit", AGENT) is None


@pytest.mark.parametrize(("written", "length"), [("1min", HOUR / 60), ("90min", 1.5 * HOUR), ("2d", 48 * HOUR)])
def test_lengths_of_time_are_read(written: str, length: timedelta) -> None:
    assert length_of(written) == length


def test_rules_are_read_and_written_back() -> None:
    read = parse(WHOLE + RULES, "desk.yaml", TOOLS)
    assert read.deadlines[1] == Deadline(kind="limit", expires="90min", then="hand_on")
    assert read.approvals[1] == ApprovalRule(kind="plan", needed=2)
    assert parse(dump(read), "again.yaml", TOOLS) == read


@pytest.mark.parametrize(
    ("was", "now", "line", "said"),
    [
        ("  - tool: pay\n    due", "  - tool: pax\n    due", 2, "did you mean 'pay'"),
        ("due: 4h", "due: 4 hours", 3, "'4 hours' is no length of time: write it like 30min, 4h or 2d"),
        ("due: 4h", "due: 4", 3, "string"),
        ("due: 4h", "dew: 4h", 3, "did you mean 'due'"),
        ("    due: 4h\n", "", 2, "say when it is due"),
        ("remind: 1h", "remind: 4h", 2, "would come at once"),
        ("expires: 2d", "expires: 4h", 2, "before it is due"),
        ("amount: {type: number", "amont: {type: number", 10, "no such argument"),
        ("- kind: limit", "- kind: limits", 11, "'limit'"),
        ("- kind: limit", "- kind: in_doubt", 11, "never expires"),
        ("- kind: limit", "- kind: limit\n    tool: pay", 11, "about no call"),
        ("    expires: 90min\n    then: hand_on\n", "    then: hand_on\n", 11, "say when it is due"),
        ("then: hand_on", "then: approve", 13, "'reject' or 'hand_on'"),
        ("  - due: 1d\n", "  - due: 1d\n  - tool: pay\n    due: 2d\n", 15, "never would"),
        ("    needed: 2\n", "    needed: 2\n    password: true\n", 18, "about no call"),
        ("- kind: plan", "- kind: limit", 18, "leave out needed"),
        ("- kind: plan", "- kind: result", 18, "'plan', 'limit' or 'escalation'"),
    ],
)
def test_a_mistake_is_named_at_its_line(was: str, now: str, line: int, said: str) -> None:
    assert was in RULES
    text = RULES.replace(was, now, 1).replace("[amount]", "[amont]" if "amont" in now else "[amount]")
    found = problems(WHOLE + text)
    before = WHOLE.count("\n")
    assert any(one[0] == before + line and said in one[2] for one in found), found
