"""Which tools come with every installation? Those that read what a task has recorded about itself."""

import json
from typing import Any

from agents.models import Action, Step
from tools.context import ToolContext
from tools.errors import NothingHappened
from tools.registry import tool

PART = 20_000
"""Characters of one answer."""


@tool(effect="read", stakes="low", sentence="Read the result of step {step} again")
def read_result(step: int, start: int = 0, *, context: ToolContext) -> dict[str, Any]:
    """Reads the whole result of one of your own earlier steps again, where it was shortened to save room.

    Args:
        step: The number of the step, counted from 1 over everything that you called.
        start: Where to begin, in characters. `next` of an answer says where the next part begins.
    """
    return _read(context.task_id, step, start)


def _read(task_id: int, step: int, start: int) -> dict[str, Any]:
    found = Step.objects.filter(task=task_id, number=step).first()
    if found is None:
        raise NothingHappened(f"There is no step {step} in this task yet.")
    text = json.dumps(_result(found), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if not 0 <= start < len(text):
        raise NothingHappened(f"The result of step {step} has {len(text)} characters; start within them.")
    end = min(start + PART, len(text))
    return {"step": step, "part": text[start:end], "characters": len(text), "next": end if end < len(text) else None}


def _result(step: Step) -> Any:
    """What the proposer was told: the answer given to the step, or its action's result."""
    if step.answer is not None:
        return step.answer
    action = Action.objects.filter(step=step).order_by("number").last()
    return action.result if action else None
