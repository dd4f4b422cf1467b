import pytest

from agents.policy import Denial, judge_control, judge_plan
from tests.unit.policy.making import definition, facts, tool
from tools.registry import Effect
from tools.schema import Problem

TOOLS = {"pay": tool(), "look": tool("look", Effect.READ), "wipe": tool("wipe")}


def step(identity="s1", name="pay", arguments=None, **more):
    found = {"id": identity, "tool": name, "purpose": "so", **more}
    return found if arguments is None else {**found, "arguments": arguments}


def judge(*steps, confidence=1.0, agent=None, **known):
    return judge_plan(steps, confidence, agent or definition(), facts(**known), TOOLS)


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


def test_a_sound_plan_is_allowed():
    plan = [step("s1", "look", {"amount": 1}), step("s2", "pay", {"amount": {"$from": "s1#/total"}}), step("s3")]
    assert judge(*plan).outcome == "allow"


def test_every_mistake_of_a_plan_is_named_with_its_step():
    verdict = judge(
        step("s1", "wipe", {"amount": 1}),
        step("s2", "payy"),
        step("s2", "pay", {"amount": "much", "colour": "red"}),
        step("bad id", "pay", {"amount": {"$from": "s9#/x"}}),
        step("s5", "pay", {"amount": {"$from": "no reference"}}),
    )
    assert verdict.outcome == "deny"
    assert codes(verdict) == [
        "tool.not_allowed",
        "tool.unknown",
        "plan.duplicate_id",
        "schema.invalid",
        "schema.invalid",
        "plan.bad_id",
        "plan.bad_reference",
        "plan.bad_reference",
    ]
    assert "Step s2: There is no tool 'payy'. Did you mean pay?" in verdict.message()


@pytest.mark.parametrize("pointed", ["s1#/a", "s2#/a"], ids=["itself", "a later step"])
def test_a_reference_points_backwards(pointed):
    verdict = judge(step("s1", "pay", {"amount": {"$from": pointed}}), step("s2"))
    assert codes(verdict) == ["plan.bad_reference"]


def test_a_new_plan_may_refer_to_results_that_the_task_has():
    assert judge(step("s5", "pay", {"amount": {"$from": "old#/a"}}), known_steps=frozenset({"old"})).outcome == "allow"


def test_what_stands_beside_a_reference_is_checked_already():
    verdict = judge(step("s0", "look", {"amount": 1}), step("s1", "pay", {"amount": {"$from": "s0#/a"}, "note": 7}))
    assert codes(verdict) == ["schema.invalid"]
    assert "/note" in verdict.message()


def test_a_plan_has_a_step_and_no_more_than_are_allowed_or_left():
    assert "plan.empty" in codes(judge())
    steps = [step(f"s{number}") for number in range(3)]
    assert codes(judge(*steps, agent=definition(limits={"max_plan_steps": 2}))) == ["plan.too_long"]
    assert codes(judge(*steps, steps_left=2)) == ["plan.beyond_limit"]
    assert judge(*steps, steps_left=3).outcome == "allow"


def test_a_plan_is_reviewed_where_plans_need_approval():
    assert codes(judge(step(), agent=definition(approve_plans=True))) == ["plan.approval"]


def test_after_a_hand_back_a_plan_is_reviewed_and_so_is_a_result():
    verdict = judge(step(), handed_back_by="rita")
    assert (verdict.outcome, codes(verdict)) == ("review", ["plan.after_hand_back"])
    assert "rita gave the task back" in verdict.message()
    told = [judge_control(name, 1.0, definition(), handed_back_by="rita") for name in ("finish", "ask", "escalate")]
    assert [one.outcome for one in told] == ["review", "allow", "allow"]


def test_a_plan_with_what_is_switched_off_is_denied():
    assert codes(judge(step(), denials=(Denial("pay", "closed"),))) == ["denied.now"]


def test_a_plan_is_judged_by_its_confidence():
    assert judge(step(), confidence=0.75).flagged
    assert judge(step(), confidence=0.6).outcome == "review"
    assert judge(step(), confidence=0.2).hand_over


def test_arguments_that_are_no_object_are_denied():
    assert codes(judge(step(arguments=[1]))) == ["plan.bad_arguments"]


def test_finishing_unsurely_is_reviewed_or_handed_over():
    assert judge_control("finish", 0.95, definition()).outcome == "allow"
    assert judge_control("finish", 0.6, definition()).outcome == "review"
    assert judge_control("finish", 0.3, definition()).hand_over


@pytest.mark.parametrize("name", ["ask", "escalate"])
def test_asking_and_escalating_are_never_held_against_an_unsure_proposer(name):
    assert judge_control(name, 0.0, definition()).outcome == "allow"


def test_a_result_of_the_wrong_shape_is_denied():
    verdict = judge_control("finish", 1.0, definition(), (Problem("/total", "is missing"),))
    assert (verdict.outcome, verdict.code()) == ("deny", "schema.invalid")
