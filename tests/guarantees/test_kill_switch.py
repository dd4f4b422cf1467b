"""A kill switch stops new actions within a second, by the database's own clock, whatever is under way and approved."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from agents import kill_switches
from agents.definition import AgentDefinition, Limits, Recipe, RecipeStep
from agents.models import Action, Agent, AgentTask, KillSwitch, TaskEvent
from agents.states import ActionStatus, TaskStatus
from agents.versions import publish
from review.models import Answer
from tests.desk import gates
from tests.desk.driving import Desk, action_of, subject, until
from tests.guarantees.doomed import database_of_this_run
from tests.guarantees.workers import at_work
from tests.processes import Running

WITHIN = timedelta(seconds=1)
"""The promise: no new action later than this after the switch was engaged."""
WORKERS = 2
TASKS = 40
STEPS = 20


def tireless(name: str, tool: str) -> AgentDefinition:
    """An agent that does one thing after the other, without a model to wait for."""
    steps = tuple(
        RecipeStep(id=f"s{n}", tool=tool, purpose="Go on.", arguments={"what": f"{{what}}-{n}"}) for n in range(STEPS)
    )
    recipe = Recipe(name="on-and-on", match=(r"^on and on with (?P<what>[a-z0-9-]+)$",), plan=steps, finish="Done.")
    limits = Limits(max_steps=STEPS + 5, ceiling_steps=STEPS + 5)
    return AgentDefinition(
        name=name, title=name, prompt="Go on.", tools=(tool,), handover="Soon.", limits=limits, playbook=(recipe,)
    )


@pytest.fixture
def workers(desk: Desk) -> Iterator[list[Running]]:
    """Real worker processes on this test's database, each with several tasks in hand."""
    told = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_of_this_run(),
        "REDIS_URL": settings.REDIS_URL,
        "COUNTERSIGN_SLOTS": "8",
    }
    with ExitStack() as stack:
        started = [
            stack.enter_context(Running("-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", **told))
            for _ in range(WORKERS)
        ]
        for worker in started:
            worker.wait_for("agents.tasks.work")
        yield started


@pytest.mark.services
@pytest.mark.timeout(600)
def test_no_action_starts_later_than_a_second_after_the_switch(desk: Desk, workers: list[Running]) -> None:
    asked = [desk.run(f"once_asked {subject()}") for _ in range(3)]
    for definition in (tireless("writer", "idempotent"), tireless("other", "reconcilable")):
        publish(definition, by=None)
        for _ in range(TASKS // 2):
            desk.submit(f"on and on with {subject()}", agent=definition.name)
    until(_everybody_works, "each worker process runs actions")

    # A tool alone: its calls are denied, and those of others go on.
    tool = kill_switches.engage(why="It writes twice.", by=desk.operator, tool="idempotent")
    last = _last_moment(tool)
    others = _started(tool="reconcilable", after=tool.engaged_at).count
    until(lambda: others() > 10 and not _tasks_of("writer", running=True), "the tool's tasks are stopped, others run")
    assert not _started(tool="idempotent", after=last).exists()

    # Everything: approved actions wait like all others.
    desk.decide(asked[0], Answer.APPROVE)
    until(lambda: action_of(asked[0]).status == ActionStatus.SUCCEEDED, "an approved action runs")
    desk.decide(asked[1], Answer.APPROVE)
    everything = kill_switches.engage(why="Nobody knows what is going on.", by=desk.operator)
    last = _last_moment(everything)
    desk.decide(asked[2], Answer.APPROVE)
    until(lambda: _clock() > last and not _tasks_of("other", running=True), "everything is stopped")
    assert _tasks_of("other").filter(status=TaskStatus.PENDING).exists(), "There was nothing left to stop."
    assert action_of(asked[2]).status == ActionStatus.APPROVED
    assert not _started(after=last).exists()

    kill_switches.lift(everything.pk, by=desk.operator)
    until(lambda: action_of(asked[2]).status == ActionStatus.SUCCEEDED, "it goes on when the switch is lifted")
    everything.refresh_from_db()
    assert not _started(after=last).filter(started_at__lt=everything.lifted_at).exists()


def test_a_read_says_when_it_began_and_not_when_it_was_over(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"look {what} waits")
    with at_work():
        gates.gate(what).wait_for_tool()
        switch = desk.engage()
        gates.gate(what).open()
    assert action_of(task).started_at < switch.engaged_at


def _last_moment(switch: KillSwitch) -> datetime:
    """Until when something may start: a second, and where the server took longer to save it, until it was saved."""
    return max(switch.engaged_at + WITHIN, _clock())


def _clock() -> datetime:
    """The database's."""
    return Agent.objects.annotate(now=Now()).values_list("now", flat=True)[0]


def _started(*, after: datetime, **which: str) -> QuerySet[Action]:
    return Action.objects.filter(started_at__gt=after, **which)


def _tasks_of(agent: str, *, running: bool = False) -> QuerySet[AgentTask]:
    tasks = AgentTask.objects.filter(agent__name=agent)
    return tasks.filter(status=TaskStatus.RUNNING) if running else tasks


def _everybody_works() -> bool:
    """Has each process claimed tasks of both agents, and are many actions done?"""
    claimed = TaskEvent.objects.filter(kind="task.claimed", actor__startswith="worker:")
    busy = claimed.filter(task__agent__name__in=["writer", "other"]).values("actor").distinct().count()
    return busy >= WORKERS and Action.objects.filter(status=ActionStatus.SUCCEEDED).count() > 20
