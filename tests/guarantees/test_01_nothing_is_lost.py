"""Promise 1: a task that was acknowledged is never lost, whatever dies, and wherever between two commits it dies."""

import itertools
import threading

import pytest
from django.db import connection

from agents.models import AgentTask
from agents.queue import claimable
from agents.states import FINAL, TaskStatus
from review.models import Answer, Kind
from tests.desk import gates
from tests.desk.driving import Desk, calls, effects, kinds, subject, until
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers, Moment
from tests.guarantees.invariants import check
from tests.guarantees.workers import at_work

pytestmark = pytest.mark.timeout(600)

STORIES = [
    "look {}",
    "idempotent {}",
    "reconcilable {}",
    "once {}",
    "once_unverified {}",
    "idempotent_asked {}",
    "reconcilable_asked {}",
    "once_asked {}",
    "reconcilable {} first_lost_before",
    "reconcilable {} first_lost_after",
    "idempotent {} first_lost_after",
    "once {} busy_2",
    "in turn {}",
]
MOMENTS: tuple[Moment, ...] = ("before", "after")


@pytest.mark.parametrize("goal", STORIES)
def test_a_worker_killed_at_any_commit_costs_no_task_and_repeats_no_effect(
    goal: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    # Dying before a commit leaves what the commits before it left, and a transaction open besides: so each state that
    # the database can be in is met, and each transaction is cut off.
    tasks = []
    for at in itertools.count(1):
        task, killed = _dies(desk, doomed_workers, goal, at)
        tasks.append(task)
        if not killed:
            break
    check(*tasks)
    for task in tasks:
        assert task.status == TaskStatus.COMPLETE, f"{task.status}: {task.failure}"
        _happened_as_often_as_it_may(task)


def test_a_worker_killed_while_it_gives_its_task_back_costs_nothing(desk: Desk, doomed_workers: DoomedWorkers) -> None:
    # A slice of no length ends after every turn, so that each is followed by a release, where somebody else waits.
    for at in itertools.count(1):
        other = desk.submit(f"look {subject()}")
        task, killed = _dies(desk, doomed_workers, "idempotent {}", at, COUNTERSIGN_SLICE_SECONDS=0)
        people.bring_to_an_end(desk, other)
        check(task, other)
        assert task.status == TaskStatus.COMPLETE
        if not killed:
            return


def test_the_deaths_were_at_every_point_of_the_loop(desk: Desk, doomed_workers: DoomedWorkers) -> None:
    points = set()
    for at in itertools.count(1):
        for moment in MOMENTS:
            task = desk.submit(f"once {subject()}")
            life = doomed_workers.live(at=at, moment=moment)
            if life.end == "killed":
                points.add((kinds(task)[-1], len(calls(task))))
            people.bring_to_an_end(desk, task)
        if life.end == "survived":
            break
    assert points >= {
        ("task.created", 0),  # before the claim
        ("task.claimed", 0),  # after it
        ("plan.accepted", 0),  # after the proposal was recorded
        ("action.started", 0),  # after the start was written, before the tool was called, and inside it
        ("action.started", 1),  # inside the tool after it happened, and before the outcome was recorded
        ("action.succeeded", 1),  # after that
        ("task.state_changed", 1),  # when all was done
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_web_process_killed_at_a_submission_leaves_a_whole_task_or_none(
    moment: Moment, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    goal = f"idempotent {subject()}"
    life = doomed_workers.live("submit", at=1, moment=moment, goal=goal, person=desk.submitter.username)
    assert life.end == "killed"
    found = AgentTask.objects.filter(goal=goal).first()
    assert (found is not None) == (moment == "after")
    if found:
        assert desk.settle(found).status == TaskStatus.COMPLETE
        check(found)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("goal", ["in turn {}", "reconcilable_asked {}", "once_unverified {}"])
def test_a_connection_cut_at_any_commit_costs_no_task_and_repeats_no_effect(
    goal: str, moment: Moment, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    tasks = []
    for at in itertools.count(1):
        task = desk.submit(goal.format(subject()))
        life = doomed_workers.live(at=at, moment=moment, by="CUT")
        tasks.append(people.bring_to_an_end(desk, task))
        if life.commits < at:
            break
    check(*tasks)
    for task in tasks:
        assert task.status == TaskStatus.COMPLETE, f"{task.status}: {task.failure}"
        _happened_as_often_as_it_may(task)


def test_a_submission_cut_off_at_its_commit_is_sent_again_with_its_key_and_is_one_task(
    desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    goal = f"idempotent {subject()}"
    request = {"goal": goal, "person": desk.submitter.username, "key": "one"}
    assert "cut" in doomed_workers.live("submit", at=1, moment="after", by="CUT", **request).error
    assert not doomed_workers.live("submit", **request).error
    task = AgentTask.objects.get(goal=goal)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    check(task)


@pytest.mark.services
def test_a_database_that_hangs_up_on_everybody_while_a_tool_works_costs_nothing(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits")
    with at_work() as worker:
        gates.gate(what).wait_for_tool()
        _fill_the_pool()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        gates.gate(what).open()
        worker.join()
    task.refresh_from_db()
    assert (task.status, len(effects(task))) == (TaskStatus.COMPLETE, 1)
    check(task)


def _fill_the_pool(connections: int = 12) -> None:
    """Leaves so many idle connections: each one that dies must not make the next borrower wait."""
    together = threading.Barrier(connections)

    def borrow() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            together.wait(120)
        connection.close()

    threads = [threading.Thread(target=borrow) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_web_process_killed_at_a_decision_leaves_it_made_or_still_to_make(
    moment: Moment, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    decision = {"request": request.pk, "person": desk.reviewer.username, "answer": Answer.APPROVE}
    life = doomed_workers.live("decide", at=1, moment=moment, **decision)
    assert life.end == "killed"
    check(task)
    if moment == "before":
        assert desk.settle(task).parked_for == Kind.ACTION
        desk.decide(task, Answer.APPROVE)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def _dies(desk: Desk, workers: DoomedWorkers, goal: str, at: int, **settings: float) -> tuple[AgentTask, bool]:
    """One task whose worker dies at its commit number `at`, counted over all its turns; others bring it to its end."""
    task = desk.submit(goal.format(subject()))
    killed = False
    while not killed:
        life = workers.live(at=at, settings=settings)
        assert not life.error, life.error
        killed = life.end == "killed"
        check(task)
        at -= life.commits
        task.refresh_from_db()
        if not killed and (task.status in FINAL or at <= 0):
            break
        if not killed and not people.answer(desk, task):
            until(claimable().filter(pk=task.pk).exists, f"{task} can be claimed again")
    people.bring_to_an_end(desk, task)
    return task, killed


def _happened_as_often_as_it_may(task: AgentTask) -> None:
    happened: dict[str, int] = {}
    for entry in effects(task):
        key = f"{entry.tool} {entry.key}" if entry.tool.startswith("idempotent") else entry.tool
        happened[key] = happened.get(key, 0) + 1
    once_each = {name: times for name, times in happened.items() if not name.startswith("idempotent")}
    assert all(times == 1 for times in once_each.values()), f"{task.goal}: {once_each}"
    # Repeating an idempotent call is what its declaration allows, as long as it carries the same key.
    keys = {entry.key for entry in effects(task) if entry.tool.startswith("idempotent")}
    assert len(keys) <= 1, f"{task.goal}: {keys}"
