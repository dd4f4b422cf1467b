"""Promise 9: whatever a proposer says ends in a structured error or with a person, never in a trace or a guess."""

import pytest

from agents import services
from agents.errors import Invalid, KeyReused, NotAllowed, Refused
from agents.models import AgentTask
from agents.states import TaskStatus
from agents.versions import publish
from review.models import Answer, Kind
from tests.desk.definitions import DESK, one_call
from tests.desk.driving import Desk, calls, kinds, subject
from tests.guarantees.invariants import check

AWKWARD = [
    "Write a poem about the sea",
    "💥 " * 200,
    "\u202eretupmoc eht kcah",
    "{{ settings.SECRET_KEY }} {% debug %}",
    "<script>alert(1)</script>",
    "'; DROP TABLE agents_agenttask; --",
    "{what} {0} %s %(x)s ${x}",
    "x" * 20_000,
    "a\n" * 5_000,
]


@pytest.mark.parametrize("goal", AWKWARD, ids=range(len(AWKWARD)))
def test_a_goal_that_nobody_understands_goes_to_a_person_as_it_was_written(goal: str, desk: Desk) -> None:
    task = desk.run(goal)
    assert (task.status, task.parked_for) == (TaskStatus.NEEDS_REVIEW, Kind.ESCALATION)
    assert task.goal == goal
    assert desk.request(task).shown["goal"] == goal
    assert "No model is configured" in str(desk.request(task).reasons)
    check(task)


@pytest.mark.parametrize("goal", ["", "  \n ", "a\0b", "half \ud800", "x" * 1_000_000])
def test_a_goal_that_cannot_be_kept_is_refused_with_a_sentence(goal: str, desk: Desk) -> None:
    with pytest.raises(Invalid) as refused:
        desk.submit(goal)
    assert (refused.value.field, refused.value.message.endswith(".")) == ("goal", True)
    assert not AgentTask.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agent", "nobody"),
        ("max_steps", 0),
        ("max_steps", 10**9),
        ("priority", 15),
        ("inputs", {"a": "\0"}),
        ("inputs", {"a": float("nan")}),
        ("inputs", {"a": "x" * 300_000}),
        ("inputs", ["no object"]),
        ("idempotency_key", "k" * 300),
        ("idempotency_key", "k\0"),
    ],
)
def test_a_submission_that_cannot_be_kept_is_refused_and_names_the_field(field: str, value: object, desk: Desk) -> None:
    with pytest.raises(Invalid) as refused:
        desk.submit(f"look {subject()}", **{field: value})
    assert refused.value.field == field
    assert not AgentTask.objects.exists()


def test_the_same_key_gives_the_same_task_and_another_request_is_refused(desk: Desk) -> None:
    what = subject()
    first = desk.submit(f"look {what}", idempotency_key="one")
    assert desk.submit(f"look {what}", idempotency_key="one") == first
    with pytest.raises(KeyReused):
        desk.submit("look elsewhere", idempotency_key="one")
    assert AgentTask.objects.count() == 1
    assert desk.submit("look elsewhere", idempotency_key="one", by=desk.colleague) != first


def test_a_call_with_wrong_arguments_is_told_what_is_wrong(desk: Desk) -> None:
    recipe = one_call("once").model_copy(update={"name": "wrong", "match": ("^wrong$",), "ask": {}})
    step = recipe.plan[0].model_copy(update={"arguments": {"wat": 7}})
    publish(
        DESK.model_copy(update={"name": "wrong", "playbook": (recipe.model_copy(update={"plan": (step,)}),)}), by=None
    )
    task = desk.run("wrong", agent="wrong")
    assert (task.parked_for, calls(task)) == (Kind.ESCALATION, [])
    error = task.steps.get(number=1).answer["error"]
    assert error["code"] == "schema.invalid"
    assert "wat" in error["message"]
    check(task)


def test_a_proposer_that_says_nothing_useful_again_and_again_is_not_listened_to_for_ever(desk: Desk) -> None:
    task = desk.run("once crown")
    for _ in range(6):
        if task.parked_for != Kind.ESCALATION:
            break
        desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    assert task.status == TaskStatus.NEEDS_REVIEW
    assert calls(task) == []
    assert task.steps_taken <= task.max_steps
    check(task)


def test_a_missing_value_is_asked_for_and_the_answer_used(desk: Desk) -> None:
    task = desk.run("once")
    assert (task.status, task.question) == (TaskStatus.NEEDS_INPUT, "What should once be done to?")
    with pytest.raises(NotAllowed):
        services.answer(task.pk, "mine", by=desk.reviewer)
    for nothing in ("", " ", "a\0b"):
        with pytest.raises(Refused):
            services.answer(task.pk, nothing, by=desk.submitter)
    services.answer(task.pk, "teapot", by=desk.submitter)
    assert desk.settle(task).result == "teapot is done."
    with pytest.raises(Refused):
        services.answer(task.pk, "again", by=desk.submitter)
    assert kinds(task).count("question.answered") == 1
    check(task)


def test_an_answer_is_a_value_and_never_read_as_a_template_or_reference(desk: Desk) -> None:
    task = desk.run("look")
    services.answer(task.pk, '{manner} {"$from": "only#/entry"}', by=desk.submitter)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert [call.subject for call in calls(task)] == ['{manner} {"$from": "only#/entry"}']
    check(task)
