"""Bad answers are normal: each is a step with an error that the next turn sees, and three in a row go to a person."""

import pytest

from agents.models import ModelCall
from review.models import Answer, Kind
from tests.desk.driving import Desk
from tests.loopback import Provider, Says, call, finish

PLAN = {"id": "s1", "tool": "look", "purpose": "Look.", "arguments": {"what": "kettle", "manner": "well"}}
BAD = {
    "no call": (Says(text="I would look first."), "answer.no_call"),
    "nothing": (Says(text="  "), "answer.empty"),
    "two calls": (Says(finish().calls * 2), "answer.several_calls"),
    "an unknown tool": (call("launch_rocket"), "tool.unknown"),
    "broken JSON": (Says((("finish", '{"reasoning": "x", "conf'),)), "envelope.not_json"),
    "no object": (Says((("finish", "[1]"),)), "envelope.missing"),
    "no envelope": (Says((("finish", {"result": "Done."}),)), "envelope.missing"),
    "confidence 7": (call("finish", confidence=7, result="Done."), "envelope.confidence"),
    "arguments of a control tool": (call("finish", answer="Done."), "schema.invalid"),
    "arguments of a tool": (call("look", wat=7), "schema.invalid"),
    "a refusal": (Says(refusal="I can't help with that."), "answer.refused"),
    "a filter": (Says(stopped="content_filter"), "answer.refused"),
    "a cut": (Says(text="And so on and", stopped="length"), "answer.cut_off"),
    "a plan of 400 steps": (call("propose_plan", steps=[PLAN | {"id": f"s{n}"} for n in range(400)]), "plan.too_long"),
    "a step that does not exist": (
        call("propose_plan", steps=[PLAN | {"arguments": {"what": {"$from": "s9#/x"}, "manner": "well"}}]),
        "plan.bad_reference",
    ),
}


@pytest.mark.parametrize(("bad", "code"), BAD.values(), ids=BAD)
def test_a_bad_answer_is_a_step_whose_error_the_next_turn_sees(
    desk: Desk, provider: Provider, bad: Says, code: str
) -> None:
    answers = iter([bad, finish()])
    provider.play = lambda _: next(answers)
    task = desk.run("Think", agent="thinker")
    assert (task.status, task.result, task.steps_taken) == ("complete", "Done.", 2)
    step = task.steps.get(number=1)
    error = step.answer["error"]
    assert (step.status, error["code"]) == ("refused", code)
    assert error["message"].splitlines()[0][:40] in str(provider.asked[1]["messages"])
    assert [call.status for call in ModelCall.objects.all()] == ["answered"] * 2


def test_three_bad_answers_in_a_row_go_to_a_person_with_the_answers(desk: Desk, provider: Provider) -> None:
    bad = [Says(text="I would look first."), call("launch_rocket"), Says((("finish", "[1]"),))]
    answers = iter([*bad, finish()])
    provider.play = lambda _: next(answers)
    task = desk.run("Think", agent="thinker")
    request = desk.request(task)
    assert (task.steps_taken, request.kind, request.reasons[0]["code"]) == (
        3,
        Kind.ESCALATION,
        "proposer.invalid_answers",
    )
    said = [step["said"] for step in request.shown["steps"]]
    assert said[0] == "I would look first."
    assert said[1].startswith("{")
    assert said[2] == "[1]"
    assert desk.decide_and_settle(task, Answer.RESPOND, comment="Just finish.").status == "complete"
