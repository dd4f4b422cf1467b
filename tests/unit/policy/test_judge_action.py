import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.policy import Denial, Verdict, call_digest, denied_now, judge_action
from tests.unit.policy.making import OVER_100, definition, facts, tool
from tools.registry import Effect, Stakes
from tools.schema import Problem

CALL = call_digest("pay", {"amount": 5})


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def judge(amount=5, confidence=1.0, one=None, agent=None, **known) -> Verdict:
    return judge_action(one or tool(), "pay", {"amount": amount}, confidence, agent or definition(), facts(**known))


@pytest.mark.parametrize(
    ("confidence", "outcome", "flagged", "hand_over"),
    [
        (1.0, "allow", False, False),
        (0.90, "allow", False, False),
        (0.8999, "allow", True, False),
        (0.70, "allow", True, False),
        (0.6999, "review", False, False),
        (0.50, "review", False, False),
        (0.4999, "review", False, True),
        (0.0, "review", False, True),
        (float("nan"), "review", False, True),
    ],
)
def test_each_band_of_confidence_has_its_consequence(confidence, outcome, flagged, hand_over):
    verdict = judge(confidence=confidence)
    assert (verdict.outcome, verdict.flagged, verdict.hand_over) == (outcome, flagged, hand_over)


def test_the_bands_are_those_of_the_agent():
    careful = definition(confidence={"go": 1.0, "flag": 0.99, "ask": 0.95})
    assert judge(confidence=0.96, agent=careful).outcome == "review"
    assert judge(confidence=0.94, agent=careful).hand_over


def test_deny_beats_review_beats_allow_and_every_reason_is_kept():
    agent = definition(constraints=[OVER_100])
    verdict = judge(amount=200, confidence=0.6, one=tool(stakes=Stakes.HIGH), agent=agent)
    assert verdict.outcome == "deny"
    assert codes(verdict) == ["constraint.denied", "stakes.high", "confidence.low"]
    assert verdict.code() == "constraint.denied"


def test_a_denied_call_of_low_confidence_is_not_handed_over():
    verdict = judge(amount=200, confidence=0.1, agent=definition(constraints=[OVER_100]))
    assert (verdict.outcome, verdict.hand_over) == ("deny", False)


def test_confidence_never_loosens_a_verdict():
    assert judge(confidence=1.0, one=tool(stakes=Stakes.HIGH)).outcome == "review"


def test_a_tool_that_nobody_knows_is_denied_with_the_nearest_name():
    verdict = judge_action(None, "payy", {"amount": 5}, 1.0, definition(), facts())
    assert verdict.outcome == "deny"
    assert codes(verdict) == ["tool.unknown"]
    assert "Did you mean pay?" in verdict.message()
    assert "desk has pay, look" in verdict.message()


def test_a_tool_that_the_agent_lacks_is_denied():
    verdict = judge_action(tool("wipe"), "wipe", {"amount": 5}, 1.0, definition(), facts())
    assert codes(verdict) == ["tool.not_allowed"]


def test_problems_found_while_normalising_are_denied_each():
    problems = (Problem("/amount", "is a string; expected a number"), Problem("/x", "is not known"))
    verdict = judge_action(tool(), "pay", None, 1.0, definition(), facts(), problems)
    assert codes(verdict) == ["schema.invalid", "schema.invalid"]
    assert "/amount" in verdict.message()


def test_arguments_are_held_against_the_schema_even_if_nobody_reported_problems():
    assert judge(amount="many").outcome == "deny"
    assert judge_action(tool(), "pay", None, 1.0, definition(), facts()).outcome == "deny"


def test_a_constraint_says_which_value_met_it():
    verdict = judge(amount=100.01, agent=definition(constraints=[OVER_100]))
    assert "over the limit of 100 (amount: 100.01)" in verdict.message()


def test_a_constraint_is_exact_at_its_bound():
    assert judge(amount=100, agent=definition(constraints=[OVER_100])).outcome == "allow"


def test_a_constraint_without_a_condition_always_holds():
    agent = definition(constraints=[{"verdict": "review", "why": "every payment is looked at"}])
    assert codes(judge(agent=agent)) == ["constraint.review"]


def test_a_constraint_is_only_about_its_tool():
    agent = definition(constraints=[{**OVER_100, "tool": "look"}])
    assert judge(amount=200, agent=agent).outcome == "allow"


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.RECONCILABLE, Effect.ONCE])
def test_effects_of_high_stakes_wait_for_a_person(effect):
    assert codes(judge(one=tool(effect=effect, stakes=Stakes.HIGH))) == ["stakes.high"]


def test_reading_waits_for_nobody_unless_its_arguments_leave_the_house():
    assert judge(one=tool(effect=Effect.READ, stakes=Stakes.HIGH)).outcome == "allow"
    assert judge(one=tool(effect=Effect.READ, stakes=Stakes.HIGH, outward=True)).outcome == "review"


def test_an_effect_outside_the_plan_is_reviewed_and_a_read_is_not():
    plan = frozenset({"look"})
    assert codes(judge(plan_tools=plan)) == ["scope.outside_plan"]
    assert judge(one=tool(effect=Effect.READ), plan_tools=plan).outcome == "allow"
    assert judge(plan_tools=frozenset({"pay"})).outcome == "allow"


def test_where_plans_need_approval_an_effect_without_a_plan_is_reviewed():
    careful = definition(approve_plans=True)
    assert codes(judge(agent=careful)) == ["scope.no_plan"]
    assert judge(agent=careful, plan_tools=frozenset({"pay"})).outcome == "allow"


def test_after_a_hand_back_an_effect_without_a_plan_is_reviewed():
    assert codes(judge(handed_back_by="rita")) == ["scope.no_plan"]
    assert judge(handed_back_by="rita", plan_tools=frozenset({"pay"})).outcome == "allow"


def test_a_rejected_call_is_denied_until_a_person_gave_guidance_then_reviewed():
    rejected = frozenset({CALL})
    assert codes(judge(rejected_calls=rejected)) == ["repeat.rejected"]
    guided = judge(rejected_calls=rejected, guided_since_rejection=rejected)
    assert (guided.outcome, codes(guided)) == ("review", ["repeat.rejected_before"])
    assert judge(amount=6, rejected_calls=rejected).outcome == "allow"


def test_a_rejected_call_is_recognised_however_its_number_is_written():
    assert call_digest("pay", {"amount": 5.0}) == CALL


def test_an_identical_call_too_many_is_reviewed():
    assert judge(past_calls={CALL: 1}).outcome == "allow"
    assert codes(judge(past_calls={CALL: 2})) == ["repeat.identical"]


def test_an_action_with_no_step_left_is_reviewed():
    assert codes(judge(steps_left=0)) == ["limit.steps"]


@pytest.mark.parametrize("about", [None, "pay"])
def test_what_is_switched_off_now_is_denied(about):
    denials = (Denial(about, "the bank is closed"),)
    assert codes(judge(denials=denials)) == ["denied.now"]
    again = denied_now("pay", {"amount": 5}, definition(), facts(denials=denials))
    assert again is not None
    assert again.outcome == "deny"
    assert "the bank is closed" in again.message()


def test_what_is_switched_off_elsewhere_is_no_matter():
    denials = (Denial("look", "closed"),)
    assert judge(denials=denials).outcome == "allow"
    assert denied_now("pay", {"amount": 5}, definition(), facts(denials=denials)) is None


def test_at_the_start_a_tool_that_is_not_the_agents_is_denied():
    verdict = denied_now("wipe", {}, definition(), facts())
    assert verdict is not None
    assert verdict.outcome == "deny"


def test_a_verdict_survives_its_json():
    verdict = judge(amount=200, confidence=0.75, agent=definition(constraints=[OVER_100]))
    assert Verdict.from_json(verdict.as_json()) == verdict


amounts = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
anything = st.fixed_dictionaries(
    {
        "amount": amounts,
        "confidence": st.floats(),
        "effect": st.sampled_from(Effect),
        "stakes": st.sampled_from(Stakes),
        "outside": st.booleans(),
        "made": st.integers(0, 5),
        "denied": st.booleans(),
    }
)


def judged(case, name="pay", agent=None, **known) -> Verdict:
    arguments = {"amount": case["amount"]}
    known = {
        "plan_tools": frozenset() if case["outside"] else None,
        "past_calls": {call_digest(name, arguments): case["made"]},
        "denials": (Denial(None, "off"),) if case["denied"] else (),
        **known,
    }
    one = tool(name, case["effect"], case["stakes"])
    return judge_action(one, name, arguments, case["confidence"], agent or definition(), facts(**known))


@given(anything, st.from_regex(r"[a-z_]{1,20}", fullmatch=True).filter(lambda name: name not in ("pay", "look")))
def test_a_tool_outside_the_agents_list_is_never_allowed(case, name):
    if name not in ("propose_plan", "finish", "ask", "escalate"):
        assert judged(case, name).outcome == "deny"


@given(anything, st.booleans())
def test_a_rejected_call_is_never_allowed(case, guided):
    call = frozenset({call_digest("pay", {"amount": case["amount"]})})
    verdict = judged(case, rejected_calls=call, guided_since_rejection=call if guided else frozenset())
    assert verdict.outcome in (("review", "deny") if guided else ("deny",))


@given(anything)
def test_an_effect_of_high_stakes_is_never_allowed(case):
    case = {**case, "stakes": Stakes.HIGH}
    if case["effect"] is not Effect.READ:
        assert judged(case).outcome != "allow"


@given(anything, st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_never_makes_a_verdict_stricter_and_certainty_adds_nothing(case, one, other):
    strict = {"allow": 0, "review": 1, "deny": 2}
    low, high = sorted((one, other))
    unsure = judged({**case, "confidence": low})
    surer = judged({**case, "confidence": high})
    assert strict[surer.outcome] <= strict[unsure.outcome]
    assert not any(code.startswith("confidence") for code in codes(judged({**case, "confidence": 1.0})))
