"""How do a task's rows change? In one transaction that first locks the task row by a conditional UPDATE.

Whoever wants to change anything about a task opens a `Change` here. It proves first that the task is still what the
caller believes (its fencing token, its status); if not, nothing happens and the caller is told. Status changes go
through the transition tables, and each writes its line in the journal in the same transaction.

Where all that is said comes to rows that one statement can write, the holder of a lease may leave it at that one: its
condition is the proof, and it is a transaction of its own. Whatever asks for more locks the row then.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Model, Q
from django.db.models.functions import Now
from django.utils import timezone

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


@dataclass(frozen=True)
class Ahead:
    """What a change of a task got for the next one, so that the database need not be asked first."""

    now: datetime
    """The database's clock."""
    read_at: float
    """When that was read, in monotonic seconds of this process."""
    keys: dict[type[Model], int]
    """A key for a new row of each kind."""

    @property
    def age(self) -> float:
        return time.monotonic() - self.read_at

    @property
    def clock(self) -> datetime:
        """The database's clock now, by the time that went by here."""
        return self.now + timedelta(seconds=self.age)


class Change:
    """One transaction on one task whose row is locked. Made by `changing`, never by hand.

    New rows and the task's own fields are written together when the block ends, or when others must find them.
    """

    def __init__(self, task: AgentTask, now: datetime, actor: str) -> None:
        self.task = task
        self.now = now
        """The database's clock."""
        self.actor = storable_text(actor)
        self.steps: list[Step] = []
        """The steps that this change adds."""
        self.actions: list[Action] = []
        """The actions that this change adds."""
        self.ahead: Ahead | None = None
        """For the next change, once this one is written, where the database gives keys before the INSERT."""
        self.keys: dict[type[Model], int] = {}
        self.at_once: AtOnce | None = None
        """How the row is locked, as long as it is not."""
        self.is_put_off = False
        """Is it left to whoever opened it to write it, by `write_put_off`?"""
        self.opened = ExitStack()
        """The transaction, where there is one."""
        self.aside: rows.Aside | None = None
        """What else there is to be written with it."""
        self._fields: dict[str, Any] = {}
        self._events: list[tuple[TaskEvent, dict[str, Any]]] = []

    def lock(self) -> None:
        """Locks the row where that was put off. Comes before whatever asks other rows, or lets other rooms write."""
        if self.at_once is not None:
            lock, self.at_once = self.at_once.lock, None
            lock(self)

    def continue_from(self, count: int, head: str, now: datetime) -> None:
        """Puts what is said so far behind a journal that ends there."""
        self.now = now
        for number, (event, _) in enumerate(self._events, count + 1):
            event.number, event.at = number, now
        if self._events:
            self._fields["event_count"] = count + len(self._events)
        self._fields.pop("journal_head", None)
        self.task.event_count, self.task.journal_head = count, head
        self.set(**self._fields)  # What is said already is newer than what the row holds.

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
        event = rows.new(TaskEvent, task_id=self.task.pk, number=number, kind=kind, actor=self.actor, at=self.now)
        self._events.append((event, {key: value for key, value in data.items() if value is not None}))

    def park(self, parking: Parking, notice: str = "") -> None:
        """Parks the task for reviewers and announces it; exactly one request opens, in this transaction.

        A task whose cancel is only waiting for this moment ends instead.
        """
        self.lock()
        if self.end_if_canceled():
            return
        self.move(
            TaskStatus.NEEDS_REVIEW, parked_for=parking.kind, notice=notice, budget=parking.budget, on_record=True
        )
        self.write_rows()
        signals.task_parked.send(sender=AgentTask, change=self, parking=parking)

    def end_if_canceled(self) -> bool:
        """Ends the task where a cancel was requested and no effect of it is unsettled; says whether it did."""
        self.lock()
        action = self.task.current_action
        if self.task.cancel_requested_at is None or (action and action.started_at is not None):
            return False
        self.finish(TaskStatus.CANCELED, failure=f"Canceled by {self.task.cancel_requested_by}.")
        return True

    def finish(self, to: TaskStatus, *, nothing_open: bool = False, **fields: Any) -> None:
        """Ends the task for good. What never started is left behind; what stayed unverified failed; doubt stays.

        Where the lease's holder knows that there is `nothing_open`, be it a step or an action, only the task changes.
        """
        if nothing_open:
            self.move(to, **fields)
            return
        self.lock()
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
        key = self.keys.pop(Step, None)
        step = rows.new(Step, id=key, task_id=self.task.pk, number=number, created_at=self.now, **fields)
        rows.belong(step, task=self.task)
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
        if step._state.adding:
            number = 1
        else:
            self.lock()
            number = step.actions.count() + 1
        key = self.keys.pop(Action, None)
        action = rows.new(Action, id=key, task_id=self.task.pk, number=number, created_at=self.now, **fields)
        rows.belong(action, task=self.task, step=step)
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
        self.lock()
        for step in _new(self.steps):
            rows.insert([step])
        for action in _new(self.actions):
            rows.belong(action, step=action.step)  # takes the key that the step has by now
            rows.insert([action])

    def write(self, rider: rows.Rider | None = None) -> None:
        """Writes everything. The journal's new head is a field of the task like any other: it costs no statement.

        A rider goes with it where that is one statement. Where it was not, the rider is not written.
        """
        if any(row.pk is None for row in (*self.steps, *self.actions)):
            self.write_rows()
        if "current_action" in self._fields:
            self.set(current_action=self.task.current_action)
        aside = self.aside if rider is None else rider.aside
        if self.at_once is None:
            self._write({}, {}, aside)
        elif not self._write(self.at_once.before, self.at_once.touch, aside, rider):
            self.lock()  # Others added to the journal. Or the lease is lost, which this says.
            self._write({}, {})

    def write_put_off(self, rider: rows.Rider | None = None) -> None:
        """Writes what was not written when its block ended."""
        with self.opened:
            self.write(rider)

    def _write(
        self,
        before: dict[str, Any],
        touch: dict[str, Any],
        aside: rows.Aside | None = None,
        rider: rows.Rider | None = None,
    ) -> bool:
        """Writes all that is new, if the task is as it was `before`; says whether it was."""
        for event, data in self._events:
            event.data = storable({key: getattr(value, "pk", value) for key, value in data.items()})
        events = [event for event, _ in self._events]
        if events:
            self.set(journal_head=chain.add_links(events, self.task.journal_head))
        fields = touch | self._fields
        kinds = (_new(self.steps), _new(self.actions), events)
        if not (rows.takes_several() and fields):
            if aside is not None:
                rows.carry_out_aside(aside)
            for kind in kinds:
                rows.insert(kind)
            if fields:
                rows.update(AgentTask, self.task.pk, before, **fields)
            return True
        back: tuple[Any, ...] = (rows.NOW, "lease_until", *(rows.next_key(model) for model in _WITH_KEYS))
        found = rows.write(kinds, AgentTask, self.task.pk, before, back, rider, aside, **fields)
        if found is None:
            return False
        for name, value in (touch | {"lease_until": found[1]}).items():
            if name not in self._fields:
                setattr(self.task, name, value)
        self.ahead = Ahead(found[0], time.monotonic(), dict(zip(_WITH_KEYS, found[2:], strict=True)))
        return True

    def _update(self, row: Step | Action, before: dict[str, Any], **fields: Any) -> None:
        """The conditional UPDATE of a row under the task's lock; a row that is not written yet is just changed."""
        if not row._state.adding:
            self.lock()
            if rows.update(type(row), row.pk, before, **fields) is None:
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
        change = Change(task, task.db_now, actor)
        yield change
        change.write()


@contextmanager
def creating(task: AgentTask, *, actor: str) -> Iterator[Change]:
    """Inserts a new task with what is said of it, in the caller's transaction: until it ends, nobody knows the row."""
    rows.insert([task], read_back=True)
    change = Change(task, task.created_at, actor)
    yield change
    change.write()


_WITH_KEYS: tuple[type[Model], ...] = (Step, Action)
"""What gets its key before it is written, where the database can do that: others name it."""
_READ_AGAIN = ("lease_until", "event_count", "journal_head", "cancel_requested_at", "cancel_requested_by")
"""What the lock sets by the database's clock; and a cancel and the journal's end, all that can come from others."""


@dataclass(frozen=True)
class AtOnce:
    """A change that may be one statement: what proves it, what that sets, and how to lock the row instead."""

    before: dict[str, Any]
    touch: dict[str, Any]
    lock: Callable[[Change], None]


@contextmanager
def changing_known(
    known: AgentTask,
    before: dict[str, Any],
    *,
    actor: str,
    ahead: Ahead | None = None,
    at_once: bool = False,
    put_off: bool = False,
    **touch: Any,
) -> Iterator[Change]:
    """One transaction on a task as the holder of its lease knows it, while its fields are as they were `before`.

    `touch` is set by the very UPDATE that proves it, and what others may have written is read by it. `at_once` puts
    that UPDATE off to the end of the block, where it writes everything, if the last change got `ahead` what that needs,
    and where the database takes it as one. With `put_off` even that is left to the caller where the task goes on, see
    `is_put_off`. Raises Stale as `changing` does.
    """
    with ExitStack() as opened:

        def lock(change: Change) -> None:
            change.opened.enter_context(transaction.atomic(savepoint=False))
            models = _WITH_KEYS if rows.takes_several() and not ahead else ()
            back: tuple[Any, ...] = (rows.NOW, *_READ_AGAIN, *(rows.next_key(model) for model in models))
            found = rows.update(AgentTask, known.pk, before, back, **touch)
            if found is None:
                raise _stale(known.pk)
            for name, value in (*touch.items(), *zip(_READ_AGAIN, found[1:], strict=False)):
                setattr(known, name, value)
            change.keys |= dict(zip(models, found[1 + len(_READ_AGAIN) :], strict=True))
            change.continue_from(known.event_count, known.journal_head, found[0])

        change = Change(known, ahead.clock if ahead else timezone.now(), actor)
        change.keys, change.opened = dict(ahead.keys) if ahead else {}, opened
        same = before | {"event_count": known.event_count, "journal_head": known.journal_head}
        change.at_once = AtOnce(same, touch, lock)
        if ahead is None or not at_once or not rows.takes_several():
            change.lock()
        yield change
        change.is_put_off = put_off and change.at_once is not None and known.status == TaskStatus.RUNNING
        if not change.is_put_off:
            change.write()


def _new(added: Sequence[Row]) -> list[Row]:
    return [row for row in added if row._state.adding]


def _stale(task_id: int) -> Stale:
    return Stale(f"Task {task_id} moved on: somebody else changed it meanwhile. Look at it again.")
