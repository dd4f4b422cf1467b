"""Who is told of events, what was told, and what did they answer?"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

MAX_URL = 2000


class Endpoint(models.Model):
    """An address of a service that hears of its owner's tasks, with the secret that signs what it hears."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="endpoints")
    url = models.CharField(max_length=MAX_URL)
    kinds = models.JSONField(
        default=list, blank=True, help_text="The events it hears of all tasks. None: only of tasks that name it."
    )
    secret = models.CharField(max_length=100)
    old_secret = models.CharField(max_length=100, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True, help_text="Until then both secrets sign.")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=300, blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    quiet_until = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent before; it did not answer.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [UniqueConstraint(fields=["owner", "url"], name="one_endpoint_per_url_of_an_owner")]

    def __str__(self) -> str:
        return self.url


class Callback(models.Model):
    """A task that named, when it was submitted, the endpoint which hears of it."""

    task = models.OneToOneField("agents.AgentTask", on_delete=models.PROTECT, related_name="callback")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="callbacks")

    def __str__(self) -> str:
        return f"{self.endpoint} for task {self.task_id}"


class Relay(models.Model):
    """How far the journal was read for webhooks. One row; its lock says who reads."""

    low = models.BigIntegerField(default=0, help_text="All events up to this one are settled and were read.")
    mark = models.BigIntegerField(null=True, blank=True)
    mark_transaction = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [CheckConstraint(name="one_relay", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"Relay at {self.low}"


class Delivery(models.Model):
    """One event for one endpoint: sent until it is taken, or for a day."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        """To be sent at `due_at`; while it is being sent, that is when the sender counts as lost."""
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey("agents.TaskEvent", on_delete=models.PROTECT, related_name="deliveries")
    message_id = models.CharField(max_length=40, unique=True, help_text="The same at each attempt.")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["endpoint", "due_at"], name="delivery_due", condition=Q(status="pending"))]
        constraints = [
            # The journal may be read twice; an endpoint is told once.
            UniqueConstraint(fields=["endpoint", "event"], name="one_delivery_per_event"),
        ]

    def __str__(self) -> str:
        return self.message_id


class Attempt(models.Model):
    """One try to deliver, and what the endpoint answered."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    answer = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The HTTP status, if there was one.")
    error = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery} #{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        assert self.pk is None, "the log of attempts is append-only"
        super().save(*args, **kwargs)
