"""Constraints that look beyond the arguments, at facts, counts and the clock. What is not known never helps a call."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from agents.definition import Constraint
from agents.policy import call_digest, judge_action, judge_plan
from agents.policy.ceilings import counter
from tests.unit.policy.making import definition, facts, tool

PAID = {"argument": "amount", "operator": "at_most", "fact": "look#/paid", "same": {"note": "/id"}}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def judge(rule, amount=5, note="o1", **known):
    constraint = {"tool": "pay", "verdict": "deny", "why": "not like this", **rule}
    arguments = {"amount": amount, "note": note}
    return judge_action(tool(), "pay", arguments, 1.0, definition(constraints=[constraint]), facts(**known))


def results(*pairs):
    return tuple(("look", {"id": name, "paid": paid}) for name, paid in pairs)


@pytest.mark.parametrize(("amount", "outcome"), [(64.9, "allow"), (64.91, "deny"), (0, "allow"), (65, "deny")])
def test_an_argument_keeps_to_the_result_of_an_earlier_step(amount, outcome):
    assert judge({"must": PAID}, amount, results=results(("o1", 64.9))).outcome == outcome


def test_only_the_newest_result_about_the_same_thing_counts():
    known = results(("o1", 10), ("o1", 3), ("o2", 1000))
    assert judge({"must": PAID}, 3, results=known).outcome == "allow"
    assert judge({"must": PAID}, 4, results=known).outcome == "deny"


@pytest.mark.parametrize("known", [(), results(("o2", 1000)), results(("o1", "1000")), (("look", {"id": "o1"}),)])
def test_a_fact_that_is_missing_or_of_another_kind_denies(known):
    verdict = judge({"must": PAID}, 3, results=known)
    assert verdict.outcome == "deny"
    assert "not like this (" in verdict.message()


def test_a_missing_fact_says_how_to_get_it():
    assert "call look first" in judge({"must": PAID}, 3).message()


@pytest.mark.parametrize(
    ("operator", "limit", "outcome"),
    [
        ("at_least", 5, "allow"),
        ("at_least", 6, "deny"),
        ("below", 5, "deny"),
        ("above", 4, "allow"),
        ("equals", 5.0, "allow"),
        ("equals", "5", "deny"),
        ("differs", 5, "deny"),
        ("differs", 6, "allow"),
    ],
)
def test_every_comparison_means_what_it_says(operator, limit, outcome):
    must = {"argument": "amount", "operator": operator, "fact": "inputs#/limit"}
    assert judge({"must": must}, 5, about={"inputs": {"limit": limit}}).outcome == outcome


def test_a_rule_may_look_at_who_submitted_and_what_came_with_the_goal():
    outsiders = {
        "required": ["submitter"],
        "properties": {
            "submitter": {
                "type": "object",
                "required": ["groups"],
                "properties": {"groups": {"type": "array", "not": {"contains": {"const": "Leads"}}}},
            }
        },
    }
    assert judge({"facts": outsiders}, about={"submitter": {"groups": ["Leads"]}}).outcome == "allow"
    assert judge({"facts": outsiders}, about={"submitter": {"groups": ["Submitters"]}}).outcome == "deny"
    assert judge({"facts": outsiders}, about={}).outcome == "deny"
    assert judge({"facts": outsiders}, about={"submitter": {}}).outcome == "deny"


@pytest.mark.parametrize(
    ("amount", "used", "outcome"), [(5, "95", "allow"), (5.01, "95", "deny"), (-1, "0", "deny"), (0, "100", "allow")]
)
def test_a_sum_never_passes_its_limit(amount, used, outcome):
    limit = {"most": 100, "sum": "amount"}
    assert judge({"limit": limit}, amount, used={0: Decimal(used)}).outcome == outcome


def test_a_count_that_nobody_knows_denies():
    assert judge({"limit": {"most": 100}}).outcome == "deny"


def test_a_limit_says_how_much_is_used():
    verdict = judge({"limit": {"most": 100, "sum": "amount"}}, 7, used={0: Decimal("95.5")})
    assert "95.5 of 100 used so far, and this is 7 more" in verdict.message()


def test_a_limit_may_only_ask_a_person():
    assert judge({"limit": {"most": 1}, "verdict": "review"}, used={0: Decimal(1)}).outcome == "review"


def test_a_count_stays_the_same_one_when_only_its_limit_changes():
    def one(**limit):
        return Constraint(tool="pay", verdict="deny", why="no", limit=limit)

    low, high = one(most=1, each="note"), one(most=9, each="note")
    assert counter(low, {"note": "a"}) == counter(high, {"note": "a"})
    assert counter(low, {"note": "a"}) != counter(low, {"note": "b"})
    assert counter(low, {"note": "a"}) != counter(one(most=1), {"note": "a"})


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        (NOON, "allow"),
        (NOON.replace(hour=8), "allow"),
        (NOON.replace(hour=7, minute=59), "deny"),
        (NOON.replace(hour=18), "deny"),
        (NOON.replace(day=28), "deny"),
        (None, "deny"),
    ],
)
def test_outside_business_hours_it_is_denied(now, outcome):
    hours = {"opens": "08:00", "closes": "18:00", "zone": "Europe/Lisbon"}
    assert judge({"outside": hours}, now=now).outcome == outcome


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"must": PAID, "limit": {"most": 1}}, "one of must, limit and outside"),
        ({"tool": None, "must": PAID}, "which tool"),
        ({"tool": None, "limit": {"most": 1, "sum": "amount"}}, "which tool"),
        (
            {"limit": {"most": 1}, "facts": {"required": ["inputs"], "properties": {"inputs": {"type": "object"}}}},
            "one task",
        ),
        ({"outside": {"opens": "18:00", "closes": "08:00"}}, "hours end on the day"),
        ({"outside": {"opens": "8", "closes": "18:00"}}, "opens"),
        ({"outside": {"opens": "08:00", "closes": "18:00", "zone": "Lisbon"}}, "no time zone 'Lisbon'"),
        ({"must": {"argument": "amount", "operator": "at_most", "fact": "look"}}, "fact"),
        ({"must": {**PAID, "fact": "inputs#/x"}}, "leave it out"),
        ({"limit": {"most": -1}}, "most"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule, said):
    with pytest.raises(ValidationError, match=said):
        Constraint.model_validate({"tool": "pay", "verdict": "deny", "why": "no", **rule})


def test_two_calls_in_turn_are_reviewed_when_a_third_round_begins():
    agent = definition(limits={"same_call": 9})

    def codes(*earlier):
        names = {"a": call_digest("pay", {"amount": 1}), "b": "b"}
        known = facts(call_sequence=tuple(names[one] for one in earlier))
        return [one.code for one in judge_action(tool(), "pay", {"amount": 1}, 1.0, agent, known).reasons]

    assert codes(*"abab") == ["loop.alternating"]
    assert codes(*"babb") == []
    assert codes(*"aabb") == []
    assert codes(*"ab") == []


def test_steps_that_bring_nothing_new_lead_to_a_person():
    agent = definition(limits={"steps_without_news": 3})
    for count, outcome in ((2, "allow"), (3, "review")):
        verdict = judge_action(tool(), "pay", {"amount": 1}, 1.0, agent, facts(steps_without_news=count))
        assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("earlier", "outcome"), [((), "allow"), ((1,), "allow"), ((1, 2), "review"), ((2, 1), "allow"), ((3, 3), "allow")]
)
def test_a_plan_that_only_grows_leads_to_a_person(earlier, outcome):
    steps = [{"id": f"s{number}", "tool": "pay"} for number in range(3)]
    verdict = judge_plan(steps, 1.0, definition(), facts(plan_lengths=earlier), {"pay": tool()})
    assert verdict.outcome == outcome
