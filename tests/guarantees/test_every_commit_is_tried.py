"""Every commit of the engine is a place where a worker is killed: a new one fails here until a story passes it.

The stories of `test_01_nothing_is_lost` are told once more, without a death, and each commit notes the functions that
it belongs to. They must be all functions of the engine that commit.
"""

import ast
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

import agents.engine
from agents.engine import recovery
from agents.models import AgentTask
from tests.desk.driving import Desk, effects, lapse, subject
from tests.desk.models import Fact
from tests.guarantees import people
from tests.guarantees.doomed import DoomedWorkers
from tests.guarantees.invariants import check
from tests.guarantees.test_01_nothing_is_lost import STORIES

ENGINE = Path(agents.engine.__file__).parent
OPENERS = {"change", "changing", "changing_known", "atomic"}
"""What a block that ends with a commit is opened with."""

ELSEWHERE = {
    "leases.release": "test_a_worker_killed_while_it_gives_its_task_back_costs_nothing",
    "recovery._doubt": "test_a_worker_killed_while_it_recovers_costs_no_task_and_repeats_no_effect",
    "recovery._ask_later": "test_a_worker_killed_while_it_recovers_costs_no_task_and_repeats_no_effect",
    "recovery.set_aside": "test_a_worker_killed_while_it_recovers_costs_no_task_and_repeats_no_effect",
    "proposing._ask": "test_a_worker_killed_while_it_recovers_costs_no_task_and_repeats_no_effect",
    # Of these nobody dies in a test: each is one transaction, after which the task is asked about again, or parked.
    "proposing._record_invalid": "needs a model",
    "proposing._wait_for_proposer": "needs a model",
    "proposing._wait_for_room": "needs a model",
    "by_hand.return_to_owner": "parks the task for its owner; a worker that finds it unparked does it again",
    "gate.pass_gate": "no commit: a savepoint within the transaction of the start",
    "watching.watch": "needs a text that is noticed; until it is recorded, it is looked at again",
    "settling._journal_late": "writes a line for an outcome that came too late, and nothing else",
}
"""What no story passes, and where workers die in it."""


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
    commit = BaseDatabaseWrapper._commit

    def noted(connection: BaseDatabaseWrapper) -> None:
        frame = sys._getframe()
        while frame := frame.f_back:
            place = Path(frame.f_code.co_filename)
            if place.parent == ENGINE:
                passed.add(f"{place.stem}.{frame.f_code.co_name}")
        commit(connection)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", noted)
    for goal in STORIES:
        people.bring_to_an_end(desk, desk.submit(goal.format(subject())))
    known = {function for module in ENGINE.glob("*.py") for function in committing(module)}
    missing = known - passed - set(ELSEWHERE)
    assert not missing, f"No story passes {', '.join(sorted(missing))}."
    assert not set(ELSEWHERE) - known


@pytest.mark.parametrize(
    "goal", ["once {} kills", "reconcilable {} kills", "look {}", "unheard of {}"],
    ids=["in doubt", "asked later", "set aside", "nobody understands"],
)  # fmt: skip
def test_a_worker_killed_while_it_recovers_costs_no_task_and_repeats_no_effect(
    goal: str, desk: Desk, doomed_workers: DoomedWorkers
) -> None:
    for at in itertools.count(1):
        what = subject()
        task = desk.submit(goal.format(what))
        unreachable = Fact.objects.create(name=f"unreachable:{what}")
        if goal.endswith("kills"):
            assert doomed_workers.live().end == "killed"
        elif goal.startswith("look"):
            AgentTask.objects.filter(pk=task.pk).update(lapses=recovery.MANY_LAPSES)
        lapse(task)
        life = doomed_workers.live(at=at)
        assert not life.error, life.error
        check(task)
        unreachable.delete()
        people.bring_to_an_end(desk, task)
        assert len(effects(task)) <= 1
        if life.end == "survived":
            return
