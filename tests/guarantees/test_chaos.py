"""The checks of `make chaos` see what they are there for: a check that nothing can fail would prove nothing."""

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from agents.models import AgentTask, TaskEvent
from chaos import goals, model, storm, verdicts
from chaos.client import Canceled, Record
from chaos.goals import Goal
from chaos.history import History, Line, read_history
from review.models import Answer, Decision
from tests.desk.driving import Desk, subject
from tests.desk.models import Entry


@dataclass
class Run:
    """A short run of the desk: every effect, an approval, a rejection, a question to reviewers that stays open."""

    desk: Desk
    record: Record
    lines: list[dict[str, Any]]
    folder: Path

    def history(self) -> History:
        path = self.folder / "ledger.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")
        return read_history(self.record, path)

    def task(self, words: str) -> AgentTask:
        return AgentTask.objects.get(goal__startswith=words)


@pytest.fixture
def run(desk: Desk, tmp_path: Path) -> Run:
    record = Record()
    for number, words in enumerate(("in turn", "once_asked", "idempotent_asked", "once_unverified", "reconcilable")):
        waits = words in ("idempotent_asked", "once_unverified")
        task = desk.run(_goal(words, left_alone=waits), idempotency_key=f"key {number}")
        record.acknowledged[task.idempotency_key] = task.pk
        record.posted[task.idempotency_key] = _Said(task.goal)
        record.answers[task.idempotency_key] = {b"the same"}
        if words == "once_asked":
            desk.decide_and_settle(task, Answer.APPROVE)
        elif words == "idempotent_asked":
            desk.decide_and_settle(task, Answer.REJECT, comment="No.")
    return Run(desk, record, _ledger(), tmp_path)


def _goal(words: str, *, left_alone: bool) -> str:
    """A goal with these words about which the people of chaos speak, or never do."""
    said = (f"{words} {subject()}" for _ in itertools.count())
    return next(goal for goal in said if goals.left_alone(goal) == left_alone)


@dataclass(frozen=True)
class _Said(Goal):
    """A goal of another desk."""

    said: str = ""

    def __init__(self, said: str) -> None:
        object.__setattr__(self, "said", said)

    @property
    def text(self) -> str:
        return self.said


def _ledger() -> list[dict[str, Any]]:
    """What the ledger of chaos would have written of the same calls."""
    lines = []
    for entry in Entry.objects.all():
        op = entry.tool.split("_")[0]
        if op == "look":
            continue
        line = Line(entry.at.timestamp(), "call", op, op, entry.key, entry.task, entry.subject, "well")
        lines += [asdict(line), asdict(line) | {"line": "effect"}]
    return lines


def test_an_honest_history_is_found_to_be_one(run: Run) -> None:
    found = verdicts.judge(run.history())
    assert [line for verdict in found if not verdict.kept for line in verdict.lines()] == []
    assert len(found) == len(verdicts.CHECKS)


def lose_a_task(run: Run) -> None:
    run.record.acknowledged["key 7"] = 987_654
    run.record.posted["key 7"] = _Said("in turn lost")


def answer_in_two_ways(run: Run) -> None:
    run.record.answers["key 0"].add(b"another")


def leave_one_pending(run: Run) -> None:
    AgentTask.objects.filter(pk=run.task("in turn").pk).update(status="pending", finished_at=None)


def leave_people_unheard(run: Run) -> None:
    goal = _goal("once_unverified", left_alone=False)
    AgentTask.objects.filter(pk=run.task("once_unverified").pk).update(goal=goal)


def happen_twice(effect: str) -> Callable[[Run], None]:
    def happen(run: Run) -> None:
        run.lines.append(next(one for one in run.lines if one["line"] == "effect" and one["effect"] == effect))

    return happen


def start_twice(run: Run) -> None:
    run.lines.append(next(one for one in run.lines if one["line"] == "call" and one["effect"] == "once"))


def succeed_without_an_effect(run: Run) -> None:
    run.lines.remove(next(one for one in run.lines if one["line"] == "effect" and one["effect"] == "reconcilable"))


def run_before_the_approval(run: Run) -> None:
    for line in run.lines:
        if line["task"] == run.task("once_asked").pk:
            line["at"] -= 60


def run_what_was_rejected(run: Run) -> None:
    action = run.task("idempotent_asked").actions.get()
    here = run.lines[0] | {"op": "idempotent", "effect": "idempotent", "key": action.idempotency_key}
    run.lines.append(here | {"task": action.task_id, "what": action.arguments["what"]})


def decide_twice(run: Run) -> None:
    decision = Decision.objects.filter(answer=Answer.APPROVE).get()
    copied = {"answer": decision.answer, "digest": decision.digest, "via": decision.via}
    Decision.objects.create(request=decision.request, person=run.desk.colleague, **copied)


def count_a_step_too_many(run: Run) -> None:
    AgentTask.objects.filter(pk=run.task("in turn").pk).update(steps_taken=F("steps_taken") + 1)


def count_a_line_too_many(run: Run) -> None:
    AgentTask.objects.filter(pk=run.task("in turn").pk).update(event_count=F("event_count") + 1)


def write_by_another_worker(run: Run) -> None:
    TaskEvent.objects.filter(task=run.task("in turn"), kind="plan.accepted").update(actor="worker:another")


def go_on_after_a_cancel(run: Run) -> None:
    run.record.cancels.append(Canceled(run.task("in turn").pk, 200, 0.0))


def keep_a_lease(run: Run) -> None:
    AgentTask.objects.filter(pk=run.task("in turn").pk).update(worker="somebody")


@pytest.mark.parametrize(
    ("check", "breaks"),
    [
        (verdicts.nothing_lost, lose_a_task),
        (verdicts.nothing_lost, answer_in_two_ways),
        (verdicts.all_ended, leave_one_pending),
        (verdicts.all_ended, leave_people_unheard),
        (verdicts.idempotent, happen_twice("idempotent")),
        (verdicts.reconcilable, happen_twice("reconcilable")),
        (verdicts.reconcilable, succeed_without_an_effect),
        (verdicts.once, happen_twice("once")),
        (verdicts.once, start_twice),
        (verdicts.approved_first, run_before_the_approval),
        (verdicts.approved_first, run_what_was_rejected),
        (verdicts.used_once, decide_twice),
        (verdicts.within_limits, count_a_step_too_many),
        (verdicts.journals, count_a_line_too_many),
        (verdicts.one_at_a_time, write_by_another_worker),
        (verdicts.canceled, go_on_after_a_cancel),
        (verdicts.all_returned, keep_a_lease),
    ],
)
def test_a_broken_promise_is_seen(check: verdicts.Check, breaks: Callable[[Run], None], run: Run) -> None:
    breaks(run)
    verdict = check(run.history())
    assert not verdict.kept
    assert next(verdict.lines()).startswith("BROKEN")


def test_the_same_seed_gives_the_same_storm() -> None:
    drawn = [
        (list(goals.mix(50, chance, True)), list(storm.schedule(chance, list(storm.MEANING), 60, 5)))
        for chance in (storm.random.Random(5), storm.random.Random(5))
    ]
    assert drawn[0] == drawn[1]


def test_the_stub_model_plans_a_goal_and_ends_it() -> None:
    said: list[dict[str, Any]] = [{"role": "user", "content": "<goal-0a>\nput s7\n</goal-0a>"}]
    called = []
    for _ in range(4):
        name, given = model.next_call(said)
        called.append(name)
        envelope = json.dumps({"arguments": given})
        said.append({"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": envelope}}]})
        said.append({"role": "tool", "content": "{}"})
    assert called == ["propose_plan", "look", "put", "finish"]
