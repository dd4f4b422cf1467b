"""What may a submitter do? Submit a goal, answer the agent's question, cancel."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from agents import signals
from agents.changes import Change, changing, creating
from agents.engine import dispatch
from agents.errors import Invalid, KeyReused, NotAllowed, Refused, Stale, TooMany
from agents.models import Agent, AgentTask, AgentVersion, version_of
from agents.outgoing import subscribing
from agents.queue import next_turn
from agents.services.in_flight import alone
from agents.spending.limits import Most, most_of_a_task
from agents.states import FINAL, ActionStatus, Priority, StepKind, StepStatus, TaskStatus
from agents.storable import storable_text
from tools.canonical import NotJson, canonical, digest
from tools.schema import validate

MAX_TEXT = 20_000
"""Characters of a goal or an answer."""
MAX_KEY = 255
MAX_INPUTS = 200_000
"""Characters of a task's inputs as JSON."""
MAX_METADATA = 50
METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
MAX_METADATA_TEXT = 500
FURTHEST_START = timedelta(days=366)
MOST_OF_A_BUDGET = Most(dollars=Decimal(1_000_000), tokens=10**12)


def submit(
    *,
    agent: str,
    goal: str,
    by: User,
    inputs: dict[str, Any] | None = None,
    max_steps: int | None = None,
    budget_dollars: Decimal | None = None,
    budget_tokens: int | None = None,
    deadline: datetime | None = None,
    priority: int = Priority.NORMAL,
    idempotency_key: str = "",
    metadata: dict[str, str] | None = None,
    not_before: datetime | None = None,
    callback_url: str | None = None,
) -> AgentTask:
    """Records a goal for an agent; when this returns and its transaction commits, the task is never lost.

    `metadata` is kept as it is, for the submitter. Nothing runs before `not_before`. A task that is not over at its
    `deadline`, or has used its budget (US dollars, tokens), goes to a person. Its outcome is told to `callback_url`.

    The same key of the same submitter with the same request gives the same task again; with another request,
    KeyReused; while that one is being worked on, KeyInFlight. Raises Invalid with the field and what to do about it.
    """
    goal = read_text(goal, "goal")
    inputs = _read_inputs({} if inputs is None else inputs)
    _check_key(idempotency_key)
    agent = read_text(agent, "agent")
    metadata = _read_metadata(metadata or {})
    request = {"agent": agent, "goal": goal, "inputs": inputs, "max_steps": max_steps, "priority": int(priority)}
    # What was not asked for is left out: a request keeps its digest when there is more to ask for.
    more = {
        "metadata": metadata or None,
        "budget_dollars": None if budget_dollars is None else f"{budget_dollars.normalize():f}",
        "budget_tokens": budget_tokens,
        "deadline": deadline and deadline.isoformat(),
        "not_before": not_before and not_before.isoformat(),
        "callback_url": callback_url,
    }
    asked = digest(request | {name: value for name, value in more.items() if value is not None})
    # Before anything that depends on today's agent: a repeated request gets its answer whatever changed since.
    if idempotency_key and (earlier := _earlier(by, idempotency_key, asked)):
        return earlier
    version = _current_version(agent)
    definition = version.read()
    _check_inputs(inputs, definition.input_schema)
    limits = definition.limits
    steps = limits.max_steps if max_steps is None else max_steps
    if not 1 <= steps <= limits.ceiling_steps:
        raise Invalid(f"max_steps is {steps}; {version.agent} allows 1 to {limits.ceiling_steps}.", field="max_steps")
    _check_budget(Most(budget_dollars, budget_tokens), most_of_a_task(definition), version.agent)
    _check_pace(version.agent, by, limits.goals_per_minute)
    starts = _read_start(not_before, by)
    _check_deadline(deadline, starts or timezone.now())
    if priority not in Priority.values:
        raise Invalid(f"priority is {priority}; use one of {Priority.values}.", field="priority")
    try:
        with alone(by.pk, idempotency_key):
            # Somebody else's may have been committed since we looked.
            if idempotency_key and (earlier := _earlier(by, idempotency_key, asked)):
                return earlier
            task = AgentTask(
                agent=version.agent,
                version=version,
                goal=goal,
                inputs=inputs,
                metadata=metadata,
                submitted_by=by,
                priority=priority,
                turn=next_turn(by.pk, priority),
                max_steps=steps,
                deadline=deadline,
                budget_dollars=budget_dollars,
                budget_tokens=budget_tokens,
                idempotency_key=idempotency_key,
                request_digest=asked,
                **({"status": TaskStatus.WAITING, "wake_at": starts} if starts else {}),
            )
            with creating(task, actor=_person(by)) as change:
                if callback_url is not None:
                    subscribing.call_back(task, callback_url)
                change.event("task.created", agent=version.agent.name, version=version.number)
            if starts is None:
                dispatch.hint_after_commit()
    except IntegrityError:
        if idempotency_key and (earlier := _earlier(by, idempotency_key, asked)):
            return earlier
        raise
    return task


def answer(task_id: int, text: str, *, by: User) -> None:
    """Answers the question that the agent asked the submitter; the task goes on."""
    text = read_text(text, "answer")
    with changing(task_id, Q(), actor=_person(by)) as change:
        if change.task.status != TaskStatus.NEEDS_INPUT:
            raise Stale(f"Task {task_id} asks nothing now: it is {change.task.get_status_display().lower()}.")
        if change.task.submitted_by_id != by.pk:
            raise NotAllowed(f"Only {change.task.submitted_by} is asked this question.")
        step = change.task.steps.get(kind=StepKind.ASK, status=StepStatus.OPEN)
        change.settle_step(step, StepStatus.DONE, {"answer": text})
        change.event("question.answered", step=step.number, answer=text)
        resume(change)


def cancel(task_id: int, *, by: User) -> None:
    """Cancels a task: at once where nothing is under way, else as a request that ends it between steps.

    The submitter may, and whoever may cancel tasks of others. Canceling again changes nothing.
    """
    not_final = ~Q(status__in=sorted(FINAL))
    try:
        with changing(task_id, not_final, actor=_person(by)) as change:
            task = change.task
            if task.submitted_by_id != by.pk and not by.has_perm("agents.cancel_any_task"):
                raise NotAllowed("Only the submitter, or an operator, may cancel this task.")
            if task.cancel_requested_at is None:
                change.set(cancel_requested_at=change.now, cancel_requested_by=by.get_username())
                change.event("task.cancel_requested")
            if _nothing_under_way(change):
                was_parked = task.status == TaskStatus.NEEDS_REVIEW
                change.finish(TaskStatus.CANCELED, failure=f"Canceled by {by.get_username()}.")
                if was_parked:
                    signals.task_left_review.send(sender=AgentTask, change=change)
            elif task.status == TaskStatus.WAITING:
                # The loop settles the action first; it need not sleep on for that.
                change.set(wake_at=change.now)
                dispatch.hint_after_commit()
    except Stale:
        status = AgentTask.objects.values_list("status", flat=True).filter(pk=task_id).first()
        if status is None:
            raise Refused(f"There is no task {task_id}.") from None
        if status != TaskStatus.CANCELED:
            raise Stale(f"Task {task_id} is {status} already and can't be canceled.") from None


def resume(change: Change) -> None:
    """Gives a parked task back to the queue and hints at it."""
    change.move(TaskStatus.PENDING)
    dispatch.hint_after_commit()


def read_text(text: str, field: str) -> str:
    """Text from a person: stored as it is, or refused with what is wrong."""
    if not isinstance(text, str) or not text.strip():
        raise Invalid(f"The {field} is empty: say what you want in a sentence.", field=field)
    if len(text) > MAX_TEXT:
        raise Invalid(
            f"The {field} has {len(text):,} characters; at most {MAX_TEXT:,} are accepted. "
            "Shorten it, or hand large data over in the inputs.",
            field=field,
        )
    if storable_text(text) != text:
        raise Invalid(f"The {field} contains a NUL or a broken character (half of a surrogate pair).", field=field)
    return text


def _nothing_under_way(change: Change) -> bool:
    """No worker has it, and no action of it may have happened without an outcome."""
    action = change.task.current_action
    open_outcome = action is not None and action.status in (ActionStatus.STARTED, ActionStatus.IN_DOUBT)
    return change.task.status != TaskStatus.RUNNING and not open_outcome


def _current_version(agent: str) -> AgentVersion:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [agent])
        enabled, newest = cursor.fetchone() or (False, None)
    if newest is None:
        names = ", ".join(Agent.objects.filter(enabled=True).values_list("name", flat=True)) or "none yet"
        raise Invalid(f"There is no agent “{agent}”. The agents here: {names}.", field="agent")
    if not enabled:
        raise Invalid(f"The agent “{agent}” is disabled and takes no new tasks.", field="agent")
    return version_of(newest)


_NEWEST = """
    SELECT enabled, (SELECT id FROM agents_agentversion WHERE agent_id = agent.id ORDER BY number DESC LIMIT 1)
      FROM agents_agent agent WHERE name = %s
"""
"""Asked with each submission, by the name that it gives; what never changes of a version is kept."""


def _read_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(inputs, dict):
        raise Invalid("inputs must be a JSON object.", field="inputs")
    try:
        size = len(canonical(inputs))
    except NotJson as error:
        raise Invalid(f"inputs can't be stored: {error}", field="inputs") from None
    if size > MAX_INPUTS:
        raise Invalid(f"inputs have {size:,} characters of JSON; at most {MAX_INPUTS:,} are accepted.", field="inputs")
    return inputs


def _read_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Small texts by name. A name is one that a filter can say."""
    if len(metadata) > MAX_METADATA:
        raise Invalid(f"metadata has {len(metadata)} entries; at most {MAX_METADATA} are kept.", field="metadata")
    for name, text in metadata.items():
        if not METADATA_NAME.fullmatch(name):
            raise Invalid(
                f"“{name[:100]}” is no name for metadata: up to 40 letters, digits and _ . -, a letter or _ first.",
                field="metadata",
            )
        if not isinstance(text, str) or len(text) > MAX_METADATA_TEXT or storable_text(text) != text:
            raise Invalid(
                f"metadata.{name} must be text of at most {MAX_METADATA_TEXT} characters, without NUL.",
                field="metadata",
            )
    return metadata


def _read_start(not_before: datetime | None, by: User) -> datetime | None:
    """When it may start, if that is still to come by the database's clock."""
    if not_before is None:
        return None
    now = User.objects.filter(pk=by.pk).values_list(Now(), flat=True).get()
    if not_before <= now:
        return None
    if not_before > now + FURTHEST_START:
        raise Invalid(f"not_before is more than {FURTHEST_START.days} days away.", field="not_before")
    return not_before


def _check_deadline(deadline: datetime | None, starts: datetime) -> None:
    if deadline is None:
        return
    if deadline <= starts:
        raise Invalid(f"The deadline {deadline:%Y-%m-%d %H:%M:%S %Z} is before the task can start.", field="deadline")
    if deadline > timezone.now() + FURTHEST_START:
        raise Invalid(f"The deadline is more than {FURTHEST_START.days} days away.", field="deadline")


def _check_budget(asked: Most, ceiling: Most, agent: Agent) -> None:
    """A submitter may set a tighter budget than the agent's or the operator's, and no wider one."""
    allowed = ceiling.tightened(MOST_OF_A_BUDGET)
    for unit, amount, most in (
        ("dollars", asked.dollars, allowed.dollars),
        ("tokens", asked.tokens, allowed.tokens),
    ):
        if amount is not None and most is not None and not 0 < amount <= most:
            message = f"budget_{unit} is {amount}; {agent} allows a task more than 0 and up to {most:,}."
            raise Invalid(message, field=f"budget_{unit}")


def _check_inputs(inputs: dict[str, Any], schema: dict[str, Any] | None) -> None:
    problems = validate(schema, inputs) if schema else ()
    if problems:
        raise Invalid("inputs: " + "; ".join(str(one) for one in problems), field="inputs")


def _check_pace(agent: Agent, by: User, most: int | None) -> None:
    """A limit against floods, not a budget: two goals posted at the same moment may both be the last one."""
    if most is None:
        return
    lately = AgentTask.objects.filter(agent=agent, submitted_by=by, created_at__gt=Now() - timedelta(minutes=1))
    if len(lately.order_by().values_list("pk", flat=True)[:most]) == most:
        raise TooMany(f"{agent} takes {most} goals a minute from one submitter. Try again in a minute.")


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY or not key.isprintable():
        raise Invalid(
            f"An idempotency key has at most {MAX_KEY} printable characters; this one has {len(key)}.",
            field="idempotency_key",
        )


def _earlier(by: User, key: str, asked: str) -> AgentTask | None:
    task = AgentTask.objects.filter(submitted_by=by, idempotency_key=key).first()
    if task and task.request_digest != asked:
        raise KeyReused(
            f"The idempotency key “{key}” was used for task {task.pk} with another request. "
            "Use a new key for a new task.",
            field="idempotency_key",
        )
    return task


def _person(user: User) -> str:
    return f"person:{user.get_username()}"
