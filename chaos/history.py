"""What happened, from both sides? Everything that the database, the ledger and the client know, read once."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.models import Action, AgentTask, Step, TaskEvent
from chaos.client import Record
from review.models import Decision, ReviewRequest


@dataclass(frozen=True)
class Line:
    """One line of the ledger: a `call` that arrived, or an `effect` that it had."""

    at: float
    """Seconds since 1970."""
    line: str
    op: str
    effect: str
    key: str
    task: int
    what: str
    manner: str

    @classmethod
    def read(cls, said: dict[str, Any]) -> "Line":
        return cls(
            at=said["at"],
            line=said["line"],
            op=said.get("op", "look"),
            effect=said.get("effect", "read"),
            key=said.get("key", ""),
            task=int(said["task"]),
            what=said["what"],
            manner=said.get("manner", ""),
        )

    @property
    def denied(self) -> bool:
        """The ledger said that it did nothing."""
        return self.manner in ("busy", "refuse")


@dataclass(frozen=True)
class Told:
    """A task with all its rows."""

    task: AgentTask
    steps: list[Step]
    actions: list[Action]
    events: list[TaskEvent]
    requests: list[ReviewRequest]
    decisions: list[Decision]
    calls: list[Line]
    effects: list[Line]

    def decisions_on(self, action: Action) -> list[str]:
        """What people answered to requests about an action."""
        return [one.answer for one in self.decisions if one.request.action_id == action.pk]


@dataclass(frozen=True)
class History:
    record: Record
    tasks: list[Told]
    strangers: list[Line]
    """Lines of the ledger about tasks that there are not."""
    counted: dict[str, int]


def read_history(record: Record, ledger: Path) -> History:
    """Reads the whole history; nothing may be running any more."""
    lines = [Line.read(json.loads(line)) for line in ledger.read_text(encoding="utf-8").splitlines()]
    by_task: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_task[line.task].append(line)
    steps, actions, events, requests, decisions = (defaultdict(list) for _ in range(5))
    for step in Step.objects.order_by("task", "number"):
        steps[step.task_id].append(step)
    for action in Action.objects.order_by("pk"):
        actions[action.task_id].append(action)
    for event in TaskEvent.objects.order_by("task", "number"):
        events[event.task_id].append(event)
    for request in ReviewRequest.objects.order_by("pk"):
        requests[request.task_id].append(request)
    for decision in Decision.objects.select_related("request").order_by("pk"):
        decisions[decision.request.task_id].append(decision)
    tasks = [
        Told(
            task,
            steps[task.pk],
            actions[task.pk],
            events[task.pk],
            requests[task.pk],
            decisions[task.pk],
            [line for line in by_task[task.pk] if line.line == "call"],
            [line for line in by_task[task.pk] if line.line == "effect"],
        )
        for task in AgentTask.objects.select_related("version", "submitted_by").order_by("pk")
    ]
    known = {told.task.pk for told in tasks}
    counted = {
        "steps": sum(len(one) for one in steps.values()),
        "calls": sum(line.line == "call" for line in lines),
        "effects": sum(line.line == "effect" for line in lines),
        "decisions": sum(len(one) for one in decisions.values()),
    }
    return History(record, tasks, [line for line in lines if line.task not in known], counted)
