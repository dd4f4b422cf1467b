import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.base import InvalidProposal, PastCall, error_of, read_envelope
from tests.unit.agents.playing import Play, changed
from tests.unit.agents.test_playbook import definition

REQUEST = Play(definition(), "goal").request()
GOOD = {"reasoning": "Because.", "confidence": 0.9, "arguments": {"name": "ana"}}


def refusal(name="look", given=GOOD, request=REQUEST) -> InvalidProposal:
    with pytest.raises(InvalidProposal) as caught:
        read_envelope(name, given, request, "openai:some")
    assert caught.value.proposer == "openai:some"
    return caught.value


@pytest.mark.parametrize("given", [GOOD, json.dumps(GOOD)], ids=["parsed", "text"])
def test_a_whole_envelope_is_a_proposal(given):
    proposal = read_envelope("look", given, REQUEST, "openai:some")
    assert (proposal.name, proposal.confidence, proposal.arguments) == ("look", 0.9, {"name": "ana"})


def test_arguments_without_their_envelope_are_told_where_they_belong():
    invalid = refusal(given={"name": "ana"})
    assert invalid.code == "envelope.missing"
    assert "reasoning" in invalid.message
    assert "the input had name" in invalid.message
    assert invalid.raw == '{"name": "ana"}'


@pytest.mark.parametrize("confidence", [7, -0.1, float("nan"), float("inf"), "0.9", True, None, [0.9]])
def test_confidence_is_a_number_from_0_to_1(confidence):
    invalid = refusal(given={**GOOD, "confidence": confidence})
    assert invalid.code == "envelope.confidence"


def test_a_tool_that_is_not_offered_is_refused_with_the_nearest_and_all():
    invalid = refusal(name="lok")
    assert invalid.code == "tool.unknown"
    assert "Did you mean look?" in invalid.message
    assert "propose_plan" in invalid.message


def test_a_tool_that_this_turn_does_not_allow_is_refused_with_those_that_it_does():
    invalid = refusal(request=changed(Play(definition(), "goal"), allowed=frozenset({"pay", "ask"})))
    assert invalid.code == "turn.not_allowed"
    assert "pay, ask" in invalid.message


@pytest.mark.parametrize("arguments", [None, [], "name=ana", 5])
def test_arguments_are_an_object(arguments):
    assert refusal(given={**GOOD, "arguments": arguments}).code == "envelope.arguments"


@pytest.mark.parametrize("missing", ["reasoning", "confidence", "arguments"])
def test_what_an_envelope_lacks_is_named(missing):
    invalid = refusal(given={key: value for key, value in GOOD.items() if key != missing})
    assert (invalid.code, missing in invalid.message) == (f"envelope.{missing}", True)


def test_several_mistakes_are_told_at_once():
    message = refusal(given={"confidence": 2, "arguments": [], "name": "ana"}).message
    assert all(word in message for word in ("reasoning", "confidence", "arguments", "name"))


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"a": 1} {"b": 2}', "[" * 100_000])
def test_text_that_is_no_json_is_refused(text):
    assert refusal(given=text).code == "envelope.not_json"


@pytest.mark.parametrize("given", [None, 5, [], [GOOD], "[]", "null", b"x", object()])
def test_an_input_that_is_no_object_is_refused(given):
    assert refusal(given=given).code == "envelope.missing"


def deep() -> dict:
    found: dict = {}
    for _ in range(200):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "a\0b", "\ud800", deep(), 10**5000, object()],
    ids=lambda value: type(value).__name__,
)
def test_what_no_database_takes_is_refused(value):
    assert refusal(given={**GOOD, "arguments": {"name": value}}).code == "envelope.unstorable"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("finish", {}),
        ("finish", {"result": ""}),
        ("finish", {"result": 5}),
        ("finish", {"result": "x", "more": 1}),
        ("ask", {"question": ["x"]}),
        ("escalate", {}),
        ("propose_plan", {"steps": []}),
        ("propose_plan", {"steps": [{"id": "s1", "tool": "look"}]}),
        ("propose_plan", {"steps": [{"id": "s 1", "tool": "look", "purpose": "x"}]}),
        ("propose_plan", {"steps": [{"id": "s1", "tool": "look", "purpose": "x", "arguments": "x"}]}),
    ],
)
def test_the_arguments_of_a_control_tool_fit_its_schema(name, arguments):
    assert refusal(name=name, given={**GOOD, "arguments": arguments}).code == "schema.invalid"


def test_finish_takes_what_the_agents_result_schema_says():
    story = Play(definition(result_schema={"type": "object", "required": ["total"]}), "goal")
    good = {**GOOD, "arguments": {"result": {"total": 5}}}
    assert read_envelope("finish", good, story.request(), "x").arguments == {"result": {"total": 5}}
    assert refusal("finish", {**GOOD, "arguments": {"result": "five"}}, story.request()).code == "schema.invalid"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["reasoning", "confidence", "arguments", "steps", "x"]), inner)
    ),
)


@given(st.sampled_from(["look", "finish", "propose_plan", "ask", "nothing", ""]), anything)
def test_whatever_is_said_is_a_proposal_or_a_structured_error(name, given):
    try:
        proposal = read_envelope(name, given, REQUEST, "x")
    except InvalidProposal as invalid:
        proposal = None
        explained = (invalid.code, invalid.message)
        json.dumps(explained)
    assert proposal is None or 0 <= proposal.confidence <= 1


@pytest.mark.parametrize("result", [None, "broken", {"error": "broken"}, {"error": {"message": "broken"}}, {}, [1]])
def test_an_error_always_has_a_code_and_a_message(result):
    error = error_of(PastCall("c", "look", "", 1.0, {}, result, is_error=True))
    assert error["code"]
    assert error["message"]
