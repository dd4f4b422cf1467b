"""Every commit of the engine is a place where a worker is killed: a new one fails here until a story passes it.

The stories of `test_01_nothing_is_lost` are told once more, without a death, and each commit notes the functions that
it belongs to. They must be all functions of the engine that commit.
"""

import ast
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from agents.engine import recovery
from agents.models import AgentTask, ModelHealth, ProviderTraffic
from agents.states import TaskStatus
from agents.versions import publish
from review.models import Answer
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, effects, lapse, subject
from tests.desk.models import Fact
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers
from tests.guarantees.doomed_worker import ENGINE, around_commits, engine_functions
from tests.guarantees.invariants import check
from tests.guarantees.test_01_nothing_is_lost import STORIES
from tests.loopback import Provider, Says, finish

OPENERS = {"change", "changing", "changing_known", "atomic"}
"""What a block that ends with a commit is opened with."""

RECOVERING = {
    "recovery._doubt": "once {} kills",
    "recovery._ask_later": "reconcilable {} kills",
    "recovery.set_aside": "look {}",
    "proposing._ask": "unheard of {}",
    "watching.watch": "Let me talk to a person about {}",
}
"""Goals whose task finds its way to a person, and by which function."""
ASKING = {
    "proposing._record_invalid": Says(text="I would rather talk."),
    "proposing._wait_for_proposer": Says(status=504),
    "proposing._wait_for_room": finish(),
}
"""What a model says to the doomed, and which function has to live with it."""
ELSEWHERE = {
    **dict.fromkeys(RECOVERING, "test_a_worker_killed_on_the_way_to_a_person_costs_no_task_and_repeats_no_effect"),
    **dict.fromkeys(ASKING, "test_a_worker_killed_while_a_model_gives_no_proposal_costs_no_task"),
    "leases.release": "test_a_worker_killed_while_it_gives_its_task_back_costs_nothing",
    "by_hand.return_to_owner": "test_a_worker_killed_with_a_call_by_hand_keeps_nothing_from_its_owner",
    "settling._journal_late": "test_a_worker_that_sleeps_and_dies_when_it_wakes_costs_no_task_and_repeats_no_effect",
}
"""What no story passes, and the test in which workers die in it."""
PUT_OFF = {"acting._read": "leases.write_put_off"}
"""What is written together with what comes next, where the database takes several changes as one; and where that is."""
NO_COMMIT = {"gate.pass_gate": "a savepoint within the transaction of the start"}


def committing(module: Path) -> Iterator[str]:
    """The functions of a module that hold such a block, as `module.function`."""
    for function in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef) and any(_commits(node) for node in ast.walk(function)):
            yield f"{module.stem}.{function.name}"


def _commits(node: ast.AST) -> bool:
    if not isinstance(node, ast.With):
        return False
    calls = [item.context_expr.func for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any((call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")) in OPENERS for call in calls)


def test_every_function_that_commits_is_passed_by_a_story_in_which_workers_die(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: set[str] = set()

    @contextmanager
    def noting(_: object) -> Iterator[None]:
        passed.update(engine_functions())
        yield

    around_commits(noting, monkeypatch.setattr)
    for goal in STORIES:
        people.bring_to_an_end(desk, desk.submit(goal.format(subject())))
    known = {function for module in ENGINE.glob("*.py") for function in committing(module)}
    if connection.vendor == "postgresql":
        passed |= {function for function, writes in PUT_OFF.items() if writes in passed}
    missing = known - passed - ELSEWHERE.keys() - NO_COMMIT.keys()
    assert not missing, f"No story passes {', '.join(sorted(missing))}."
    assert not (ELSEWHERE.keys() | NO_COMMIT.keys()) - known


@pytest.mark.parametrize("function", RECOVERING)
def test_a_worker_killed_on_the_way_to_a_person_costs_no_task_and_repeats_no_effect(
    function: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    goal = RECOVERING[function]

    def submit() -> AgentTask:
        what = subject()
        task = desk.submit(goal.format(what))
        Fact.objects.create(name=f"unreachable:{what}")
        if goal.endswith("kills"):
            assert doomed_workers.live().end == "killed"
            people.time_passes(task)
        elif goal.startswith("look"):
            AgentTask.objects.filter(pk=task.pk).update(lapses=recovery.MANY_LAPSES)
        lapse(task)
        return task

    _die_at_each_commit_up_to(function, desk, doomed_workers, submit)


@pytest.mark.parametrize("function", ASKING)
def test_a_worker_killed_while_a_model_gives_no_proposal_costs_no_task(
    function: str, desk: Desk, doomed_workers: DoomedWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(DESK.model_copy(update={"name": "thinker", "models": ("openai:tiny",), "playbook": ()}), by=None)
    full = {"COUNTERSIGN_PROVIDER_LIMITS": {"openai": (1, 0, 0)}} if function == "proposing._wait_for_room" else {}
    with Provider(lambda _: ASKING[function]) as useless, Provider() as sensible:
        monkeypatch.setenv("OPENAI_BASE_URL", sensible.url)

        def submit() -> AgentTask:
            # What the lives before this one left behind would make it another one.
            ModelHealth.objects.all().delete()
            ProviderTraffic.objects.update_or_create(provider="openai", defaults={"in_flight": 1})
            return desk.submit("Think.", agent="thinker")

        asked = {"OPENAI_BASE_URL": useless.url}
        _die_at_each_commit_up_to(function, desk, doomed_workers, submit, settings=full, environment=asked)


def test_a_worker_killed_with_a_call_by_hand_keeps_nothing_from_its_owner(
    desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    def submit() -> AgentTask:
        task = desk.run("Write a poem")
        desk.decide(task, Answer.TAKE_OVER)
        arguments = {"what": subject(), "manner": "well"}
        desk.decide(task, Answer.CALL, comment="It helps.", tool="reconcilable", arguments=arguments)
        return task

    _die_at_each_commit_up_to("by_hand.return_to_owner", desk, doomed_workers, submit)


def test_a_worker_that_sleeps_and_dies_when_it_wakes_costs_no_task_and_repeats_no_effect(
    desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    died: set[str] = set()
    for at in itertools.count(1):
        task = desk.submit(f"once {subject()}")
        life = doomed_workers.live(at=at, moment="after", by="SIGSTOP", then="SIGKILL")
        lapse(task)
        desk.settle(task)
        if life.end == "stopped":
            died.update(doomed_workers.wake(life).where)
        check(task)
        people.bring_to_an_end(desk, task)
        assert len(effects(task)) == 1
        if life.end == "survived":
            break
    assert "settling._journal_late" in died


def _die_at_each_commit_up_to(
    function: str, desk: Desk, workers: DoomedWorkers, submit: Callable[[], AgentTask], **circumstances: Any
) -> None:
    """Workers die at their first commit with such a task, at their second, and so on, until one has died in the
    function and one after it; each time others bring the task to its end.
    """
    there = False
    for at in itertools.count(1):
        task = submit()
        life = workers.live(at=at, **circumstances)
        assert not life.error, life.error
        check(task)
        Fact.objects.all().delete()
        AgentTask.objects.filter(pk=task.pk, status=TaskStatus.WAITING).update(wake_at=Now())
        people.bring_to_an_end(desk, task)
        assert len(effects(task)) <= 1
        if there:
            return
        assert life.end == "killed", f"Nobody died in {function}."
        there = function in life.where
