"""The rules of who approves what: the first that matches applies, and every mistake is named at its line."""

import pytest

from agents.definition import ApprovalRule
from agents.definition.loading import dump, parse
from agents.policy import Quorum, judge_action, quorum_for
from tests.unit.agents.test_loading import TOOLS, WHOLE, problems
from tests.unit.policy.making import definition, facts, tool

OVER_50 = {"required": ["amount"], "properties": {"amount": {"type": "number", "exclusiveMinimum": 50}}}
RULES = """\
approvals:
  - tool: pay
    needed: 2
    group: Leads
    when:
      required: [amount]
      properties:
        amount: {type: number, exclusiveMinimum: 50}
  - tool: pay
    group: Clerks
"""
AGENT = definition(
    approvals=[{"tool": "pay", "when": OVER_50, "needed": 2, "group": "Leads"}, {"tool": "pay", "group": "Clerks"}]
)


@pytest.mark.parametrize(
    ("name", "amount", "expected"),
    [("pay", 51, Quorum(2, "Leads")), ("pay", 50, Quorum(1, "Clerks")), ("look", 51, None)],
)
def test_the_first_rule_that_matches_applies(name: str, amount: int, expected: Quorum | None) -> None:
    assert quorum_for(name, {"amount": amount}, AGENT) == expected


def test_what_somebody_must_approve_is_reviewed() -> None:
    verdict = judge_action(tool(), "pay", {"amount": 51}, 1.0, AGENT, facts())
    assert (verdict.outcome, verdict.code()) == ("review", "approvals.needed")
    assert verdict.message() == "2 people of the group “Leads” must approve this."
    assert judge_action(tool(), "pay", {"amount": 51}, 1.0, definition(), facts()).outcome == "allow"


def test_rules_are_read_and_written_back() -> None:
    read = parse(WHOLE + RULES, "desk.yaml", TOOLS)
    assert read.approvals[0].needed == 2
    assert read.approvals[1] == ApprovalRule(tool="pay", group="Clerks")
    assert parse(dump(read), "again.yaml", TOOLS) == read


@pytest.mark.parametrize(
    ("was", "now", "line", "said"),
    [
        ("  - tool: pay\n    needed", "  - tool: pax\n    needed", 2, "did you mean 'pay'"),
        ("needed: 2", "needed: 0", 3, "greater than or equal to 1"),
        ("needed: 2", "need: 2", 3, "did you mean 'needed'"),
        ("group: Leads", "groups: Leads", 4, "did you mean 'group'"),
        ("amount: {type: number, exclusiveMinimum: 50}", "amount: {exclusiveMinimum: 50}", 5, "has no type"),
        ("amount: {type: number", "amont: {type: number", 8, "no such argument"),
        ("    group: Clerks\n", "  - tool: pay\n    needed: 3\n", 10, "never would"),
    ],
)
def test_a_mistake_is_named_at_its_line(was: str, now: str, line: int, said: str) -> None:
    text = RULES.replace(was, now, 1).replace("[amount]", "[amont]" if "amont" in now else "[amount]")
    found = problems(WHOLE + text)
    before = WHOLE.count("\n")
    assert any(one[0] == before + line and said in one[2] for one in found), found
