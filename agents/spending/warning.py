"""How does a submitter hear that most of a task's own budget is used? By a line in its journal, which is an event."""

from collections.abc import Iterable
from contextlib import suppress

from django.db.models import Q

from agents.changes import changing
from agents.engine.leases import WORKER
from agents.errors import Stale
from agents.models import AgentTask, TaskEvent
from agents.spending import budgets
from agents.spending.limits import Budget, Scope
from agents.states import FINAL

KIND = "budget.warning"


def warn(task: AgentTask, of: Iterable[Budget]) -> None:
    """Writes the line once for each limit that the task's own budget has had: an extended one may be used up too."""
    for budget in of:
        if budget.scope == Scope.TASK and (used := budgets.mostly_used(budget)):
            said = {"unit": used.unit, "used": f"{used.used:f}", "most": f"{used.most:f}"}
            known = TaskEvent.objects.filter(task=task, kind=KIND, data__unit=said["unit"], data__most=said["most"])
            if not known.exists():
                _write(task.pk, said)


def _write(task_id: int, said: dict[str, str]) -> None:
    with suppress(Stale), changing(task_id, ~Q(status__in=sorted(FINAL)), actor=f"worker:{WORKER}") as change:
        change.event(KIND, **said)
