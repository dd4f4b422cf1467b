"""Which rows do tests start from? One factory for each kind of row; every row is one that the database accepts.

Give a status, and what must go with it (an end, a lease, a reason to wait) is filled in:
`TaskFactory(status="needs_review", parked_for="action")`. These rows are for pages and queries. Whoever tests how a
task moves submits one through agents.services and lets the loop run.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import factory
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from factory.django import DjangoModelFactory

from agents.definition import AgentDefinition
from agents.models import Action, Agent, AgentTask, AgentVersion, KillSwitch, Step, TaskEvent
from agents.states import FINAL
from review.models import Decision, RequestStatus, ReviewRequest, Risk

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def group(name: str) -> Group:
    """A group as the migration makes it; made again where a test with real transactions emptied the tables."""
    if not Group.objects.filter(name=name).exists():
        import_module("review.migrations.0002_groups").make_groups(apps, connection.schema_editor())
    return Group.objects.get(name=name)


def definition(**fields: Any) -> dict[str, Any]:
    """A small valid definition as it is stored, with these fields changed."""
    whole = {
        "name": "desk",
        "title": "The desk",
        "prompt": "You help customers of a small shop.",
        "tools": ["get_order", "issue_refund", "send_message"],
        "handover": "A colleague looks at this now.",
    }
    return AgentDefinition.model_validate(whole | fields).model_dump(mode="json")


def digest_of(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class UserFactory(DjangoModelFactory):
    """Somebody who may sign in to the admin with the password “password”, in the group `in_group` if one is given."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda o: f"{o.username}@example.org")
    password = factory.django.Password("password")
    is_staff = True

    @factory.post_generation
    def in_group(self, create: bool, name: str | None, **_: Any) -> None:
        if create and name:
            self.groups.add(group(name))


class SubmitterFactory(UserFactory):
    username = factory.Sequence(lambda n: f"submitter{n}")

    @factory.post_generation
    def in_group(self, create: bool, name: str | None, **_: Any) -> None:
        self.groups.add(group("Submitters"))


class ReviewerFactory(UserFactory):
    username = factory.Sequence(lambda n: f"reviewer{n}")

    @factory.post_generation
    def in_group(self, create: bool, name: str | None, **_: Any) -> None:
        self.groups.add(group("Reviewers"))


class OperatorFactory(UserFactory):
    username = factory.Sequence(lambda n: f"operator{n}")

    @factory.post_generation
    def in_group(self, create: bool, name: str | None, **_: Any) -> None:
        self.groups.add(group("Operators"))


class AgentFactory(DjangoModelFactory):
    class Meta:
        model = Agent
        django_get_or_create = ["name"]

    name = factory.Sequence(lambda n: f"desk-{n}")
    title = factory.LazyAttribute(lambda o: o.name.replace("-", " ").capitalize())


class AgentVersionFactory(DjangoModelFactory):
    """A version of `agent`, whose name its definition carries; `definition=definition(tools=[…])` says more."""

    class Meta:
        model = AgentVersion

    agent = factory.SubFactory(AgentFactory)
    number = factory.LazyAttribute(lambda o: o.agent.versions.count() + 1)
    definition = factory.LazyAttribute(lambda o: definition(name=o.agent.name, title=o.agent.title))


class TaskFactory(DjangoModelFactory):
    """A task in any status, with what must go with it. `agent` follows `version`."""

    class Meta:
        model = AgentTask

    version = factory.SubFactory(AgentVersionFactory)
    agent = factory.SelfAttribute("version.agent")
    goal = "Refund order 1042, the kettle arrived broken"
    submitted_by = factory.SubFactory(SubmitterFactory)
    max_steps = 12
    status = "pending"
    created_at = NOON
    parked_for = factory.LazyAttribute(lambda o: "escalation" if o.status == "needs_review" else "")
    owner = factory.Maybe("is_taken_over", factory.SubFactory(ReviewerFactory), None)
    question = factory.LazyAttribute(lambda o: "Which address?" if o.status == "needs_input" else "")
    wake_at = factory.LazyAttribute(lambda o: NOON + timedelta(hours=1) if o.status == "waiting" else None)
    lease_until = factory.LazyAttribute(lambda o: NOON + timedelta(minutes=1) if o.status == "running" else None)
    worker = factory.LazyAttribute(lambda o: "worker-1" if o.status == "running" else "")
    finished_at = factory.LazyAttribute(lambda o: NOON + timedelta(minutes=2) if o.status in FINAL else None)
    result = factory.LazyAttribute(lambda o: "It is done." if o.status == "complete" else None)
    failure = factory.LazyAttribute(lambda o: "It could not be done." if o.status == "failed" else "")

    class Params:
        is_taken_over = factory.LazyAttribute(lambda o: o.parked_for == "takeover")


class StepFactory(DjangoModelFactory):
    """A step of `task`; give the task `steps_taken` to match where that matters."""

    class Meta:
        model = Step

    task = factory.SubFactory(TaskFactory)
    number = factory.LazyAttribute(lambda o: o.task.steps.count() + 1)
    kind = "tool"
    status = "done"
    name = "get_order"
    purpose = "Look the order up"
    confidence = 0.95
    arguments = factory.LazyFunction(lambda: {"order_id": "1042"})
    proposer = "playbook:refund"
    created_at = NOON
    settled_at = factory.LazyAttribute(lambda o: None if o.status == "open" else NOON + timedelta(seconds=1))


class ActionFactory(DjangoModelFactory):
    """An action of `step`. `becomes_current` makes it the task's current one, as a live action is."""

    class Meta:
        model = Action
        skip_postgeneration_save = True

    step = factory.SubFactory(StepFactory)
    task = factory.SelfAttribute("step.task")
    number = factory.LazyAttribute(lambda o: o.step.actions.count() + 1)
    tool = factory.SelfAttribute("step.name")
    effect = "read"
    arguments = factory.SelfAttribute("step.arguments")
    sentence = factory.LazyAttribute(lambda o: f"{o.tool} for order 1042")
    call_digest = factory.LazyAttribute(lambda o: digest_of(o.tool, o.arguments))
    digest = factory.LazyAttribute(lambda o: digest_of(o.tool, o.arguments, o.step.pk, o.number))
    idempotency_key = factory.Sequence(lambda n: f"key-{n}")
    status = "succeeded"
    started_at = factory.LazyAttribute(
        lambda o: NOON if o.status in ("started", "in_doubt", "succeeded", "failed") else None
    )
    attempts = factory.LazyAttribute(lambda o: 1 if o.started_at else 0)
    result = factory.LazyAttribute(lambda o: {"order_id": "1042", "total": 64.9} if o.status == "succeeded" else None)
    settled_at = factory.LazyAttribute(
        lambda o: NOON + timedelta(seconds=1) if o.status in ("succeeded", "failed") else None
    )
    created_at = NOON

    @factory.post_generation
    def becomes_current(self, create: bool, wanted: bool, **_: Any) -> None:
        if create and wanted:
            AgentTask.objects.filter(pk=self.task.pk).update(current_action=self)


class EventFactory(DjangoModelFactory):
    class Meta:
        model = TaskEvent

    task = factory.SubFactory(TaskFactory)
    number = factory.LazyAttribute(lambda o: o.task.events.count() + 1)
    kind = "task.created"
    actor = "person:sam"
    data = factory.LazyFunction(dict)
    at = NOON


class ReviewRequestFactory(DjangoModelFactory):
    """A question about a parked task; `kind="action"` asks about the `action` given, or about the task as a whole."""

    class Meta:
        model = ReviewRequest

    class Params:
        goal = "Refund order 1042, the kettle arrived broken"

    kind = "escalation"
    status = RequestStatus.OPEN
    task = factory.SubFactory(
        TaskFactory,
        goal=factory.SelfAttribute("..goal"),
        status="needs_review",
        parked_for=factory.SelfAttribute("..kind"),
    )
    step = factory.LazyAttribute(lambda o: o.action.step if o.action else None)
    action = None
    title = factory.LazyAttribute(lambda o: o.action.sentence if o.action else "The agent needs a person.")
    reasons = factory.LazyFunction(
        lambda: [{"code": "agent.escalated", "message": "No recipe fits this goal.", "rule": "review"}]
    )
    shown = factory.LazyAttribute(
        lambda o: {
            "kind": o.kind,
            "goal": o.task.goal,
            "inputs": o.task.inputs,
            "agent": str(o.task.version),
            "submitter": o.task.submitted_by.get_username(),
            "plan": o.task.plan,
            "asked": o.step.arguments if o.step else None,
            "steps": [],
            "action": {
                "tool": o.action.tool,
                "effect": o.action.effect,
                "arguments": o.action.arguments,
                "sentence": o.action.sentence,
                "digest": o.action.digest,
                "idempotency_key": o.action.idempotency_key,
                "precondition": o.action.precondition,
            }
            if o.action
            else None,
            "reasons": o.reasons,
            "evidence": {},
        }
    )
    digest = factory.LazyAttribute(lambda o: o.action.digest if o.action else digest_of(o.task.pk, o.kind, o.title))
    risk = Risk.MEDIUM
    opened_at = NOON
    closed_at = factory.LazyAttribute(lambda o: None if o.status == RequestStatus.OPEN else NOON + timedelta(minutes=1))


class DecisionFactory(DjangoModelFactory):
    class Meta:
        model = Decision

    request = factory.SubFactory(ReviewRequestFactory, status=RequestStatus.DECIDED)
    person = factory.SubFactory(ReviewerFactory)
    answer = "respond"
    digest = factory.SelfAttribute("request.digest")
    comment = "Ask the customer for a photo first."
    via = "admin"
    at = NOON + timedelta(minutes=1)


class KillSwitchFactory(DjangoModelFactory):
    class Meta:
        model = KillSwitch

    agent = None
    tool = ""
    why = "The payment provider reports double charges."
    engaged_by = factory.SubFactory(OperatorFactory)
    engaged_at = NOON
