"""What was asked of people, what they were shown, and what each of them decided?"""

from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now


class Kind(models.TextChoices):
    PLAN = "plan", "Plan"
    ACTION = "action", "Action"
    RESULT = "result", "Result"
    IN_DOUBT = "in_doubt", "In doubt"
    LIMIT = "limit", "Limit"
    ESCALATION = "escalation", "Escalation"
    TAKEOVER = "takeover", "Taken over"
    SPOT_CHECK = "spot_check", "Spot check"
    """Of an action that ran; the task is not parked for it."""


class RequestStatus(models.TextChoices):
    OPEN = "open", "Open"
    DECIDED = "decided", "Decided"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"
    """The task moved on without a decision."""


class Risk(models.IntegerChoices):
    """Higher is decided first."""

    LOW = 10, "Low"
    MEDIUM = 20, "Medium"
    HIGH = 30, "High"
    CRITICAL = 40, "Critical"
    """The agent's rules want the password of whoever lets it run."""


class Answer(models.TextChoices):
    """What a person may say; which kinds of request take which is in review.services."""

    APPROVE = "approve", "Approve"
    EDIT = "edit", "Approve with changes"
    REJECT = "reject", "Reject"
    ACCEPT = "accept", "Accept the result"
    RETRY = "retry", "Run it again"
    HAPPENED = "happened", "It happened"
    NOT_HAPPENED = "not_happened", "It did not happen, run it"
    EXTEND = "extend", "Extend"
    RESPOND = "respond", "Respond with guidance"
    TAKE_OVER = "take_over", "Take over"
    CALL = "call", "Call a tool"
    FINISH = "finish", "Finish with a result"
    GIVE_BACK = "give_back", "Give back with guidance"
    FINE = "fine", "Fine"
    NOT_FINE = "not_fine", "Not fine"
    TERMINATE = "terminate", "End the task"


class Via(models.TextChoices):
    """The way in."""

    ADMIN = "admin", "Admin"
    API = "api", "API"


class ReviewRequest(models.Model):
    """One question to people, with the evidence that was shown."""

    task = models.ForeignKey("agents.AgentTask", on_delete=models.PROTECT, related_name="review_requests")
    step = models.ForeignKey(
        "agents.Step", null=True, blank=True, on_delete=models.PROTECT, related_name="review_requests"
    )
    action = models.ForeignKey(
        "agents.Action", null=True, blank=True, on_delete=models.PROTECT, related_name="review_requests"
    )
    kind = models.CharField(max_length=16, choices=Kind)
    status = models.CharField(max_length=16, choices=RequestStatus, default=RequestStatus.OPEN)
    title = models.TextField(help_text="What is asked, in one sentence.")
    reasons = models.JSONField(help_text="Why a person is asked: a list of code and message.")
    shown = models.JSONField(help_text="What the person sees: goal, plan, steps so far, the exact action, evidence.")
    digest = models.CharField(max_length=64, help_text="Of exactly what is asked; a decision must name it.")
    risk = models.PositiveSmallIntegerField(choices=Risk, default=Risk.MEDIUM)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    approvers_group = models.CharField(
        max_length=150, blank=True, help_text="Whose members approve; empty: whoever may decide."
    )
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose version of the call is put to others here; that person's approval does not count.",
    )
    password_again = models.BooleanField(
        default=False, help_text="Whether who lets the call run types their password once more."
    )
    remind_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on nobody can decide it.")
    hands_on = models.BooleanField(
        default=False, help_text="Whether a person takes it from there when it expires, instead of a rejection."
    )
    escalate_to = models.CharField(
        max_length=150, blank=True, help_text="The group to which it goes when it is due; its members may approve too."
    )
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose it is to answer; others may all the same.",
    )
    assigned_group = models.CharField(max_length=150, blank=True, help_text="The group whose it is to answer.")
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-risk", "due_at", "id"]
        verbose_name = "review"
        permissions = [("decide", "Can decide review requests")]
        indexes = [
            models.Index(fields=["-risk", "due_at", "id"], name="open_requests_by_risk", condition=Q(status="open")),
            # The few that expired or were withdrawn, among all that were decided.
            models.Index(fields=["status", "-id"], name="request_by_status"),
            # What the sweepers of all workers look for every minute.
            *(
                models.Index(
                    fields=[at], name=f"open_requests_{at}", condition=Q(status="open", **{f"{at}__isnull": False})
                )
                for at in ("remind_at", "due_at", "expires_at")
            ),
        ]
        constraints = [
            # `needs_review` means exactly one open request that parks the task.
            UniqueConstraint(
                fields=["task"],
                condition=Q(status="open") & ~Q(kind="spot_check"),
                name="one_open_request_per_task",
            ),
            UniqueConstraint(fields=["action"], condition=Q(kind="spot_check"), name="one_spot_check_per_action"),
            CheckConstraint(
                name="closed_request_says_when",
                condition=Q(status="open", closed_at__isnull=True) | (~Q(status="open") & Q(closed_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def approvals_given(self) -> int:
        """How many people have said that the call should run; while it is open, they wait for others."""
        return self.decisions.filter(answer__in=[Answer.APPROVE, Answer.RETRY, Answer.NOT_HAPPENED]).count()

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("A review request is part of the record and stays.")


class Decision(models.Model):
    """One person's answer to a review request; the one that completes the quorum decides it."""

    request = models.ForeignKey(ReviewRequest, on_delete=models.PROTECT, related_name="decisions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    answer = models.CharField(max_length=16, choices=Answer)
    digest = models.CharField(max_length=64, help_text="The digest of what was on the person's screen.")
    comment = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True, help_text="Edited arguments with the difference, a result, …")
    via = models.CharField(max_length=8, choices=Via)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            UniqueConstraint(fields=["request", "person"], name="one_decision_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.get_answer_display()} by {self.person}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("A decision never changes.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError("A decision is part of the record and stays.")


class Wish(models.Model):
    """How a person wants to hear of review requests that they may decide."""

    class Mail(models.TextChoices):
        NONE = "none", "Not at all"
        AT_ONCE = "at_once", "At once"
        HOURLY = "hourly", "Together, every hour"
        DAILY = "daily", "Together, every day at seven"

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="review_wish")
    mail = models.CharField(max_length=16, choices=Mail, default=Mail.AT_ONCE)
    least_risk = models.PositiveSmallIntegerField(
        choices=Risk, default=Risk.LOW, help_text="Nothing is sent about requests below it."
    )

    class Meta:
        ordering = ["person"]
        verbose_name = "notification"
        verbose_name_plural = "notifications"

    def __str__(self) -> str:
        return f"{self.person}: {self.get_mail_display().lower()}"


class ChatHook(models.Model):
    """An address of a chat system that hears of review requests, and the secret that signs what it hears."""

    url = models.CharField(max_length=2000, unique=True)
    secret = models.CharField(max_length=100)
    least_risk = models.PositiveSmallIntegerField(choices=Risk, default=Risk.LOW)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class Notice(models.Model):
    """One thing to be told to one receiver: written with what it tells of, and sent until it is taken, or for a day."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        """To be sent at `due_at`; while it is being sent, that is when the sender counts as lost."""
        SENT = "sent", "Sent"
        NEEDLESS = "needless", "Needless"
        """Before it was sent, the request was closed, or the receiver lost the right or the wish."""
        FAILED = "failed", "Given up"

    request = models.ForeignKey(ReviewRequest, on_delete=models.PROTECT, related_name="notices")
    what = models.CharField(max_length=16, help_text="What happened: opened, due_soon, escalated, expired, delegated.")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    hook = models.ForeignKey(ChatHook, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    taken = models.CharField(max_length=32, blank=True, help_text="Which attempt has it: random, so that two never do.")
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["due_at"], name="notice_due", condition=Q(status="pending"))]
        constraints = [
            CheckConstraint(
                name="notice_to_one_receiver",
                condition=Q(person__isnull=False, hook__isnull=True) | Q(person__isnull=True, hook__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} of request {self.request_id}"
