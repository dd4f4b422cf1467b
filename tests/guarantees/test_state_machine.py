"""Does anything that people, workers and time may do in any order break what must always hold? Hypothesis tries."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pytest_django import Settings

from agents import kill_switches, services
from agents.engine import leases, loop
from agents.engine.story import Story, story_of
from agents.errors import LeaseLost, Refused
from agents.models import Action, AgentTask, KillSwitch, Step, TaskEvent
from agents.states import FINAL, TaskStatus
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest
from review.services import ANSWERS, Given, claim, decide, release
from tests.desk.definitions import TOOLS
from tests.desk.driving import Desk, row, subject
from tests.desk.models import Entry, Fact
from tests.guarantees.invariants import check

pytestmark = pytest.mark.timeout(600)

MANNERS = (
    "well",
    "well",
    "well",
    "lost_before",
    "lost_after",
    "first_lost_after",
    "nothing",
    "busy_1",
    "error_inside",
    "lost_then_busy",
)
PEOPLE = ("submitter", "reviewer", "reviewer", "colleague", "operator")
AGENTS = ("desk", "desk", "desk", "careful")
WHICH = st.integers(0, 2)
STEPS = st.sampled_from([12, 12, 4, 3, 2])
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


class Desktop(RuleBasedStateMachine):
    """A few tasks at a time; every rule is something that may happen to them at any moment."""

    desk: Desk

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[AgentTask] = []
        self.ended: dict[int, dict[str, Any]] = {}
        self.held: list[tuple[leases.Lease, Story]] = []

    def teardown(self) -> None:
        for lease, _ in self.held:
            leases.let_go(lease)
        _clear()

    # What submitters do

    @precondition(lambda self: self._unfinished() < 3)
    @rule(tool=st.sampled_from(TOOLS), manner=st.sampled_from(MANNERS), agent=st.sampled_from(AGENTS), steps=STEPS)
    def submit(self, tool: str, manner: str, agent: str, steps: int) -> None:
        self.tasks.append(self.desk.submit(f"{tool} {subject()} {manner}", agent=agent, max_steps=steps))
        self.work_a_little_and_fall_asleep(turns=2)

    @precondition(lambda self: self._unfinished() < 3)
    @rule(what=st.sampled_from(["in turn {}", "in turn {}", "in turn {}", "once", "nonsense {}"]), steps=STEPS)
    def submit_something_else(self, what: str, steps: int) -> None:
        self.tasks.append(self.desk.submit(what.format(subject()), max_steps=steps))

    @precondition(lambda self: self._some(status=TaskStatus.NEEDS_INPUT))
    @rule(who=st.sampled_from(PEOPLE), text=st.sampled_from(["thing", "thing", "", "x" * 70]))
    def answer(self, who: str, text: str) -> None:
        for task in self._some(status=TaskStatus.NEEDS_INPUT):
            _tried(services.answer, task.pk, text, by=self._person(who))

    @precondition(lambda self: self.tasks)
    @rule(which=WHICH, who=st.sampled_from(("reviewer", "reviewer", "reviewer", "submitter")))
    def cancel(self, which: int, who: str) -> None:
        _tried(services.cancel, self._task(which).pk, by=self._person(who))

    # What workers do, and what becomes of them

    @rule()
    def work(self) -> None:
        while loop.work_once():
            pass

    @rule(turns=st.integers(1, 3))
    def work_a_little_and_fall_asleep(self, turns: int) -> None:
        if lease := leases.claim():
            self.held.append((lease, story_of(lease.claimed)))
            self._turns(*self.held[-1], turns)

    @precondition(lambda self: self.held)
    @rule(turns=st.integers(1, 3), which=st.integers(0, 5), late=st.booleans())
    def wake_a_sleeping_worker(self, turns: int, which: int, late: bool) -> None:
        if late:
            self.leases_run_out()
        self._turns(*self.held[which % len(self.held)], turns)

    @precondition(lambda self: self._some(status=TaskStatus.RUNNING))
    @rule()
    def leases_run_out(self) -> None:
        AgentTask.objects.filter(status=TaskStatus.RUNNING).update(lease_until=Now())

    @rule()
    def time_passes(self) -> None:
        """So much that every wait is over, and every call that was made has met its deadline."""
        AgentTask.objects.filter(status=TaskStatus.WAITING).update(wake_at=Now())
        Action.objects.filter(attempt_until__isnull=False).update(attempt_until=LONG_AGO)

    # What reviewers and operators do

    @precondition(lambda self: self._open())
    @rule(which=WHICH, nth=st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4)))
    def decide(self, which: int, nth: int) -> None:
        """An answer that the question takes, of somebody who may give it; the first ones are the friendly ones."""
        request = self._open()[which % len(self._open())]
        answers = ANSWERS[request.kind]
        person = (request.kind == Kind.TAKEOVER and request.task.owner) or self.desk.reviewer
        _tried(decide, request.pk, person, answers[nth % len(answers)], request.digest, _given())

    @precondition(lambda self: self._open(Kind.ACTION))
    @rule(answer=st.sampled_from([Answer.APPROVE, Answer.APPROVE, Answer.EDIT]), and_work=st.booleans())
    def let_it_run(self, answer: str, and_work: bool) -> None:
        for request in self._open(Kind.ACTION):
            other = self.desk.colleague if request.task.owner == self.desk.reviewer else self.desk.reviewer
            _tried(decide, request.pk, other, answer, request.digest, _given())
        if and_work:
            self.work()

    @precondition(lambda self: self._open(Kind.ESCALATION, Kind.ACTION, Kind.TAKEOVER))
    @rule(tool=st.sampled_from(TOOLS), manner=st.sampled_from(MANNERS), who=st.sampled_from(("reviewer", "colleague")))
    def take_over_and_call(self, tool: str, manner: str, who: str) -> None:
        """Somebody takes a task over, where nobody has yet, and runs one of the agent's tools by hand."""
        request = self._open(Kind.ESCALATION, Kind.ACTION, Kind.TAKEOVER)[0]
        if request.kind != Kind.TAKEOVER:
            _tried(decide, request.pk, self._person(who), Answer.TAKE_OVER, request.digest, _given())
        for owned in self._open(Kind.TAKEOVER):
            given = Given(comment="by hand", tool=tool, arguments={"what": subject(), "manner": manner})
            _tried(decide, owned.pk, owned.task.owner, Answer.CALL, owned.digest, given)
        self.work_a_little_and_fall_asleep(turns=1)

    @precondition(lambda self: ReviewRequest.objects.exists())
    @rule(which=WHICH, who=st.sampled_from(PEOPLE), answer=st.sampled_from(list(Answer)))
    def decide_anything(self, which: int, who: str, answer: str) -> None:
        """Any answer of anybody to any question, the present one or an old one."""
        asked = list(ReviewRequest.objects.order_by("pk"))
        request = asked[which % len(asked)]
        _tried(decide, request.pk, self._person(who), answer, request.digest, _given())

    @precondition(lambda self: self._open())
    @rule(which=WHICH, who=st.sampled_from(PEOPLE), give_back=st.booleans())
    def claim(self, which: int, who: str, give_back: bool) -> None:
        request = self._open()[which % len(self._open())]
        _tried(release if give_back else claim, request.pk, self._person(who))

    @precondition(lambda self: not KillSwitch.objects.filter(lifted_at=None).exists())
    @rule(tool=st.sampled_from(["", *TOOLS]))
    def engage(self, tool: str) -> None:
        self.desk.engage(tool=tool)

    @precondition(lambda self: KillSwitch.objects.filter(lifted_at=None).exists())
    @rule()
    def lift(self) -> None:
        KillSwitch.objects.filter(lifted_at=None).update(lifted_at=Now())
        kill_switches.forget()

    # What must hold

    @invariant()
    def everything_holds(self) -> None:
        check(*self.tasks)

    @invariant()
    def final_tasks_stay_as_they_are(self) -> None:
        for task in self.tasks:
            now = row(task)
            if now["status"] in FINAL:
                assert self.ended.setdefault(task.pk, now) == now

    def _unfinished(self) -> int:
        return AgentTask.objects.exclude(status__in=FINAL).count()

    def _task(self, which: int) -> AgentTask:
        return self.tasks[which % len(self.tasks)]

    def _some(self, **now: Any) -> list[AgentTask]:
        return list(AgentTask.objects.filter(**now))

    def _open(self, *kinds: str) -> list[ReviewRequest]:
        asked = ReviewRequest.objects.filter(status=RequestStatus.OPEN, kind__in=kinds or list(ANSWERS))
        return list(asked.select_related("task__owner").order_by("pk"))

    def _person(self, who: str) -> User:
        return getattr(self.desk, who)

    def _turns(self, lease: leases.Lease, story: Story, turns: int) -> None:
        with suppress(LeaseLost):
            for _ in range(turns):
                if story.task.status == TaskStatus.RUNNING:
                    loop.step(lease, story)


@pytest.fixture
def only_rules_let_time_pass(settings: Settings) -> None:
    """Waits are so long that none is over by itself: what happens depends on the rules alone, on any machine."""
    for name in ("LEASE", "SLICE", "MARGIN"):
        setattr(settings, f"COUNTERSIGN_{name}_SECONDS", 10_000)
    settings.COUNTERSIGN_BACKOFF_SECONDS = [10_000] * 3


@pytest.mark.usefixtures("only_rules_let_time_pass")
def test_whatever_happens_in_any_order_what_must_hold_holds(desk: Desk) -> None:
    Desktop.desk = desk
    run_state_machine_as_test(
        Desktop,
        settings=effort(
            max_examples=effort().max_examples // 5,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _given() -> Given:
    """Everything that any answer may need."""
    arguments = {"what": subject(), "manner": "well"}
    result = {"what": "it", "entry": 1}
    return Given(comment="go on", tool="once", arguments=arguments, result=result, steps=2)


def _tried(verb: Any, *arguments: Any, **named: Any) -> None:
    """Does it, or is refused; nothing else may come of it."""
    with suppress(Refused):
        verb(*arguments, **named)


def _clear() -> None:
    """Leaves the next example a desk without tasks."""
    with transaction.atomic():
        AgentTask.objects.update(current_action=None)
        for model in (Decision, ReviewRequest, TaskEvent, Action, Step, AgentTask, KillSwitch, Entry, Fact):
            model._base_manager.all()._raw_delete(connection.alias)
