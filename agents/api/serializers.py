"""Which shape have bodies and answers? Nothing is decided here: the services say what may be."""

from typing import Any, TypeVar

from django.db import models
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.fields import AnyJson, Body, JsonObject, Text, WholeNumber
from agents.models import Action, AgentTask, Step
from agents.states import Priority

PRIORITIES = {priority.name.lower(): priority for priority in Priority}
MAX_AGENT_NAME = 64


class NewTask(Body):
    """What is asked for when a task is created."""

    agent = Text(help_text="The name of the agent, such as “desk”.")
    goal = Text(help_text="What is wanted, in your words. It reaches the agent as it is.")
    inputs = JsonObject(
        required=False, allow_null=True, help_text="Data for the task; the agent's input schema checks it."
    )
    max_steps = WholeNumber(
        required=False, allow_null=True, help_text="How many steps it may take, up to the agent's ceiling."
    )
    priority = serializers.ChoiceField(
        choices=list(PRIORITIES),
        default="normal",
        allow_null=True,
        help_text="What runs first when there is more than can run.",
    )

    def validate_agent(self, name: str) -> str:
        if len(name) > MAX_AGENT_NAME:
            raise serializers.ValidationError(
                f"has {len(name):,} characters; names of agents have at most {MAX_AGENT_NAME}"
            )
        return name

    def validate_priority(self, name: str | None) -> Priority:
        return PRIORITIES[name or "normal"]


class GivenAnswer(Body):
    """The submitter's answer to the question of the agent."""

    answer = Text(help_text="The answer, in your words.")


class NothingMore(Body):
    """A body without fields; it may be left out."""


T = TypeVar("T", bound=models.Model)


class Shown(serializers.ModelSerializer[T]):
    """A row as an answer shows it; nothing is ever written through it."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {models.JSONField: AnyJson}


class Receipt(Shown[AgentTask]):
    """What was accepted. Nothing in it ever changes, so the same idempotency key always gets the same answer."""

    url = serializers.SerializerMethodField(help_text="Where the task is; also the Location header.")
    agent = serializers.CharField(source="agent.name", read_only=True)
    agent_version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta:
        model = AgentTask
        fields = read_only_fields = ["id", "url", "agent", "agent_version", "created_at"]

    def get_url(self, task: AgentTask) -> str:
        return task_url(task)


class TaskLine(Receipt):
    """A task as a list shows it: without its inputs, result, plan and steps, which may be large."""

    submitted_by = serializers.CharField(source="submitted_by.username", read_only=True)
    priority = serializers.SerializerMethodField()
    waits_for = serializers.CharField(
        source="parked_for",
        read_only=True,
        help_text="What reviewers are asked for in needs_review; else empty.",
    )

    class Meta:
        model = AgentTask
        fields = read_only_fields = [
            *Receipt.Meta.fields,
            "status",
            "goal",
            "submitted_by",
            "priority",
            "steps_taken",
            "max_steps",
            "waits_for",
            "question",
            "notice",
            "failure",
            "wake_at",
            "cancel_requested_at",
            "finished_at",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=list(PRIORITIES)))
    def get_priority(self, task: AgentTask) -> str:
        return Priority(task.priority).name.lower()


class ActionPart(Shown[Action]):
    """One tool call: what exactly was to run, and what came of it."""

    class Meta:
        model = Action
        fields = read_only_fields = [
            "id",
            "tool",
            "effect",
            "sentence",
            "arguments",
            "status",
            "needs_approval",
            "approval_used_at",
            "started_at",
            "attempts",
            "result",
            "error",
            "verification",
            "settled_at",
        ]


class StepPart(Shown[Step]):
    """One proposal: who made it, the policy's verdict, the actions it led to, and what the agent was told."""

    actions = ActionPart(many=True, read_only=True)

    class Meta:
        model = Step
        fields = read_only_fields = [
            "number",
            "kind",
            "status",
            "name",
            "purpose",
            "confidence",
            "arguments",
            "proposer",
            "planned_id",
            "verdict",
            "actions",
            "answer",
            "created_at",
            "settled_at",
        ]


class WholeTask(TaskLine):
    """A task with everything that happened to it so far."""

    steps = StepPart(many=True, read_only=True)

    class Meta:
        model = AgentTask
        fields = read_only_fields = [*TaskLine.Meta.fields, "inputs", "result", "plan", "steps"]


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="The field of the body, the query parameter or the header.")
    message = serializers.CharField(help_text="What was wrong, and what to do.")


class ProblemDetails(serializers.Serializer[Any]):
    """Problem details (RFC 9457), as application/problem+json."""

    type = serializers.CharField(help_text="Stable; a page at this address explains it.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What was wrong this time.")
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]


def task_url(task: AgentTask) -> str:
    return reverse("api:task", args=[task.pk])
