"""How does personal data leave the journal? Payloads go, digests stay, and a line says who erased them and why."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Q

from agents.audit.verifying import ERASED, ERASURE
from agents.changes import changing
from agents.errors import Invalid
from agents.models import TaskEvent
from agents.services.submitting import read_text


def erase(task_id: int, numbers: Sequence[int], why: str, *, by: User | None) -> list[int]:
    """Erases the payloads of these lines of a task's journal for good; gives those that had one.

    The chain still verifies, since it is over the payloads' salted digests, and the salts go with the payloads.
    """
    why = read_text(why, "reason")
    actor = f"person:{by.get_username()}" if by else "operator"
    with changing(task_id, Q(), actor=actor) as change:
        lines = TaskEvent.objects.filter(task=task_id, number__in=numbers).exclude(kind=ERASURE).exclude(salt="")
        found = sorted(lines.values_list("number", flat=True))
        if not found:
            raise Invalid(f"Task {task_id} has no such lines with a payload. Look at its journal.", field="lines")
        lines.update(data=ERASED, salt="")
        change.event(ERASURE, lines=found, why=why)
    return found
