"""Which shape have bodies and answers? Nothing is decided here: the services say what may be."""

from collections.abc import Collection
from functools import cached_property
from typing import Any, TypeVar

from django.db import models
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents import kill_switches
from agents.api.fields import SAYING, AnyJson, Body, Dollars, JsonObject, Moment, Text, Texts, WholeNumber
from agents.models import Action, AgentTask, AgentVersion, KillSwitch, ModelCall, Step
from agents.outgoing.catalogue import TYPES
from agents.outgoing.models import MAX_URL
from agents.services.submitting import MAX_TEXT
from agents.states import Priority

PRIORITIES = {priority.name.lower(): priority for priority in Priority}
MAX_AGENT_NAME = 64
# Blanks around a header's value are not part of it.
KEY_PATTERN = "^[!-~]([ -~]{0,253}[!-~])?$"


class NewTask(Body):
    """What is asked for when a task is created."""

    agent = Text(
        said={"pattern": "^[A-Za-z0-9_-]+$", "maxLength": MAX_AGENT_NAME},
        help_text="The name of the agent, such as “desk”.",
    )
    goal = Text(
        said={"pattern": SAYING, "maxLength": MAX_TEXT},
        help_text="What is wanted, in your words. It reaches the agent as it is.",
    )
    inputs = JsonObject(
        required=False, allow_null=True, help_text="Data for the task; the agent's input schema checks it."
    )
    max_steps = WholeNumber(
        required=False, allow_null=True, help_text="How many steps it may take, up to the agent's ceiling."
    )
    budget_dollars = Dollars(
        required=False,
        allow_null=True,
        help_text="What it may spend on models, such as “0.50”; a person may add to it.",
    )
    budget_tokens = WholeNumber(
        required=False, allow_null=True, help_text="How many tokens it may use of models; a person may add to it."
    )
    deadline = Moment(
        required=False,
        allow_null=True,
        help_text="A task that is not over by then goes to a person, between two steps.",
    )
    priority = serializers.ChoiceField(
        choices=list(PRIORITIES),
        default="normal",
        allow_null=True,
        help_text="What runs first when there is more than can run.",
    )

    metadata = Texts(
        required=False,
        allow_null=True,
        help_text="Your own texts by name, to find the task again: up to 50, each of up to 500 characters.",
    )
    not_before = Moment(required=False, allow_null=True, help_text="Nothing runs before this moment.")
    callback_url = Text(
        said={"pattern": "^https?://[!-~]+$", "maxLength": MAX_URL},
        required=False,
        allow_null=True,
        help_text="Told by a signed POST when people are needed, when you are asked, and at the end.",
    )

    def validate_agent(self, name: str) -> str:
        if len(name) > MAX_AGENT_NAME:
            raise serializers.ValidationError(
                f"has {len(name):,} characters; names of agents have at most {MAX_AGENT_NAME}"
            )
        return name

    def validate_priority(self, name: str | None) -> Priority:
        return PRIORITIES[name or "normal"]


class BatchItem(NewTask):
    """One task of a batch."""

    idempotency_key = Text(
        said={"pattern": KEY_PATTERN, "maxLength": 255},
        required=False,
        allow_null=True,
        help_text="Its own key; otherwise the batch's, with the item's place.",
    )


class NewTasks(Body):
    """Up to 1,000 tasks; each has its own outcome."""

    tasks = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=1000, help_text="As for one task, each of them."
    )


class GivenAnswer(Body):
    """The submitter's answer to the question of the agent."""

    answer = Text(said={"pattern": SAYING, "maxLength": MAX_TEXT}, help_text="The answer, in your words.")


class NothingMore(Body):
    """A body without fields; it may be left out."""


T = TypeVar("T", bound=models.Model)


class Shown(serializers.ModelSerializer[T]):
    """A row as an answer shows it, or the fields of it that `only` names; nothing is ever written through it."""

    def __init__(self, *args: Any, only: Collection[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if only is not None:
            for name in set(self.fields) - set(only):
                self.fields.pop(name)

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
    stopped = serializers.SerializerMethodField(
        help_text="The kill switch that keeps it in the queue, and why it was engaged; else empty."
    )

    class Meta:
        model = AgentTask
        fields = read_only_fields = [
            *Receipt.Meta.fields,
            "status",
            "goal",
            "metadata",
            "submitted_by",
            "priority",
            "steps_taken",
            "max_steps",
            "deadline",
            "budget_dollars",
            "budget_tokens",
            "waits_for",
            "stopped",
            "question",
            "notice",
            "failure",
            "wake_at",
            "cancel_requested_at",
            "finished_at",
        ]

    budget_dollars = serializers.DecimalField(
        max_digits=24, decimal_places=12, allow_null=True, read_only=True, help_text="As the submitter set it."
    )

    @extend_schema_field(serializers.ChoiceField(choices=list(PRIORITIES)))
    def get_priority(self, task: AgentTask) -> str:
        return Priority(task.priority).name.lower()

    def get_stopped(self, task: AgentTask) -> str:
        return kill_switches.why_stopped(task, self._engaged)

    @cached_property
    def _engaged(self) -> models.QuerySet[KillSwitch]:
        """Looked up once for a whole page of tasks, and only where one waits."""
        return kill_switches.engaged()


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


class StepList(serializers.Serializer[Any]):
    results = StepPart(many=True)


class ActionLine(ActionPart):
    step = serializers.IntegerField(source="step.number", read_only=True)

    class Meta(ActionPart.Meta):
        fields = read_only_fields = ["id", "step", *ActionPart.Meta.fields[1:]]


class ActionList(serializers.Serializer[Any]):
    results = ActionLine(many=True)


class CallLine(Shown[ModelCall]):
    """One call to a model. Until it is settled, tokens and cost are the most that it can come to."""

    cost = serializers.DecimalField(
        max_digits=24, decimal_places=12, allow_null=True, read_only=True, help_text="US dollars; null: unpriced."
    )

    class Meta:
        model = ModelCall
        fields = read_only_fields = [
            "id",
            "model",
            "step_number",
            "status",
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            "cost",
            "error_kind",
            "created_at",
            "settled_at",
        ]


class Costs(serializers.Serializer[Any]):
    """What a task used of models: the sums, and each call."""

    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(
        max_digits=24, decimal_places=12, read_only=True, help_text="US dollars, of what is priced."
    )
    unpriced_calls = serializers.IntegerField()
    results = CallLine(many=True)


class UsageLine(serializers.Serializer[Any]):
    """What one agent used in one day (UTC)."""

    day = serializers.DateField()
    agent = serializers.CharField()
    model = serializers.CharField()
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(
        max_digits=24,
        decimal_places=12,
        allow_null=True,
        read_only=True,
        help_text="US dollars, of what is priced; null: nothing is.",
    )


class Usage(serializers.Serializer[Any]):
    results = UsageLine(many=True)


class AgentLine(serializers.Serializer[Any]):
    """An agent that tasks can be given to."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    enabled = serializers.BooleanField(help_text="Whether it takes new tasks.")
    version = serializers.IntegerField()
    tools = serializers.ListField(child=serializers.CharField())
    max_steps = serializers.IntegerField()
    ceiling_steps = serializers.IntegerField(help_text="The most that a task may ask for.")
    input_schema = AnyJson(help_text="The JSON Schema of `inputs`, or null.")
    result_schema = AnyJson(help_text="The JSON Schema of `result`, or null: any text.")
    examples = serializers.ListField(child=serializers.CharField())


class AgentList(serializers.Serializer[Any]):
    results = AgentLine(many=True)


class SwitchLine(serializers.Serializer[Any]):
    """A kill switch that is engaged: nothing that it stops starts until it is lifted."""

    agent = serializers.CharField(
        source="agent.name", default=None, allow_null=True, help_text="The agent that it stops; null: all of them."
    )
    tool = serializers.CharField(help_text="The tool that it stops; empty: every one, and the tasks wait.")
    why = serializers.CharField()
    engaged_by = serializers.CharField(source="engaged_by.username")
    engaged_at = serializers.DateTimeField()


class SwitchList(serializers.Serializer[Any]):
    results = SwitchLine(many=True)


class VersionLine(Shown[AgentVersion]):
    """One version of an agent."""

    class Meta:
        model = AgentVersion
        fields = read_only_fields = ["number", "note", "created_at"]


class VersionList(serializers.Serializer[Any]):
    results = VersionLine(many=True)


class WholeVersion(VersionLine):
    """A version with its whole definition, which never changes."""

    class Meta(VersionLine.Meta):
        fields = read_only_fields = [*VersionLine.Meta.fields, "definition"]


class ToolLine(serializers.Serializer[Any]):
    """A tool that agents may be allowed to use."""

    name = serializers.CharField()
    description = serializers.CharField()
    effect = serializers.CharField()
    stakes = serializers.CharField()
    input_schema = AnyJson(help_text="The JSON Schema of its arguments.")


class ToolList(serializers.Serializer[Any]):
    results = ToolLine(many=True)


class BatchOutcome(serializers.Serializer[Any]):
    """What became of one task of a batch: its receipt (202), or what was wrong with it."""

    status = serializers.IntegerField()
    task = Receipt(required=False)
    problem = AnyJson(required=False, help_text="Problem details, as they would be answered to this task alone.")


class BatchOutcomes(serializers.Serializer[Any]):
    results = BatchOutcome(many=True)


class EventData(serializers.Serializer[Any]):
    task = serializers.IntegerField()
    number = serializers.IntegerField(help_text="Grows within the task; with the task it is the event's identity.")


class Event(serializers.Serializer[Any]):
    """Something that happened to a task; `data` has more fields, which depend on the type."""

    type = serializers.ChoiceField(choices=TYPES)
    timestamp = serializers.DateTimeField()
    data = EventData()  # type: ignore[assignment]


class EventList(serializers.Serializer[Any]):
    results = Event(many=True)
    next_after = serializers.IntegerField(allow_null=True, help_text="The `after` of the next page; null at the end.")


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
