"""What was shortened can be read again: a built-in tool fetches a stored result of the task itself, in parts."""

import json

from agents import agent_tools
from tests.desk.driving import Desk
from tests.factories import StepFactory
from tests.loopback import Provider, call, finish


def last_told(provider: Provider) -> str:
    return [one for one in provider.asked[-1]["messages"] if one["role"] == "tool"][-1]["content"]


def test_a_stored_result_is_fetched_again_by_the_number_of_its_step(desk: Desk, provider: Provider) -> None:
    answers = iter([call("look", what="kettle", manner="well"), call("read_result", step=1), finish()])
    provider.play = lambda _: next(answers)
    task = desk.run("Look", agent="thinker")
    stored = task.steps.get(number=1).actions.get().result
    said = task.steps.get(number=2).actions.get().result
    assert json.loads(said["part"]) == stored
    assert said["next"] is None
    assert "kettle" in last_told(provider)


def test_a_long_result_comes_in_parts_that_fit_together(desk: Desk, provider: Provider) -> None:
    task = desk.submit("Look", agent="thinker")
    StepFactory(task=task, number=1, answer={"text": "abc " * 12_000})
    whole, start = "", 0
    while start is not None:
        part = agent_tools._read(task.pk, 1, start)
        whole, start = whole + part["part"], part["next"]
    assert json.loads(whole) == {"text": "abc " * 12_000}


def test_a_step_that_is_not_there_and_steps_of_other_tasks_are_refused_in_a_sentence(
    desk: Desk, provider: Provider
) -> None:
    other = desk.submit("Look", agent="thinker")
    StepFactory(task=other, number=7, answer="crimson")
    answers = iter([call("read_result", step=7), finish()])
    provider.play = lambda _: next(answers)
    task = desk.submit("Look again", agent="thinker")
    type(other).objects.filter(pk=other.pk).update(status="canceled", finished_at=other.created_at)
    desk.settle(task)
    assert "There is no step 7 in this task yet." in last_told(provider)
    assert "crimson" not in json.dumps(provider.asked)
