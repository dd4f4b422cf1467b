"""What did the tools really do? The ledger is the outside world: it forgets nothing and prevents nothing."""

from django.db import models
from django.db.models.functions import Now


class Entry(models.Model):
    """One call that reached a tool, in order of arrival; committed by itself before the tool answers."""

    tool = models.CharField(max_length=64)
    key = models.CharField(max_length=64, db_index=True)
    task = models.PositiveBigIntegerField(db_index=True)
    subject = models.CharField(max_length=64)
    call = models.PositiveIntegerField(help_text="Counts the calls with this key.")
    happened = models.BooleanField(help_text="Did the world change?")
    denied = models.BooleanField(help_text="Did the tool tell its caller that nothing happened?")
    had_connection = models.BooleanField(help_text="Did the worker hold a database connection when it called?")
    had_transaction = models.BooleanField()
    process = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.tool} {self.subject} call {self.call} ({'done' if self.happened else 'not done'})"


class Fact(models.Model):
    """Something in the world that tools look at, and that a test may change while a task is on its way."""

    name = models.CharField(max_length=64, unique=True)
    value = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"
