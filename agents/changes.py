"""How do a task's rows change? In one transaction that first locks the task row by a conditional UPDATE.

Whoever wants to change anything about a task opens a `Change` here. It proves first that the task is still what the
caller believes (its fencing token, its status); if not, nothing happens and the caller is told. Status changes go
through the transition tables, and each writes its line in the journal in the same transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Model, Q
from django.db.models.functions import Now

from agents import rows, signals, tallies
from agents.audit import chain
from agents.errors import IllegalChange, Stale
from agents.models import Action, AgentTask, Step, TaskEvent
from agents.queue import next_turn
from agents.states import (
    ACTION_CHANGES,
    FINAL,
    SETTLED_ACTION,
    TASK_CHANGES,
    ActionStatus,
    ParkedFor,
    StepStatus,
    TaskStatus,
)
from agents.storable import storable, storable_text

Row = TypeVar("Row", bound=Model)
UNSETTLED = (ActionStatus.STARTED, ActionStatus.IN_DOUBT)
"""What fails from there without a result did not happen."""


@dataclass(frozen=True)
class Parking:
    """Why a task waits for reviewers, with what they need to decide."""

    kind: ParkedFor
    reasons: list[dict[str, Any]]
    step: Step | None = None
    action: Action | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    budget: str = ""
    """The identity of the budget that is reached, if that is why."""


class Change:
    """One transaction on one task whose row is locked. Made by `changing`, never by hand.

    New rows and the task's own fields are written together when the block ends, or when others must find them.
    """

    def __init__(self, task: AgentTask, now: datetime, actor: str, keys: dict[type[Model], int] | None = None) -> None:
        self.task = task
        self.now = now
        """The database's clock."""
        self.actor = actor
        self.steps: list[Step] = []
        """The steps that this change adds."""
        self.actions: list[Action] = []
        """The actions that this change adds."""
        self._keys = keys or {}
        """A key for a new row of each kind, where the database gives keys before the INSERT."""
        self._fields: dict[str, Any] = {}
        self._events: list[tuple[TaskEvent, dict[str, Any]]] = []

    def set(self, **fields: Any) -> None:
        """Sets fields of the task; written once, when the change ends."""
        for name, value in fields.items():
            setattr(self.task, name, value)
        self._fields.update(fields)

    def move(self, to: TaskStatus, **fields: Any) -> None:
        """Moves the task to another status. A task that is not running is nobody's: its lease is given up."""
        if to not in TASK_CHANGES[self.task.status]:
            raise IllegalChange(f"A task can't go from {self.task.status} to {to}.")
        was = self.task.status
        if to != TaskStatus.RUNNING:
            fields = {"worker": "", "lease_until": None} | fields
        if to != TaskStatus.NEEDS_REVIEW:
            fields = {"parked_for": "", "budget": ""} | fields
        if to in (TaskStatus.PENDING, TaskStatus.WAITING):
            fields = {"turn": next_turn(self.task.submitted_by_id, self.task.priority)} | fields
        if to == TaskStatus.PENDING:
            fields = {"queued_at": self.now, "wake_at": None, "notice": "", "question": ""} | fields
        if to in FINAL:
            fields = {
                "finished_at": self.now,
                "current_action": None,
                "owner": None,
                "by_hand": None,
                "wake_at": None,
                "question": "",
                "notice": "",
            } | fields
        self.set(status=to, **fields)
        self.event("task.state_changed", was=was, now=to)

    def event(self, kind: str, /, **data: Any) -> None:
        """Adds a line to the journal. A row among the data stands for its key."""
        number = self.task.event_count + 1
        self.set(event_count=number)
        event = TaskEvent(task=self.task, number=number, kind=kind, actor=self.actor, at=self.now)
        self._events.append((event, {key: value for key, value in data.items() if value is not None}))

    def park(self, parking: Parking, notice: str = "") -> None:
        """Parks the task for reviewers and announces it; exactly one request opens, in this transaction.

        A task whose cancel is only waiting for this moment ends instead.
        """
        if self.end_if_canceled():
            return
        self.move(
            TaskStatus.NEEDS_REVIEW, parked_for=parking.kind, notice=notice, budget=parking.budget, on_record=True
        )
        self.write_rows()
        signals.task_parked.send(sender=AgentTask, change=self, parking=parking)

    def end_if_canceled(self) -> bool:
        """Ends the task where a cancel was requested and no effect of it is unsettled; says whether it did."""
        action = self.task.current_action
        if self.task.cancel_requested_at is None or (action and action.started_at is not None):
            return False
        self.finish(TaskStatus.CANCELED, failure=f"Canceled by {self.task.cancel_requested_by}.")
        return True

    def finish(self, to: TaskStatus, **fields: Any) -> None:
        """Ends the task for good. What never started is left behind; what stayed unverified failed; doubt stays."""
        action = self.task.current_action
        if action and action.started_at is None:
            self.move_action(action, ActionStatus.SUPERSEDED)
        elif action and action.status == ActionStatus.AWAITING_REVIEW:
            self.move_action(action, ActionStatus.FAILED)
        self._end_open_steps(TaskStatus(to))
        self.move(to, **fields)

    def _end_open_steps(self, to: TaskStatus) -> None:
        answer = {"error": {"code": "task.ended", "message": f"The task ended as {to.label.lower()} before this did."}}
        ended = {"status": StepStatus.REFUSED, "answer": answer, "settled_at": self.now}
        self.task.steps.filter(status=StepStatus.OPEN).update(**ended)
        for step in self.steps:
            if step.status == StepStatus.OPEN:
                step.status, step.answer, step.settled_at = StepStatus.REFUSED, answer, self.now

    def add_step(self, **fields: Any) -> Step:
        """Records the next step and counts it. The database refuses one beyond the limit."""
        number = self.task.steps_taken + 1
        self.set(steps_taken=number, by_hand=None, lapses=0, unanswered=0, unanswered_since=None)
        step = Step(pk=self._keys.pop(Step, None), task=self.task, number=number, created_at=self.now, **fields)
        self.steps.append(step)
        return step

    def settle_step(self, step: Step, status: StepStatus, answer: Any = None) -> None:
        """Says what came of a step; `answer` is what the next proposal is told."""
        self._update(step, {"status": StepStatus.OPEN}, status=status, answer=answer, settled_at=self.now)

    def mark_screened(self, step: Step, screened: dict[str, Any]) -> None:
        """Says what was found in what a step brought."""
        self._update(step, {}, screened=screened)

    def add_action(self, step: Step, **fields: Any) -> Action:
        """Records an action of this step and makes it the task's current one."""
        number = 1 if step._state.adding else step.actions.count() + 1
        key = self._keys.pop(Action, None)
        action = Action(pk=key, task=self.task, step=step, number=number, created_at=self.now, **fields)
        self.actions.append(action)
        self.set(current_action=action)
        self.event(f"action.{action.status}", action=action, tool=action.tool, step=step.number)
        return action

    def move_action(self, action: Action, to: ActionStatus, **fields: Any) -> None:
        """Moves an action, if it still is what we believe; otherwise the whole change is undone."""
        if to not in ACTION_CHANGES[action.status]:
            raise IllegalChange(f"An action can't go from {action.status} to {to}.")
        before = {"status": action.status, "attempts": action.attempts}
        unharmed = to == ActionStatus.FAILED and action.status in UNSETTLED and "result" not in fields
        if unharmed and action.counted:
            tallies.give_back(action.counted)
        if to in SETTLED_ACTION:
            fields = {"settled_at": self.now, "attempt_until": None} | fields
            if self.task.current_action == action:
                self.set(current_action=None)
        self._update(action, before, status=to, **fields)
        self.event(
            f"action.{to}",
            action=action,
            tool=action.tool,
            step=action.step.number,
            attempt=action.attempts or None,
            error=action.error,
        )

    def write_rows(self) -> None:
        """Inserts the new steps and actions, so that other rows can point at them."""
        rows.insert(_new(self.steps))
        new = _new(self.actions)
        for action in new:
            action.step = action.step  # takes the key that the step has by now
        rows.insert(new)

    def write(self) -> None:
        """Writes everything. The journal's new head is a field of the task like any other: it costs no statement."""
        if any(row.pk is None for row in (*self.steps, *self.actions)):
            self.write_rows()
        if "current_action" in self._fields:
            self.set(current_action=self.task.current_action)
        for event, data in self._events:
            event.data = storable({key: getattr(value, "pk", value) for key, value in data.items()})
        events = [event for event, _ in self._events]
        if events:
            self.set(journal_head=chain.add_links(events, self.task.journal_head))
        rows.write((_new(self.steps), _new(self.actions), events), AgentTask, self.task.pk, self._fields)

    def _update(self, row: Step | Action, before: dict[str, Any], **fields: Any) -> None:
        """The conditional UPDATE of a row under the task's lock; a row that is not written yet is just changed."""
        if not row._state.adding and rows.update(type(row), row.pk, before, **fields) is None:
            raise Stale(f"{row} changed meanwhile.")
        for name, value in fields.items():
            setattr(row, name, value)


@contextmanager
def changing(task_id: int, condition: Q, *, actor: str) -> Iterator[Change]:
    """One transaction on a task that meets `condition`, for whoever does not hold its lease.

    Raises Stale when no such task exists any more, and undoes everything when the block raises.
    """
    with transaction.atomic():
        if not AgentTask.objects.filter(condition, pk=task_id).update(fencing_token=F("fencing_token")):
            raise _stale(task_id)
        tasks = AgentTask.objects.select_related("current_action__step", "version", "submitted_by")
        task = tasks.annotate(db_now=Now()).get(pk=task_id)
        change = Change(task, task.db_now, storable_text(actor))
        yield change
        change.write()


_READ_AGAIN = ("lease_until", "event_count", "journal_head", "cancel_requested_at", "cancel_requested_by")
"""What the lock sets by the database's clock; and a cancel and the journal's end, all that can come from others."""


@contextmanager
def changing_known(known: AgentTask, before: dict[str, Any], *, actor: str, **touch: Any) -> Iterator[Change]:
    """One transaction on a task as the holder of its lease knows it, while its fields are as they were `before`.

    `touch` is set by the very UPDATE that locks the row, and what others may have written is read by it.
    Raises Stale as `changing` does.
    """
    with transaction.atomic(savepoint=False):
        new = {model: key for model in (Step, Action) if (key := rows.next_key(model))}
        found = rows.update(AgentTask, known.pk, before, (rows.NOW, *_READ_AGAIN, *new.values()), **touch)
        if found is None:
            raise _stale(known.pk)
        now, read, keys = found[0], found[1 : 1 + len(_READ_AGAIN)], found[1 + len(_READ_AGAIN) :]
        for name, value in (*touch.items(), *zip(_READ_AGAIN, read, strict=True)):
            setattr(known, name, value)
        change = Change(known, now, storable_text(actor), dict(zip(new, keys, strict=True)))
        yield change
        change.write()


def _new(added: Sequence[Row]) -> list[Row]:
    return [row for row in added if row._state.adding]


def _stale(task_id: int) -> Stale:
    return Stale(f"Task {task_id} moved on: somebody else changed it meanwhile. Look at it again.")
