"""Who takes a task over uses the agent's tools through the same gate: what the agent could not run, they can't."""

import pytest
from django.db.models import Q

from agents import services
from agents.engine import leases, loop
from agents.engine.story import read_story
from agents.errors import Invalid, NotAllowed, Stale
from agents.models import AgentTask
from agents.states import TaskStatus
from review.models import Answer, Decision, Kind
from review.services import Given, decide
from tests.desk.driving import Desk, action_of, calls, effects, lapse, subject
from tests.guarantees.invariants import check
from tests.guarantees.people import time_passes


@pytest.fixture
def owned(desk: Desk) -> AgentTask:
    """A task that the reviewer has taken over before anything was done."""
    task = desk.run("Write a poem")
    desk.decide(task, Answer.TAKE_OVER)
    task.refresh_from_db()
    return task


def call(desk: Desk, task: AgentTask, tool: str, manner: str = "well", what: str = "") -> None:
    arguments = {"what": what or subject(), "manner": manner}
    desk.decide(task, Answer.CALL, comment="The customer waits.", tool=tool, arguments=arguments)


def call_and_settle(desk: Desk, task: AgentTask, tool: str, manner: str = "well", what: str = "") -> AgentTask:
    call(desk, task, tool, manner, what)
    settled = desk.settle(task)
    check(settled)
    return settled


@pytest.mark.parametrize("tool", ["look", "idempotent", "reconcilable", "once"])
def test_the_loop_runs_the_call_and_the_task_comes_back_with_what_came_of_it(
    tool: str, desk: Desk, owned: AgentTask
) -> None:
    task = call_and_settle(desk, owned, tool, what="kettle")

    assert (task.parked_for, task.owner, task.by_hand) == (Kind.TAKEOVER, desk.reviewer, None)
    assert len(calls(task)) == 1
    request = desk.request(task)
    assert request.reasons[0]["message"] == f"Done: {action_of(task).sentence}"
    assert request.shown["evidence"]["called"]["result"]["what"] == "kettle"
    assert task.steps.last().proposer == f"person:{desk.reviewer.username}"


def test_no_tool_runs_while_the_person_decides(desk: Desk, owned: AgentTask) -> None:
    call(desk, owned, "once")
    owned.refresh_from_db()
    assert (owned.status, calls(owned)) == (TaskStatus.PENDING, [])
    check(owned)


def test_what_needs_approval_needs_another_persons(desk: Desk, owned: AgentTask) -> None:
    task = call_and_settle(desk, owned, "once_asked")
    assert (task.parked_for, task.owner, effects(task)) == (Kind.ACTION, desk.reviewer, [])

    with pytest.raises(NotAllowed, match="You asked for this call"):
        desk.decide(task, Answer.APPROVE)
    desk.decide(task, Answer.EDIT, arguments={"what": "pot", "manner": "well"})
    task.refresh_from_db()
    assert effects(desk.settle(task)) == [], "the owner's edit is put to others"
    with pytest.raises(NotAllowed, match="You asked for this call"):
        desk.decide(task, Answer.APPROVE)
    check(task)

    desk.decide_and_settle(task, Answer.APPROVE, by=desk.colleague)
    assert (task.parked_for, task.owner) == (Kind.TAKEOVER, desk.reviewer)
    assert [one.subject for one in effects(task)] == ["pot"]
    check(task)


def test_what_another_person_rejects_does_not_run_and_the_owner_reads_why(desk: Desk, owned: AgentTask) -> None:
    task = call_and_settle(desk, owned, "once_asked", what="kettle")
    desk.decide_and_settle(task, Answer.REJECT, by=desk.colleague, comment="Not that one.")
    assert (task.parked_for, effects(task)) == (Kind.TAKEOVER, [])
    assert "Not that one." in desk.request(task).reasons[0]["message"]

    again = call_and_settle(desk, task, "once_asked", what="kettle")
    assert "rejected" in desk.request(again).reasons[0]["message"]
    assert effects(again) == []


@pytest.mark.parametrize("when", ["before it is called", "after it is approved"])
def test_a_kill_switch_stops_a_call_by_hand(when: str, desk: Desk, owned: AgentTask) -> None:
    call(desk, owned, "once_asked")
    if when == "after it is approved":
        desk.settle(owned)
        desk.decide(owned, Answer.APPROVE, by=desk.colleague)
    desk.engage(why="The provider is down.")
    task = desk.settle(owned)
    assert (task.parked_for, effects(task)) == (Kind.TAKEOVER, [])
    assert "The provider is down." in desk.request(task).reasons[0]["message"]
    check(task)


def test_a_rule_that_denies_an_agents_call_denies_a_persons(desk: Desk, owned: AgentTask) -> None:
    for _ in range(4):  # and however often they try, the task stays with them
        task = call_and_settle(desk, owned, "once", what="crown")
    assert (task.parked_for, task.owner, calls(task)) == (Kind.TAKEOVER, desk.reviewer, [])
    assert "Nobody touches the crown" in desk.request(task).reasons[0]["message"]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [("issue_refund", {}, "tool"), ("once", {}, "arguments"), ("once", {"what": 3}, "arguments")],
)
def test_a_call_that_can_not_be_made_is_refused_at_once_and_changes_nothing(
    tool: str, arguments: dict[str, object], field: str, desk: Desk, owned: AgentTask
) -> None:
    before = AgentTask.objects.filter(pk=owned.pk).values().get()
    with pytest.raises(Invalid) as refused:
        desk.decide(owned, Answer.CALL, comment="Why not?", tool=tool, arguments=arguments)
    assert refused.value.field == field
    assert AgentTask.objects.filter(pk=owned.pk).values().get() == before


def test_a_decision_calls_once_however_often_it_is_sent(desk: Desk, owned: AgentTask) -> None:
    request = desk.request(owned)
    given = Given(comment="Once.", tool="once", arguments={"what": subject()})
    decide(request.pk, desk.reviewer, Answer.CALL, request.digest, given)
    with pytest.raises(Stale):
        decide(request.pk, desk.reviewer, Answer.CALL, request.digest, given)
    task = desk.settle(owned)
    assert len(effects(task)) == 1
    check(task)


@pytest.mark.parametrize("tool", ["look", "idempotent", "once"])
def test_a_worker_that_dies_before_anything_is_recorded_leaves_the_call_to_the_next(
    tool: str, desk: Desk, owned: AgentTask
) -> None:
    call(desk, owned, tool)
    lost = leases.claim()
    assert lost is not None
    leases.let_go(lost)
    lapse(owned)
    task = desk.settle(owned)
    assert (task.parked_for, len(calls(task))) == (Kind.TAKEOVER, 1)
    check(task)


def test_a_lost_call_is_in_doubt_and_only_another_person_lets_it_run_again(desk: Desk, owned: AgentTask) -> None:
    task = call_and_settle(desk, owned, "once", "first_lost_before")
    assert (task.parked_for, task.owner) == (Kind.IN_DOUBT, desk.reviewer)
    time_passes(task)
    with pytest.raises(NotAllowed, match="You asked for this call"):
        desk.decide(task, Answer.NOT_HAPPENED)
    desk.decide_and_settle(task, Answer.NOT_HAPPENED, by=desk.colleague)
    assert (task.parked_for, len(effects(task))) == (Kind.TAKEOVER, 1)
    check(task)


def test_a_tool_that_stays_down_brings_the_task_back_to_its_owner(desk: Desk, owned: AgentTask) -> None:
    task = call_and_settle(desk, owned, "idempotent", "busy_9")
    assert (task.parked_for, task.owner, effects(task)) == (Kind.TAKEOVER, desk.reviewer, [])
    assert "did not answer" in desk.request(task).reasons[0]["message"]


def test_calls_by_hand_count_as_steps_and_the_limit_is_asked_about(desk: Desk) -> None:
    task = desk.run("Write a poem", max_steps=2)
    desk.decide(task, Answer.TAKE_OVER)
    while task.parked_for != Kind.LIMIT:
        task = call_and_settle(desk, task, "look")
    assert (task.steps_taken, task.owner) == (2, desk.reviewer)
    made = len(calls(task))

    desk.decide_and_settle(task, Answer.EXTEND, by=desk.colleague, steps=1)
    assert (task.parked_for, task.steps_taken, len(calls(task))) == (Kind.TAKEOVER, 3, made + 1)
    check(task)


def test_a_task_is_canceled_before_a_call_by_hand_starts(desk: Desk, owned: AgentTask) -> None:
    call(desk, owned, "once")
    services.cancel(owned.pk, by=desk.submitter)
    task = desk.settle(owned)
    assert (task.status, task.owner, task.by_hand, calls(task)) == (TaskStatus.CANCELED, None, None, [])
    check(task)


def test_a_task_that_is_taken_over_in_turn_leaves_the_call_of_the_first_behind(desk: Desk, owned: AgentTask) -> None:
    task = call_and_settle(desk, owned, "once_asked")
    desk.decide_and_settle(task, Answer.TAKE_OVER, by=desk.colleague)
    assert (task.parked_for, task.owner, effects(task)) == (Kind.TAKEOVER, desk.colleague, [])
    check(task)


def test_the_next_plan_must_follow_what_the_person_did_and_says(desk: Desk) -> None:
    task = desk.run("once_asked kettle")
    desk.decide(task, Answer.TAKE_OVER)
    call_and_settle(desk, task, "idempotent")
    desk.decide(task, Answer.GIVE_BACK, comment="Only look at it.", summary="I called Ana.")

    story = read_story(task.pk, Q())
    assert story is not None
    request = story.request()
    said = request.history[-1]
    assert (said.kind, said.text, said.summary, said.verb) == (  # type: ignore[union-attr]
        "guidance",
        "Only look at it.",
        "I called Ana.",
        "give_back",
    )
    assert (request.turn, story.task.owner_id) == ("plan", None)
    assert Decision.objects.latest("pk").details == {"summary": "I called Ana."}
    check(desk.settle(task))


def test_a_person_looks_whether_the_plan_after_a_hand_back_follows_what_was_said(desk: Desk) -> None:
    task = desk.run("once_asked kettle")
    desk.decide(task, Answer.TAKE_OVER)
    desk.decide_and_settle(task, Answer.GIVE_BACK, comment="go on", summary="I called Ana.")

    asked = desk.request(task)
    assert (asked.kind, asked.reasons[0]["code"]) == (Kind.PLAN, "plan.after_hand_back")
    said = asked.shown["evidence"]["handed_back"]
    assert (said["by"], said["text"], said["summary"]) == (desk.reviewer.username, "go on", "I called Ana.")
    desk.decide_and_settle(task, Answer.REJECT, comment="That is not what I said.")
    desk.decide_and_settle(task, Answer.RESPOND, comment="go on")
    assert desk.request(task).kind == Kind.PLAN, "a plan in the place of one that did not follow is looked at too"
    desk.decide_and_settle(task, Answer.APPROVE)
    assert desk.request(task).kind == Kind.ACTION
    desk.decide_and_settle(task, Answer.APPROVE)
    assert (task.status, len(effects(task))) == (TaskStatus.COMPLETE, 1)
    check(task)


def test_a_sleeping_worker_can_not_call_for_an_owner_who_gave_the_task_back(desk: Desk, owned: AgentTask) -> None:
    call(desk, owned, "once")
    asleep = leases.claim()
    assert asleep is not None
    story = read_story(owned.pk, asleep.condition)
    lapse(owned)
    task = desk.settle(owned)
    desk.decide(task, Answer.GIVE_BACK, comment="go on")
    with pytest.raises(leases.LeaseLost):
        loop.step(asleep, story)  # type: ignore[arg-type]
    leases.let_go(asleep)
    assert len(effects(task)) == 1
    check(task)
