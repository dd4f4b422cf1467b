"""What is known of every agent and task? The rows, and what the database refuses about them."""

import copy
import functools
from decimal import Decimal
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now

from agents.definition import AgentDefinition
from agents.spending.money import MoneyField
from agents.states import (
    CLAIMABLE,
    FINAL,
    LIVE_ACTION,
    ActionStatus,
    ParkedFor,
    Priority,
    StepKind,
    StepStatus,
    TaskStatus,
)


class Agent(models.Model):
    """A named agent. What it is stands in its versions; the newest one is given to new tasks."""

    name = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True, help_text="A disabled agent takes no new tasks.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title

    @property
    def current_version(self) -> "AgentVersion | None":
        return self.versions.order_by("-number").first()


class AgentVersion(models.Model):
    """An immutable, numbered definition of an agent. A task pins one when it is submitted."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text="See agents.definition.AgentDefinition.")
    note = models.CharField(max_length=200, blank=True, help_text="What changed, in a few words.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["agent", "-number"]
        constraints = [UniqueConstraint(fields=["agent", "number"], name="one_definition_per_number")]

    def __str__(self) -> str:
        return f"{self.agent.name} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("An agent version never changes. Create a new version instead.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("An agent version is part of the history of its tasks and stays.")

    def read(self) -> AgentDefinition:
        """The definition as an object; parsed once a process for each version, since it never changes."""
        return _read_definition(self.pk)


def version_of(version_id: int) -> AgentVersion:
    """A version with its agent. What never changes of them is kept; the rest is read when it is asked for."""
    kept = _version(version_id)
    version = copy.copy(kept)
    version.agent = copy.copy(kept.agent)
    return version


def forget_versions() -> None:
    """For tests, which give the key of a version to another one."""
    _version.cache_clear()
    _read_definition.cache_clear()


@functools.lru_cache(maxsize=256)
def _version(version_id: int) -> AgentVersion:
    return AgentVersion.objects.select_related("agent").only("number", "agent__name").get(pk=version_id)


@functools.lru_cache(maxsize=256)
def _read_definition(version_id: int) -> AgentDefinition:
    stored = AgentVersion.objects.values_list("definition", flat=True).get(pk=version_id)
    return AgentDefinition.model_validate(stored)


class AgentTask(models.Model):
    """One goal given to one agent, and everything that is known about it."""

    # What was asked for
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="tasks")
    version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, related_name="tasks")
    goal = models.TextField()
    inputs = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True, help_text="The submitter's own words about it; texts only.")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent_tasks")
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    screened = models.JSONField(null=True, blank=True, help_text="What was found in the goal before anybody read it.")

    # Where it stands
    status = models.CharField(max_length=16, choices=TaskStatus, default=TaskStatus.PENDING)
    parked_for = models.CharField(max_length=16, choices=ParkedFor, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The person who took the task over, until it is given back or ends.",
    )
    by_hand = models.JSONField(
        null=True, blank=True, help_text="The call that its owner asked for, until it is recorded as a step."
    )
    question = models.TextField(blank=True, help_text="What the submitter is asked.")
    notice = models.TextField(blank=True, help_text="What the submitter is told about a wait or a hand-over.")
    steps_taken = models.PositiveIntegerField(default=0)
    max_steps = models.PositiveIntegerField()
    deadline = models.DateTimeField(null=True, blank=True, help_text="A person is asked when it is not over by then.")
    budget_dollars = MoneyField(null=True, blank=True, help_text="What its submitter lets it spend on models.")
    budget_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    invalid_in_a_row = models.PositiveSmallIntegerField(default=0)
    plan = models.JSONField(null=True, blank=True, help_text="The validated plan in force: its steps.")
    plan_number = models.PositiveIntegerField(default=0, help_text="The number of the step that proposed it.")
    guidance = models.JSONField(default=list, blank=True, help_text="What people told the agent, in order.")
    current_action = models.OneToOneField("Action", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    result = models.JSONField(null=True, blank=True)
    failure = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=160, blank=True)

    # Who works on it
    worker = models.CharField(max_length=64, blank=True)
    fencing_token = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    turn = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Its place in line. The tasks of one submitter have rising ones."
    )
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    lapses = models.PositiveSmallIntegerField(
        default=0, help_text="How often a worker was lost with it since the last recorded progress."
    )
    unanswered = models.PositiveSmallIntegerField(
        default=0, help_text="How often in a row no proposer could be reached, or had room."
    )
    unanswered_since = models.DateTimeField(null=True, blank=True, help_text="Since when none could be reached.")
    budget = models.CharField(max_length=48, blank=True, help_text="The budget that it is parked for.")
    on_record = models.BooleanField(default=False, help_text="People were asked about it, so it is kept for good.")
    event_count = models.PositiveIntegerField(default=0)
    journal_head = models.CharField(max_length=64, blank=True, help_text="The hash of the journal's last line.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "task"
        permissions = [
            ("submit_task", "Can submit goals"),
            ("cancel_any_task", "Can cancel tasks of others"),
            ("view_all_tasks", "Can see tasks of others"),
            ("extend_budget", "Can extend budgets"),
            ("see_personal_data", "Can have personal data shown"),
        ]
        indexes = [
            # The queue itself: small, whatever the number of finished tasks.
            models.Index(
                fields=["priority", "turn", "queued_at", "id"],
                name="task_claimable",
                condition=Q(status__in=sorted(CLAIMABLE)),
            ),
            # Which turn is called, and which one its submitter has last: see agents.queue.
            models.Index(fields=["priority", "turn"], name="task_turn_called", condition=Q(status="pending")),
            models.Index(
                fields=["submitted_by", "priority", "turn"],
                name="task_turn_of_submitter",
                condition=Q(status__in=sorted(CLAIMABLE)),
            ),
            models.Index(
                fields=["finished_at"],
                name="task_removable",
                condition=Q(finished_at__isnull=False, on_record=False),
            ),
            models.Index(fields=["status", "-id"], name="task_by_status"),
            models.Index(fields=["submitted_by", "-id"], name="task_by_submitter"),
            models.Index(fields=["agent", "-id"], name="task_by_agent"),
        ]
        constraints = [
            CheckConstraint(name="steps_within_limit", condition=Q(steps_taken__lte=F("max_steps"))),
            CheckConstraint(
                name="final_task_has_no_current_action",
                condition=~Q(status__in=sorted(FINAL)) | Q(current_action__isnull=True),
            ),
            CheckConstraint(
                name="final_task_has_an_end",
                condition=Q(status__in=sorted(FINAL), finished_at__isnull=False)
                | (~Q(status__in=sorted(FINAL)) & Q(finished_at__isnull=True)),
            ),
            CheckConstraint(
                name="review_has_a_reason_to_wait",
                condition=(Q(status="needs_review") & ~Q(parked_for=""))
                | (~Q(status="needs_review") & Q(parked_for="")),
            ),
            CheckConstraint(
                name="running_means_leased",
                condition=Q(status="running", lease_until__isnull=False)
                | (~Q(status="running") & Q(lease_until__isnull=True)),
            ),
            CheckConstraint(
                name="waiting_has_a_wake_time",
                condition=~Q(status="waiting") | Q(wake_at__isnull=False),
            ),
            CheckConstraint(
                name="taken_over_by_somebody",
                condition=~Q(parked_for="takeover") | Q(owner__isnull=False),
            ),
            CheckConstraint(
                name="called_by_its_owner",
                condition=Q(by_hand__isnull=True) | Q(owner__isnull=False),
            ),
            CheckConstraint(
                name="nobody_owns_what_is_over",
                condition=~Q(status__in=sorted(FINAL)) | Q(owner__isnull=True),
            ),
            # One submission per key of one submitter, however often it is posted.
            UniqueConstraint(
                fields=["submitted_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="one_task_per_idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("A task is part of the history and stays.")


class Step(models.Model):
    """One proposal and what came of it."""

    task = models.ForeignKey(AgentTask, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=StepKind)
    status = models.CharField(max_length=16, choices=StepStatus, default=StepStatus.OPEN)
    name = models.CharField(max_length=128, help_text="The tool, or the control tool, that was proposed.")
    purpose = models.TextField(blank=True)
    confidence = models.FloatField(null=True, blank=True)
    arguments = models.JSONField(null=True, blank=True, help_text="As proposed, before references are resolved.")
    proposer = models.CharField(max_length=160, blank=True)
    plan_number = models.PositiveIntegerField(default=0, help_text="The plan that this step was run from, or 0.")
    planned_id = models.CharField(max_length=64, blank=True)
    raw = models.TextField(blank=True, help_text="What was said, when it was no legal call.")
    verdict = models.JSONField(null=True, blank=True)
    answer = models.JSONField(
        null=True,
        blank=True,
        help_text="What the next proposal is told, where it is not the action's result.",
    )
    screened = models.JSONField(null=True, blank=True, help_text="What was found in what it brought.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["task", "number"]
        constraints = [UniqueConstraint(fields=["task", "number"], name="one_step_per_number")]

    def __str__(self) -> str:
        return f"Step {self.number} of task {self.task_id}"


class Action(models.Model):
    """One tool call: what exactly was to run, who allowed it, what came of it. Its arguments never change."""

    task = models.ForeignKey(AgentTask, on_delete=models.PROTECT, related_name="actions")
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="actions")
    number = models.PositiveSmallIntegerField(default=1, help_text="Counts the actions of one step.")
    tool = models.CharField(max_length=64)
    effect = models.CharField(max_length=16)
    arguments = models.JSONField()
    origins = models.JSONField(
        default=list, blank=True, help_text="Where each value comes from, where it reaches out of the task."
    )
    sentence = models.TextField(blank=True, help_text="What will happen, in words for a person.")
    call_digest = models.CharField(max_length=64, help_text="Digest of tool and arguments: finds repeated calls.")
    digest = models.CharField(max_length=64, help_text="Digest of exactly what is to run, and for whom.")
    idempotency_key = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=ActionStatus, default=ActionStatus.PROPOSED)
    flagged = models.BooleanField(default=False, help_text="Went ahead on middling confidence; look afterwards.")

    needs_approval = models.BooleanField(default=False)
    approval = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text="The decision that approved it. One decision, one action.",
    )
    approved_digest = models.CharField(max_length=64, blank=True)
    approval_used_at = models.DateTimeField(null=True, blank=True)
    precondition = models.JSONField(null=True, blank=True, help_text="What the approval relied on.")
    counted = models.JSONField(null=True, blank=True, help_text="What it took of limits; see agents.tallies.")

    started_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempt_until = models.DateTimeField(
        null=True, blank=True, help_text="Deadline of the call in hand; empty when it is known that none is."
    )
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    verification = models.JSONField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["task", "step", "number"]
        constraints = [
            UniqueConstraint(fields=["step", "number"], name="one_action_per_number"),
            UniqueConstraint(
                fields=["task"],
                condition=Q(status__in=sorted(LIVE_ACTION - {ActionStatus.IN_DOUBT})),
                name="one_live_action_per_task",
            ),
            # Promise 3, said by the database: what needs approval starts only with one, for exactly this.
            CheckConstraint(
                name="no_start_without_approval",
                condition=Q(started_at__isnull=True)
                | Q(needs_approval=False)
                | Q(approval_used_at__isnull=False, approval__isnull=False, approved_digest=F("digest")),
            ),
            CheckConstraint(
                name="started_says_when",
                condition=~Q(status__in=["started", "in_doubt", "succeeded"]) | Q(started_at__isnull=False),
            ),
            CheckConstraint(
                name="rejected_never_started",
                condition=~Q(status__in=["rejected", "superseded"]) | Q(started_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.sentence or f"{self.tool} (action {self.pk})"


class TaskEvent(models.Model):
    """One line of a task's append-only journal, numbered within the task without gaps."""

    task = models.ForeignKey(AgentTask, on_delete=models.PROTECT, related_name="events")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=64)
    actor = models.CharField(max_length=160)
    data = models.JSONField(default=dict)
    salt = models.CharField(max_length=32, blank=True, help_text="Of the payload. Empty: the payload was erased.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    # See agents.audit.chain
    payload_digest = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True, help_text="The hash of the line before.")
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["task", "number"]
        constraints = [UniqueConstraint(fields=["task", "number"], name="one_event_per_number")]

    def __str__(self) -> str:
        return f"{self.kind} ({self.task_id}/{self.number})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("The journal is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("The journal is append-only.")


class AuditCheckpoint(models.Model):
    """The heads of the journals that grew since the checkpoint before, kept so that a missing end shows.

    A removal names the journals that were removed with their tasks. See agents.retention.
    Each root is over the root before it, so that the latest one, told to somebody outside, vouches for all.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    tasks = models.PositiveIntegerField(help_text="How many journals grew.")
    heads = models.JSONField(help_text="Key, task, number and hash of the last line of each.")
    removal = models.BooleanField(default=False, help_text="These journals were removed.")
    previous_root = models.CharField(max_length=64, blank=True, unique=True)
    root = models.CharField(max_length=64)
    low = models.PositiveBigIntegerField(help_text="All lines up to this key are covered for good.")
    mark = models.PositiveBigIntegerField(null=True, blank=True)
    mark_transaction = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Checkpoint {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("A checkpoint never changes.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("A checkpoint is part of the record and stays.")


class PrivateValue(models.Model):
    """What one placeholder of a task stands for, encrypted. See agents.privacy."""

    task = models.ForeignKey(AgentTask, on_delete=models.PROTECT, related_name="private_values")
    label = models.CharField(max_length=40)
    number = models.PositiveIntegerField(help_text="Counts the values of one label within the task.")
    sealed = models.TextField(help_text="The value as JSON, encrypted with the newest of the vault's keys.")
    digest = models.CharField(max_length=64, help_text="Of the value, keyed: it is found by who knows it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["task", "label", "number"]
        indexes = [models.Index(fields=["digest"], name="private_value_by_digest")]
        constraints = [UniqueConstraint(fields=["task", "label", "number"], name="one_value_per_placeholder")]

    def __str__(self) -> str:
        return f"{self.label}:{self.number} of task {self.task_id}"


class ModelCall(models.Model):
    """One call to a model provider, written before it is made and settled after.

    Tokens and cost are always what the call counts for in budgets: until it is settled, and where the provider never
    said, the most that it can have been.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ANSWERED = "answered", "Answered"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost"
        """Its worker died, or was given up, before it was settled."""

    class Purpose(models.TextChoices):
        PLANNING = "planning", "Planning"
        ACTING = "acting", "Acting"
        SCREENING = "screening", "Screening"
        PROBE = "probe", "Probe"

    task = models.ForeignKey(
        AgentTask,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="model_calls",
        help_text="A probe has none.",
    )
    version = models.ForeignKey(AgentVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    step_number = models.PositiveIntegerField(default=0, help_text="The step that the answer was to become.")
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.ACTING)
    model = models.CharField(max_length=160)
    attempt = models.PositiveSmallIntegerField(default=1, help_text="Within one turn with this model.")
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    day = models.DateField(null=True, help_text="The day whose budgets it counts in.")
    input_tokens = models.PositiveIntegerField(default=0, help_text="All of the input, cached or not.")
    cached_tokens = models.PositiveIntegerField(default=0, help_text="Read from the provider's cache.")
    written_tokens = models.PositiveIntegerField(default=0, help_text="Written to the provider's cache.")
    output_tokens = models.PositiveIntegerField(default=0)
    cost = MoneyField(null=True, blank=True, help_text="US dollars. Empty: unpriced.")
    at_most = models.BooleanField(default=False, help_text="Tokens and cost are upper bounds; nobody knows better.")
    prices = models.JSONField(null=True, blank=True, help_text="US dollars for a million tokens, and their source.")
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    error_kind = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    fell_back_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    passed_over = models.CharField(
        max_length=500, blank=True, help_text="The models before it in the chain, and why they were not heard."
    )
    request = models.JSONField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="As it came.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["task", "id"], name="call_by_task"),
            models.Index(fields=["day", "model"], name="call_by_day"),
            models.Index(fields=["created_at"], name="call_unsettled", condition=Q(status="open")),
            models.Index(
                fields=["created_at"], name="call_with_content", condition=Q(request__isnull=False) | ~Q(answer="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} for task {self.task_id}" if self.task_id else f"{self.model}, a probe"

    @property
    def provider(self) -> str:
        return self.model.partition(":")[0]

    @property
    def fresh_tokens(self) -> int:
        return max(self.input_tokens - self.cached_tokens - self.written_tokens, 0)


class SpendingAccount(models.Model):
    """What counts against one budget so far. Made from the ledger when the budget is first looked at."""

    class Scope(models.TextChoices):
        TASK = "task", "A task"
        SUBMITTER = "submitter", "A submitter's day"
        AGENT = "agent", "An agent's day"
        ALL = "all", "Everything in a day"

    scope = models.CharField(max_length=16, choices=Scope)
    key = models.PositiveBigIntegerField(default=0, help_text="Of the task, the submitter or the agent.")
    period = models.CharField(max_length=10, blank=True, help_text="The day; empty for a task.")
    money = MoneyField(default=Decimal(0))
    tokens = models.BigIntegerField(default=0)
    extra_money = MoneyField(default=Decimal(0), help_text="What people added to the limit.")
    extra_tokens = models.BigIntegerField(default=0)
    warned = models.BooleanField(default=False, help_text="The operators were told that most of it is used.")

    class Meta:
        ordering = ["-id"]
        constraints = [UniqueConstraint(fields=["scope", "key", "period"], name="one_account_per_budget")]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.scope, str(self.key or ""), self.period]))


class ProviderTraffic(models.Model):
    """How busy a provider is with us: calls in flight, and until when its requests and tokens a minute are used up."""

    provider = models.CharField(max_length=32, unique=True)
    in_flight = models.PositiveIntegerField(default=0)
    requests_until = models.FloatField(default=0, help_text="Seconds since 1970.")
    tokens_until = models.FloatField(default=0, help_text="Seconds since 1970.")

    class Meta:
        ordering = ["provider"]
        verbose_name_plural = "provider traffic"

    def __str__(self) -> str:
        return self.provider


class ModelHealth(models.Model):
    """Does a model answer? After repeated failures all workers leave it alone for a while, then one of them tries."""

    model = models.CharField(max_length=160, unique=True)
    failures = models.PositiveIntegerField(default=0, help_text="Turns in a row in which it did not answer.")
    rests_until = models.DateTimeField(null=True, blank=True, help_text="Nobody asks it before then.")
    error_kind = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    alarmed = models.BooleanField(default=False, help_text="The operators were told that its key is not accepted.")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["model"]
        verbose_name_plural = "health of models"

    def __str__(self) -> str:
        return self.model


class CallTally(models.Model):
    """What is used of one limit of calls or sums that an agent's tasks share."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    counter = models.CharField(max_length=64, help_text="Digest of what is counted.")
    period = models.CharField(max_length=10, blank=True, help_text="The day; empty: ever.")
    amount = models.BigIntegerField(default=0, help_text="In millionths.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "call tallies"
        constraints = [UniqueConstraint(fields=["agent", "counter", "period"], name="one_tally_per_count")]

    def __str__(self) -> str:
        return f"{self.agent}: {self.counter[:8]} {self.period}".rstrip()


class KillSwitch(models.Model):
    """A denial in force for everyone from now on, until it is lifted: of a tool, an agent, or everything."""

    agent = models.ForeignKey(
        Agent,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: all agents.",
    )
    tool = models.CharField(max_length=64, blank=True, help_text="Empty: all tools.")
    why = models.CharField(max_length=300)
    engaged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    engaged_at = models.DateTimeField(db_default=Now(), editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "kill switches"

    def __str__(self) -> str:
        return f"{self.tool or 'every tool'} of {self.agent or 'every agent'}"


class WorkerProcess(models.Model):
    """A process that runs tasks: who it is, and when it was last seen alive."""

    identity = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now())
    stopped_at = models.DateTimeField(null=True, blank=True)
    lock_key = models.BigIntegerField(
        null=True, blank=True, help_text="The session lock that stands for as long as the process lives (PostgreSQL)."
    )
    locked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-seen_at"]
        verbose_name_plural = "worker processes"

    def __str__(self) -> str:
        return self.identity


class Team(models.Model):
    """People and services that see each other's tasks. What one may do with them is each one's own permission."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="teams", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A caller's key: shown once when made, kept as a digest. It may do what its scopes say and its owner may."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    scopes = models.JSONField(default=list, blank=True, help_text="See agents.api.scopes.")
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replaced_by"
    )
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
