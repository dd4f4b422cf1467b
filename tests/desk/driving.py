"""How does a test use the desk? It submits goals, lets the loop run, plays the people, and looks at the rows."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models.functions import Now

from agents import kill_switches, services
from agents.engine.loop import work_once
from agents.kill_switches import stopping
from agents.models import Action, Agent, AgentTask, KillSwitch
from agents.states import CLAIMABLE, TaskStatus
from agents.versions import publish
from review.models import Decision, Kind, RequestStatus, ReviewRequest
from review.services import Given, decide
from tests.desk.definitions import CAREFUL, DESK
from tests.desk.models import Entry
from tests.factories import OperatorFactory, ReviewerFactory, SubmitterFactory

T = TypeVar("T")
_numbers = itertools.count(1)

PATIENCE = 60.0
"""Seconds until a condition that never comes true fails its test."""


def until(found: Callable[[], T], what: str) -> T:
    """What `found` gives, as soon as it is true."""
    give_up = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < give_up, f"It never came to this: {what}."
        time.sleep(0.005)
    return value


def subject() -> str:
    """A subject that no other task is about."""
    return f"thing-{next(_numbers)}"


@dataclass(frozen=True)
class Desk:
    """The desk with its people."""

    submitter: User
    reviewer: User
    colleague: User
    operator: User

    @classmethod
    def open(cls) -> "Desk":
        publish(DESK, by=None)
        publish(CAREFUL, by=None)
        return cls(
            submitter=SubmitterFactory(),
            reviewer=ReviewerFactory(in_group="Reviewers"),
            colleague=ReviewerFactory(in_group="Reviewers"),
            operator=OperatorFactory(in_group="Operators"),
        )

    def submit(self, goal: str, **more: Any) -> AgentTask:
        return services.submit(**{"agent": "desk", "goal": goal, "by": self.submitter} | more)

    def run(self, goal: str, **more: Any) -> AgentTask:
        """Submits a goal and lets the loop work until nothing more comes of it without a person."""
        return self.settle(self.submit(goal, **more))

    def settle(self, task: AgentTask) -> AgentTask:
        """Lets the loop work until the task has ended, is stopped or waits for a person; short waits are waited for."""

        def settled() -> bool:
            while work_once():
                pass
            task.refresh_from_db()
            stopped = task.status in (TaskStatus.PENDING, TaskStatus.WAITING) and stopping(task.agent_id).exists()
            return task.status not in CLAIMABLE or stopped

        until(settled, f"{task} ({task.goal}) is settled")
        return task

    def request(self, task: AgentTask) -> ReviewRequest:
        """The one open question that a task waits for."""
        return ReviewRequest.objects.exclude(kind=Kind.SPOT_CHECK).get(task=task, status=RequestStatus.OPEN)

    def decide(self, task: AgentTask, answer: str, *, by: User | None = None, **given: Any) -> Decision:
        request = self.request(task)
        return decide(request.pk, by or self.reviewer, answer, request.digest, Given(**given))

    def decide_and_settle(self, task: AgentTask, answer: str, **given: Any) -> AgentTask:
        self.decide(task, answer, **given)
        return self.settle(task)

    def engage(self, why: str = "Stop.", tool: str = "") -> KillSwitch:
        kill_switches.forget()
        return KillSwitch.objects.create(
            tool=tool, why=why, engaged_by=self.operator, agent=Agent.objects.get(name="desk")
        )


def action_of(task: AgentTask) -> Action:
    """The newest action of a task."""
    return Action.objects.filter(task=task).latest("pk")


def calls(task: AgentTask) -> list[Entry]:
    """Every call that reached a tool for this task."""
    return list(Entry.objects.filter(task=task.pk))


def effects(task: AgentTask) -> list[Entry]:
    """Every change of the world for this task."""
    return [entry for entry in calls(task) if entry.happened]


def kinds(task: AgentTask) -> list[str]:
    """The journal, by the kind of its lines."""
    return list(task.events.values_list("kind", flat=True))


def row(task: AgentTask) -> dict[str, Any]:
    """The task's row but for the two fields that its journal moves: a late outcome may be journaled at any time."""
    fields = AgentTask.objects.filter(pk=task.pk).values().get()
    return {name: value for name, value in fields.items() if name not in ("event_count", "journal_head")}


def lapse(*tasks: AgentTask) -> None:
    """Lets the leases of running tasks run out, as if their worker had been silent for so long."""
    AgentTask.objects.filter(pk__in=[task.pk for task in tasks], status=TaskStatus.RUNNING).update(lease_until=Now())
