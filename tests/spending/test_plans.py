"""A plan goes on by itself only with what is left of it, also where the model left it and came back."""

import pytest

from agents.versions import publish
from tests.desk.driving import Desk, effects, subject
from tests.loopback import Provider, Says, call, finish
from tests.spending.conftest import THINKER


def plan(*steps: tuple[str, str, str]) -> Says:
    said = [
        {"id": f"s{number}", "tool": tool, "purpose": "As said.", "arguments": {"what": what, "manner": manner}}
        for number, (tool, what, manner) in enumerate(steps, 1)
    ]
    return call("propose_plan", steps=said)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    publish(THINKER.model_copy(update={"tools": ("look", "once", "idempotent")}), by=None)
    return desk


def test_what_a_model_did_by_itself_after_a_failure_is_not_done_again_by_the_plan(
    desk: Desk, provider: Provider
) -> None:
    kettle, lid = subject(), subject()
    answers = iter(
        [
            plan(
                ("once", kettle, "nothing"), ("idempotent", lid, "well"), ("look", lid, "well"), ("once", lid, "well")
            ),
            call("idempotent", what=lid, manner="well"),
            # Taken for the plan's first step, which is for the same tool: the plan goes on after it.
            call("once", what=lid, manner="well"),
            finish(),
        ]
    )
    provider.play = lambda _: next(answers)
    task = desk.run("Think", agent="thinker")
    assert (task.status, task.result) == ("complete", "Done.")
    assert sorted(entry.tool for entry in effects(task)) == ["idempotent", "once"]
    assert "If an earlier call has done what this step is for" in str(provider.asked[-1]["messages"])


def test_a_plan_with_one_call_twice_runs_it_twice_when_the_model_says_so(desk: Desk, provider: Provider) -> None:
    kettle = subject()
    twice = ("idempotent", kettle, "well")
    answers = iter([plan(twice, twice), call("idempotent", what=kettle, manner="well"), finish()])
    provider.play = lambda _: next(answers)
    assert desk.run("Think", agent="thinker").status == "complete"
    assert len(provider.asked) == 3
