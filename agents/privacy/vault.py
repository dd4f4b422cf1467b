"""What does each placeholder of a task stand for? Kept in the database, so that every worker and turn says the same."""

from collections.abc import Iterable, Iterator

from django.db import transaction
from django.db.models import F

from agents.definition import Privacy
from agents.errors import LeaseLost
from agents.models import AgentTask, PrivateValue
from agents.privacy import keys
from agents.privacy.veil import Scalar, Veil
from agents.states import TaskStatus

AT_ONCE = 500


def veil_of(task_id: int, privacy: Privacy) -> Veil:
    """The veil of a task, with what it has hidden so far. Raises keys.InvalidToken where no key opens that."""
    rows = PrivateValue.objects.filter(task=task_id).order_by("pk").values_list("label", "number", "sealed")
    return Veil.of(privacy, ((label, number, keys.unseal(sealed)) for label, number, sealed in rows))


def known_values(tasks: Iterable[int]) -> Iterator[tuple[int, str, Scalar]]:
    """Task, label and value of what these tasks have hidden; what no key opens is left out."""
    rows = PrivateValue.objects.filter(task__in=tasks).values_list("task_id", "label", "sealed")
    for task, label, sealed in rows:
        try:
            yield task, label, keys.unseal(sealed)
        except keys.InvalidToken:
            continue


def keep(task: AgentTask, veil: Veil) -> None:
    """Writes down what the veil has given out, as the holder of the task's lease. Raises LeaseLost."""
    if not veil.new:
        return
    with transaction.atomic():
        mine = AgentTask.objects.filter(pk=task.pk, fencing_token=task.fencing_token, status=TaskStatus.RUNNING)
        if not mine.update(fencing_token=F("fencing_token")):
            raise LeaseLost(f"Task {task.pk} is another worker's now.")
        PrivateValue.objects.bulk_create(
            PrivateValue(task=task, label=label, number=number, sealed=keys.seal(value), digest=keys.digest(value))
            for label, number, value in veil.new
        )
    veil.new.clear()


def rotate() -> tuple[int, int]:
    """Encrypts everything with the newest key; how many values there were, and how many no key opens."""
    done, shut, after = 0, 0, 0
    while rows := list(PrivateValue.objects.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        opened = []
        for row in rows:
            try:
                row.digest = keys.digest(keys.unseal(row.sealed))
                row.sealed = keys.reseal(row.sealed)
                opened.append(row)
            except keys.InvalidToken:
                shut += 1
        PrivateValue.objects.bulk_update(opened, ["sealed", "digest"])
        done, after = done + len(rows), rows[-1].pk
    return done, shut
