"""Limits of calls and sums hold, whoever starts at the same moment, and whoever approved it."""

from collections.abc import Iterator
from typing import Any

from agents.engine import leases, loop
from agents.engine.story import read_story
from agents.models import AgentTask, CallTally
from agents.states import TaskStatus
from agents.versions import publish
from review.models import Answer, Kind
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, effects, subject
from tests.guarantees import people
from tests.guarantees.invariants import check
from tests.guarantees.racing import together


def limited(tool: str, most: int, **more: Any) -> None:
    """The desk's next version, with one more constraint."""
    rule = {
        "tool": tool,
        "verdict": "deny",
        "why": "Enough for today",
        "limit": {"most": most, **more.pop("limit", {})},
    }
    data = DESK.model_dump(mode="json")
    publish(type(DESK).model_validate(data | {"constraints": [*data["constraints"], rule | more]}), by=None)


def ready_to_start(task: AgentTask) -> Iterator[Any]:
    """Claims the task and brings it to the step that starts its call; then takes that step."""
    lease = leases.claim()
    assert lease is not None
    story = read_story(lease.task_id, lease.condition)
    assert story is not None
    loop.step(lease, story)
    yield None
    loop.step(lease, story)
    leases.let_go(lease)


def test_workers_that_start_at_once_never_pass_the_limit_together(desk: Desk) -> None:
    limited("once", 2)
    tasks = [desk.submit(f"once {subject()}") for _ in range(5)]
    starts = [ready_to_start(task) for task in tasks]
    for start in starts:
        next(start)
    together(*(lambda start=start: next(start, None) for start in starts))
    assert sum(len(effects(task)) for task in tasks) == 2
    assert CallTally.objects.get().amount == 2_000_000


def test_a_denial_by_a_limit_wins_over_an_approval(desk: Desk) -> None:
    limited("once_asked", 1)
    first, second = (desk.run(f"once_asked {subject()}") for _ in range(2))
    assert {first.parked_for, second.parked_for} == {Kind.ACTION}
    for task in (first, second):
        desk.decide(task, Answer.APPROVE)
    desk.settle(first)
    desk.settle(second)
    assert (len(effects(first)), len(effects(second))) == (1, 0)
    assert second.parked_for == Kind.ESCALATION
    assert "Enough for today (1 of 1 used so far, and this is 1 more)" in str(desk.request(second).reasons)
    for task in (first, second):
        check(task)


def test_beyond_a_limit_that_asks_a_person_lets_it_run_and_counts_it(desk: Desk) -> None:
    limited("once", 1, verdict="review")
    first, second = (desk.run(f"once {subject()}") for _ in range(2))
    assert (first.status, second.parked_for) == (TaskStatus.COMPLETE, Kind.ACTION)
    assert desk.decide_and_settle(second, Answer.APPROVE).status == TaskStatus.COMPLETE
    assert CallTally.objects.get().amount == 2_000_000


def test_what_did_not_happen_is_given_back(desk: Desk) -> None:
    limited("once", 1)
    assert desk.run(f"once {subject()} nothing").parked_for == Kind.ESCALATION
    assert CallTally.objects.get().amount == 0
    doubtful = desk.run(f"once {subject()} first_lost_before")
    assert CallTally.objects.get().amount == 1_000_000
    people.time_passes(doubtful)
    assert desk.decide_and_settle(doubtful, Answer.NOT_HAPPENED).status == TaskStatus.COMPLETE
    assert CallTally.objects.get().amount == 1_000_000


def test_a_new_limit_counts_what_was_started_before_it_was_there(desk: Desk) -> None:
    assert desk.run(f"once {subject()}").status == TaskStatus.COMPLETE
    limited("once", 1)
    assert desk.run(f"once {subject()}").parked_for == Kind.ESCALATION


def test_each_value_of_an_argument_may_have_a_limit_of_its_own(desk: Desk) -> None:
    limited("once", 1, limit={"each": "what", "within": "ever"})
    what = subject()
    assert desk.run(f"once {what}").status == TaskStatus.COMPLETE
    assert desk.run(f"once {what}").parked_for == Kind.ESCALATION
    assert desk.run(f"once {subject()}").status == TaskStatus.COMPLETE


def test_a_limit_of_reads_is_held_too(desk: Desk) -> None:
    limited("look", 2, limit={"within": "task"})
    task = desk.run(f"over and over {subject()}")
    assert (task.parked_for, task.actions.count()) == (Kind.ESCALATION, 2)
    check(task)
