import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.definition import AgentDefinition
from agents.llm.base import InvalidProposal, NoProposal, PlanStep
from agents.llm.playbook import Playbook
from tests.unit.agents.playing import Failed, Play, changed

DEAD_END = {"type": "object", "required": ["left"], "properties": {"left": {"type": "number", "maximum": 0}}}
ODD = {"type": "object", "required": ["code"], "properties": {"code": {"const": "odd"}}}

RECIPE = {
    "name": "pay",
    "match": [r"(?i)^pay (?P<who>\w+)(?: (?P<amount>[0-9]+(?:[.,][0-9]+)?))?(?: for (?P<why>.+))?$"],
    "numbers": ["amount"],
    "ask": {"amount": "How much should {who} get?"},
    "defaults": {"why": "no reason"},
    "plan": [
        {"id": "account", "tool": "look", "purpose": "Find the account", "arguments": {"name": "{who}"}},
        {"id": "limit", "tool": "look", "purpose": "Read the limit", "arguments": {"name": {"$from": "account#/id"}}},
        {
            "id": "payment",
            "tool": "pay",
            "purpose": "Pay",
            "arguments": {"to": {"$from": "account#/id"}, "amount": "{amount}", "text": "For {account.name}: {why}"},
            "unless": [{"when": {"limit": DEAD_END}, "finish": "{who} has {limit.left} left."}],
            "on_error": [{"when": {"error": ODD}, "escalate": "Odd: {error.message}"}],
        },
    ],
    "outcomes": [
        {
            "when": {"payment": {"type": "object", "required": ["late"], "properties": {"late": {"const": True}}}},
            "finish": "Paid {payment.amount:money}, late.",
        }
    ],
    "finish": "Paid {payment.amount:money} to {account.name}.",
}
ANSWERS = {
    "look": lambda arguments: {"id": "A-1", "name": "Ana {who}", "left": 10},
    "pay": lambda arguments: {"amount": arguments["amount"]},
}


def definition(*recipes, **more) -> AgentDefinition:
    return AgentDefinition.model_validate(
        {
            "name": "desk",
            "title": "Desk",
            "prompt": "Be useful.",
            "tools": ["look", "pay"],
            "handover": "A colleague looks at it.",
            "playbook": recipes or [RECIPE],
            **more,
        }
    )


def play(goal="pay ana 12.5 for lunch", answers=None, **more) -> Play:
    return Play(definition(**more), goal, {**ANSWERS, **(answers or {})})


def test_a_fitting_goal_is_planned_carried_out_and_finished():
    story = play()
    end = story.run()
    assert (end.name, end.arguments) == ("finish", {"result": "Paid 12.50 to Ana {who}."})
    assert story.called() == ["propose_plan", "look", "look", "pay"]
    assert (end.confidence, end.proposer) == (1.0, "playbook:pay")


def test_the_plan_gives_what_is_known_and_leaves_out_what_is_to_be_looked_at_first():
    steps = play().propose().arguments["steps"]
    assert steps[0]["arguments"] == {"name": "ana"}
    assert steps[1]["arguments"] == {"name": {"$from": "account#/id"}}
    assert "arguments" not in steps[2]


def test_a_steps_arguments_are_resolved_numbers_stay_numbers_and_braces_in_values_are_inert():
    story = play("pay ana 12,50 for {amount} {{x}} {account.id}")
    story.run()
    assert story.history[-1].arguments == {
        "to": "A-1",
        "amount": 12.5,
        "text": "For Ana {who}: {amount} {{x}} {account.id}",
    }


def test_a_goal_that_no_recipe_fits_is_no_proposal():
    with pytest.raises(NoProposal, match="No recipe"):
        play("write a poem").propose()


def test_a_goal_longer_than_a_playbook_reads_is_no_proposal():
    with pytest.raises(NoProposal, match="longer"):
        play("pay ana 5 for " + "x" * 3000).propose()


def test_what_is_missing_is_asked_once_and_the_answer_becomes_the_value():
    story = play("pay ana")
    question = story.run()
    assert (question.name, question.arguments) == ("ask", {"question": "How much should ana get?"})
    story.answer(question, "7")
    assert story.run().arguments == {"result": "Paid 7.00 to Ana {who}."}
    assert story.history[-1].arguments["text"].endswith("no reason")


@pytest.mark.parametrize("said", ["", "quite a lot", "NaN", "1e400", "٣"])
def test_an_answer_that_cannot_be_used_goes_to_a_person(said):
    story = play("pay ana")
    story.answer(story.run(), said)
    assert story.run().name == "escalate"


def test_inputs_give_values_that_the_goal_leaves_out():
    story = play("pay ana")
    story.inputs = {"amount": 3, "list": [1]}
    assert story.run().arguments == {"result": "Paid 3.00 to Ana {who}."}


def test_a_step_that_is_pointless_is_not_made():
    story = play(answers={"look": {"id": "A-1", "name": "Ana", "left": 0}})
    assert story.run().arguments == {"result": "ana has 0 left."}
    assert "pay" not in story.called()


def test_the_first_outcome_that_holds_is_the_last_word():
    story = play(answers={"pay": {"amount": 5, "late": True}})
    assert story.run().arguments == {"result": "Paid 5.00, late."}


def test_an_error_that_a_step_knows_is_answered_as_it_says():
    story = play(answers={"pay": Failed("odd", "very odd")})
    end = story.run()
    assert (end.name, end.arguments) == ("escalate", {"reason": "Odd: very odd"})


def test_any_other_error_goes_to_a_person_with_its_sentence():
    story = play(answers={"look": Failed("tool.nothing_happened", "There is no ana.")})
    end = story.run()
    assert end.name == "escalate"
    assert "There is no ana." in end.arguments["reason"]


def test_a_rejection_goes_to_a_person_with_the_feedback():
    story = play(answers={"pay": Failed("review.rejected", "A reviewer rejected this.", "Ask Bo first.")})
    end = story.run()
    assert end.name == "escalate"
    assert "Ask Bo first." in end.arguments["reason"]


def test_feedback_that_the_error_tells_already_is_told_once():
    end = play(answers={"pay": Failed("review.rejected", "A reviewer rejected it: Ask Bo.", "Ask Bo.")}).run()
    assert end.arguments["reason"].count("Ask Bo.") == 1


def test_a_value_that_is_missing_at_the_end_goes_to_a_person_and_is_never_guessed():
    story = play(answers={"pay": {"paid": 5}})
    end = story.run()
    assert end.name == "escalate"
    assert "{payment.amount:money}" in end.arguments["reason"]


@pytest.mark.parametrize("result", [None, 7, "text", [], {}, {"amount": None}, {"amount": "much"}])
def test_no_result_of_a_tool_breaks_the_playbook(result):
    story = play(answers={"pay": lambda arguments: result})
    assert story.run().name == "escalate"


def test_a_reference_to_nothing_goes_to_a_person():
    story = play(answers={"look": lambda arguments: {"left": 1}})
    story.record(story.propose())
    story.record(story.propose(), "account")
    end = story.propose()
    assert (end.name, "account#/id" in end.arguments["reason"]) == ("escalate", True)


def test_guidance_in_free_text_is_not_understood_and_it_says_so():
    story = play(answers={"pay": Failed("review.rejected", "Rejected.")})
    story.record(story.run(), answer={"handed_over": "so"})
    story.say("Pay half of it.")
    end = story.run()
    assert end.name == "escalate"
    assert "Pay half of it." in end.arguments["reason"]
    assert "free text" in end.arguments["reason"]


@pytest.mark.parametrize(("text", "verb"), [("Go on.", "respond"), ("", "extend"), ("five more", "extend")])
def test_when_a_person_says_go_on_the_step_is_tried_again_and_nothing_twice(text, verb):
    failing = [Failed("tool.unavailable", "The bank does not answer.")]
    story = play(answers={"pay": lambda arguments: failing.pop() if failing else {"amount": 12.5}})
    story.record(story.run(), answer={"handed_over": "so"})
    story.say(text, verb)
    assert story.run().arguments == {"result": "Paid 12.50 to Ana {who}."}
    assert story.called() == ["propose_plan", "look", "look", "pay", "escalate", "pay"]


def test_a_new_plan_holds_only_what_is_left_and_knows_the_results_so_far():
    story = play()
    story.record(story.propose())
    story.record(story.propose(), "account")
    story.plan = ()
    steps = story.propose().arguments["steps"]
    assert [one["id"] for one in steps] == ["limit", "payment"]
    assert steps[0]["arguments"] == {"name": "A-1"}


def test_a_plan_that_is_another_proposers_is_left_alone():
    story = play()
    other = (PlanStep("x", "look", "so", None),)
    request = changed(story, plan=other, turn="act", planned=other[0])
    assert Playbook().propose(request).name == "escalate"


@pytest.mark.parametrize("trouble", ["error", "guidance", "other"])
def test_what_it_does_not_understand_goes_to_the_next_proposer_where_there_is_one(trouble):
    story = play(answers={"look": Failed("odd", "x") if trouble == "error" else {"id": "A", "name": "A", "left": 1}})
    story.record(story.propose())
    story.record(story.propose(), "account")
    if trouble == "guidance":
        story.say("Do it differently.")
    if trouble == "other":
        last = story.propose()
        story.record(type(last)(last.name, "x", 0.9, last.arguments, "openai:some"), "limit", {"left": 1})
    with pytest.raises(NoProposal):
        story.with_models("playbook", "openai:some").propose()


def test_a_proposal_that_is_not_allowed_this_turn_is_invalid_and_no_guess():
    with pytest.raises(InvalidProposal, match="can't be called now"):
        Playbook().propose(changed(play(), allowed=frozenset({"escalate"})))


def test_a_question_before_a_step_is_asked_and_its_answer_lets_it_go_on():
    asking = {
        **RECIPE,
        "plan": [
            RECIPE["plan"][0],
            {
                "id": "payment",
                "tool": "pay",
                "purpose": "Pay",
                "arguments": {"to": "{account.id}", "amount": "{amount}", "text": "{sure}"},
                "unless": [
                    {"when": {"sure": {"type": "string", "pattern": "(?i)^no"}}, "finish": "Nothing was paid."},
                    {"when": {"account": DEAD_END}, "ask": {"sure": "{account.name} has nothing left. Pay anyway?"}},
                ],
            },
        ],
    }
    broke = {"look": {"id": "A-1", "name": "Ana", "left": 0}}
    for said, end in (("No, wait", "Nothing was paid."), ("yes", "Paid 5.00 to Ana.")):
        story = Play(definition(asking), "pay ana 5", {**ANSWERS, **broke})
        question = story.run()
        assert question.arguments == {"question": "Ana has nothing left. Pay anyway?"}
        story.answer(question, said)
        assert story.run().arguments == {"result": end}


def test_a_questions_patterns_read_a_value_into_its_parts_whichever_way_it_came():
    recipe = {
        "name": "place",
        "match": ["^place(?: (?P<place>.+))?$"],
        "ask": {"place": {"question": "Which place?", "match": ["^(?P<row>[0-9]+)-(?P<seat>[0-9]+)$"]}},
        "finish": "Row {row}, seat {seat}.",
    }
    assert Play(definition(recipe), "place 3-4").run().arguments == {"result": "Row 3, seat 4."}
    story = Play(definition(recipe), "place somewhere")
    story.answer(story.run(), "7-8")
    assert story.run().arguments == {"result": "Row 7, seat 8."}


def test_a_structured_result_is_filled_and_lists_become_lines():
    recipe = {
        "name": "list",
        "match": ["^list$"],
        "lists": {"lines": {"of": "found.rows", "each": "- {n}: {sum:money}", "empty": "nothing"}},
        "plan": [{"id": "found", "tool": "look", "purpose": "Look", "arguments": {}}],
        "finish": {"count": "{found.count}", "text": "{lines}"},
    }
    agent = definition(recipe, result_schema={"type": "object", "required": ["count"]})
    rows = [{"n": "a", "sum": 1}, {"n": "b", "sum": 2.5}]
    end = Play(agent, "list", {"look": {"count": 2, "rows": rows}}).run()
    assert end.arguments == {"result": {"count": 2, "text": "- a: 1.00\n- b: 2.50"}}
    end = Play(agent, "list", {"look": {"count": 0, "rows": []}}).run()
    assert end.arguments == {"result": {"count": 0, "text": "nothing"}}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "left", "x"]), inner),
    max_leaves=6,
)


@given(st.text(max_size=60).map(lambda text: f"pay ana 5 for {text}"), values, values)
def test_whatever_the_goal_and_the_tools_say_every_turn_is_a_proposal_or_a_plain_refusal(goal, looked, paid):
    story = Play(definition(), goal, {"look": lambda arguments: looked, "pay": lambda arguments: paid})
    try:
        for _ in range(8):
            proposal = story.propose()
            if proposal.name in ("finish", "ask", "escalate"):
                return
            planned = story.next_planned()
            story.record(proposal, planned.id if planned else "")
    except (NoProposal, InvalidProposal):
        return
    raise AssertionError("the story does not end")
