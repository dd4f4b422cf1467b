"""What does a task's page show? Read from the rows with a bounded number of queries, however long the story is."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from agents.admin.wording import Standing, standing
from agents.models import Action, AgentTask, Step, TaskEvent
from agents.spending.totals import Totals, of_task
from agents.states import StepStatus

STEPS_SHOWN = 25
EVENTS_SHOWN = 50
REQUESTS_SHOWN = 100


@dataclass(frozen=True)
class ShownStep:
    """A step with what came of it: its actions, and what people were asked and said about it."""

    step: Step
    actions: tuple[Action, ...]
    requests: tuple[Any, ...]
    """Review requests, each with its decisions; they belong to the room above, hence no type."""

    @property
    def action(self) -> Action | None:
        return self.actions[-1] if self.actions else None

    @property
    def rows(self) -> list[Any]:
        """Everything that it shows."""
        said = [decision for request in self.requests for decision in request.decisions.all()]
        return [self.step, *self.actions, *self.requests, *said]


@dataclass(frozen=True)
class Entry:
    """One line of the story: a step, or a question to people that is about the task as a whole."""

    at: datetime
    step: ShownStep | None = None
    request: Any = None


@dataclass(frozen=True)
class Planned:
    """One step of the plan in force, and how far it is: ahead, now, done or refused."""

    id: str
    tool: str
    purpose: str
    state: str
    number: int | None = None


@dataclass(frozen=True)
class TaskPage:
    task: AgentTask
    standing: Standing
    plan: tuple[Planned, ...]
    entries: tuple[Entry, ...]
    first_number: int
    """Of the steps shown; those before it are a page further back."""
    before: int | None
    """The page shown ends before this step; None shows the newest."""
    events: tuple[TaskEvent, ...]
    usage: Totals
    open_request: Any

    @property
    def rows(self) -> list[Any]:
        """Everything that it shows, beside the task."""
        asked = [one.request for one in self.entries if one.request]
        said = [decision for request in asked for decision in request.decisions.all()]
        steps = [row for one in self.entries if one.step for row in one.step.rows]
        opened = [self.open_request] if self.open_request else []
        return [*steps, *asked, *said, *self.events, *opened]

    @property
    def mark(self) -> str:
        return mark(self.task)

    @property
    def has_earlier(self) -> bool:
        return self.first_number > 1

    @property
    def plan_done(self) -> int:
        return sum(one.state == "done" for one in self.plan)


def mark(task: AgentTask) -> str:
    """Changes whenever anything on the task's page does: every change writes its line in the journal."""
    return f"{task.status}.{task.event_count}"


def visible_tasks(person: Any) -> QuerySet[AgentTask]:
    """The tasks that this person may see: all, or those they submitted."""
    if person.has_perm("agents.view_all_tasks"):
        return AgentTask.objects.all()
    return AgentTask.objects.filter(submitted_by=person)


def read_page(task: AgentTask, person: Any, before: int | None = None) -> TaskPage:
    """The page of a task as this person reads it; `before` pages back through a long story."""
    steps = _steps(task, before)
    ids = [one.pk for one in steps]
    actions = _by_step(Action.objects.filter(step__in=ids).order_by("step", "number"))
    requests = list(_requests(task, ids))
    shown = [
        ShownStep(
            one,
            tuple(actions[one.pk]),
            tuple(request for request in requests if request.step_id == one.pk),
        )
        for one in steps
    ]
    events = TaskEvent.objects.filter(task=task).order_by("-number")[:EVENTS_SHOWN]
    return TaskPage(
        task=task,
        standing=standing(task, to_submitter=task.submitted_by_id == person.pk),
        plan=_plan(task),
        entries=_entries(shown, requests, newest=before is None),
        first_number=steps[0].number if steps else 1,
        before=before,
        events=tuple(events),
        usage=of_task(task),
        open_request=task.review_requests.filter(status="open").exclude(kind="spot_check").first(),
    )


def read_step(task: AgentTask, number: int) -> ShownStep | None:
    """One step, whole."""
    step = Step.objects.filter(task=task, number=number).first()
    if step is None:
        return None
    actions = Action.objects.filter(step=step).order_by("number")
    return ShownStep(step, tuple(actions), tuple(_requests(task, [step.pk]).filter(step=step)))


def _steps(task: AgentTask, before: int | None) -> list[Step]:
    steps = Step.objects.filter(task=task)
    if before is not None:
        steps = steps.filter(number__lt=before)
    return list(steps.order_by("-number")[:STEPS_SHOWN])[::-1]


def _requests(task: AgentTask, steps: list[int]) -> QuerySet[Any]:
    """What people were asked about these steps, or about the task as a whole.

    Followed by the relation's name: the review room stands above this one, and is not imported here.
    """
    related: Any = task.review_requests
    asked = related.filter(Q(step__in=steps) | Q(step=None)).prefetch_related("decisions__person")
    return asked.defer("shown").order_by("id")


def _by_step(actions: Iterable[Action]) -> dict[int, list[Action]]:
    grouped: dict[int, list[Action]] = defaultdict(list)
    for action in actions:
        grouped[action.step_id].append(action)
    return grouped


def _entries(shown: list[ShownStep], requests: list[Any], *, newest: bool) -> tuple[Entry, ...]:
    """Steps and questions in the order of time; a question belongs to the page of the steps around it."""
    entries = [Entry(one.step.created_at, step=one) for one in shown]
    first = shown[0].step.created_at if shown and shown[0].step.number > 1 else None
    last = None if newest or not shown else shown[-1].step.created_at
    for request in requests[-REQUESTS_SHOWN:]:
        too_early = first is not None and request.opened_at < first
        too_late = last is not None and request.opened_at > last
        if request.step_id is None and not too_early and not too_late:
            entries.append(Entry(request.opened_at, request=request))
    return tuple(sorted(entries, key=lambda one: (one.at, one.request is not None)))


def _plan(task: AgentTask) -> tuple[Planned, ...]:
    if not task.plan:
        return ()
    steps = Step.objects.filter(task=task, plan_number=task.plan_number).exclude(planned_id="")
    states: dict[str, tuple[str, int]] = {}
    for planned_id, status, number in steps.order_by("number").values_list("planned_id", "status", "number"):
        states[planned_id] = ("now" if status == StepStatus.OPEN else status, number)
    return tuple(
        Planned(one["id"], one["tool"], one.get("purpose", ""), *states.get(one["id"], ("ahead", None)))
        for one in task.plan
    )
