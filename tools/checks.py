"""What about the tools should an operator hear of at start? Django system checks with ids `tools.…`."""

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, Warning

from tools.registry import Effect, Tool, registry


def effects_are_verified(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """tools.W001: each effect has a verifier, or every one of its calls will end before a person."""
    return [_unverified(tool) for tool in without_verifier(registry.all())]


def without_verifier(tools: Iterable[Tool]) -> list[Tool]:
    return [tool for tool in tools if tool.effect != Effect.READ and tool.verify is None]


def _unverified(tool: Tool) -> CheckMessage:
    return Warning(
        f"The tool {tool.name} has an effect ({tool.effect}) and no verifier: each call ends in a review.",
        hint='Give it one, such as verify=has("id") or a read_back from tools.verifiers.',
        id="tools.W001",
    )
