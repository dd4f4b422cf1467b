"""What does a tool's own system say now of a call that is in doubt? Asked for a person, who then decides."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents.engine import calling
from agents.engine.leases import waiting
from agents.errors import Stale
from agents.models import Action
from agents.services.resuming import noted
from tools.registry import Tool, registry


@dataclass(frozen=True)
class Said:
    """What was found. `happened` is None where the tool can't tell, or could not be asked."""

    happened: bool | None
    result: Any = None
    verification: dict[str, Any] | None = None
    problem: str = ""


def look_up(action: Action, *, by: User) -> Said:
    """Asks the tool's `reconcile`, or else has its verifier read back; nothing is run, and nothing of the task changes.

    No transaction and no connection is held meanwhile. That somebody looked is written in the journal. Raises Stale
    where the tool is no longer here, or has no way to look.
    """
    tool = registry.get(action.tool) if action.tool in registry else None
    if tool is None or (tool.reconcile is None and tool.verify is None):
        raise Stale(f"{action.tool} has no way to look this up. Look in the system that it was sent to.")
    with waiting():
        said = _ask(tool, action)
    with noted(action.task_id, by=by) as change:
        change.event("action.looked_up", action=action, happened=said.happened, problem=said.problem or None)
    return said


def _ask(tool: Tool, action: Action) -> Said:
    deadline = timezone.now() + timedelta(seconds=tool.deadline_seconds)
    context = calling.context_for(action.task_id, action.idempotency_key, deadline)
    try:
        if tool.reconcile is not None:
            found = tool.reconcile(action.arguments, context)
            return Said(found.happened, found.result)
    except (Exception, SystemExit) as error:
        return Said(None, problem=f"{tool.name} could not be asked: {type(error).__name__}: {error}"[:500])
    return Said(None, verification=calling.verified(tool, None, action.arguments, context).verification)
