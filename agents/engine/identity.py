"""What exactly is to run? The digest that a person approves and that is compared again at the start."""

import secrets
from typing import Any

from agents.models import Action, AgentTask, Step
from tools.canonical import canonical, canonical_object, digest_of_text
from tools.registry import Tool


def action_digest(task: AgentTask, step: Step, tool: Tool, arguments: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of tool, its schema, resolved arguments, agent version, task and step."""
    what = {
        "tool": tool.name,
        "arguments": arguments,
        "version": task.version_id,
        "task": task.pk,
        "step": step.number,
    }
    texts = {name: canonical(value) for name, value in what.items()}
    return digest_of_text(canonical_object(texts | {"schema": tool.canonical_schema}))


def digest_now(task: AgentTask, action: Action, tool: Tool) -> str:
    """The digest of what would run if this action started at this moment."""
    return action_digest(task, action.step, tool, action.arguments)


def new_key() -> str:
    """An idempotency key that no other action has."""
    return f"cs_{secrets.token_hex(16)}"
