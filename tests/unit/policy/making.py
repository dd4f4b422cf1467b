"""Small tools and definitions for tests of the rules."""

from typing import Any

from agents.definition import AgentDefinition
from agents.policy import Facts
from tools.context import ToolContext
from tools.registry import Effect, Stakes, Tool


def _run(arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
    return {}


def tool(
    name: str = "pay", effect: Effect = Effect.IDEMPOTENT, stakes: Stakes = Stakes.LOW, outward: bool = False
) -> Tool:
    return Tool(
        name=name,
        description="Does it.",
        input_schema={
            "type": "object",
            "required": ["amount"],
            "additionalProperties": False,
            "properties": {"amount": {"type": "number"}, "note": {"type": "string"}},
        },
        run=_run,
        effect=effect,
        stakes=stakes,
        outward=outward,
        reconcile=(lambda arguments, context: None) if effect == Effect.RECONCILABLE else None,  # type: ignore
    )


def definition(**changed: Any) -> AgentDefinition:
    data: dict[str, Any] = {
        "name": "desk",
        "title": "Desk",
        "prompt": "Be useful.",
        "tools": ["pay", "look"],
        "handover": "A colleague looks at it.",
        **changed,
    }
    return AgentDefinition.model_validate(data)


def facts(**changed: Any) -> Facts:
    return Facts(**{"steps_left": 10, **changed})


OVER_100 = {
    "tool": "pay",
    "verdict": "deny",
    "why": "over the limit of 100",
    "when": {"required": ["amount"], "properties": {"amount": {"type": "number", "exclusiveMinimum": 100}}},
}
