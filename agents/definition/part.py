"""What do all parts of a definition have in common? They never change, and refuse keys that they do not know."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.definition.conditions import check_condition

JSON = Any
"""A value that came from JSON: null, boolean, number, string, list or object."""

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


def refuse(problems: list[str], prefix: str = "") -> None:
    """Raises ValueError with all the problems, if there are any."""
    if problems:
        raise ValueError(prefix + "; ".join(problems))


def _sound(condition: dict[str, JSON]) -> dict[str, JSON]:
    refuse(check_condition(condition, root_type="object"))
    return condition


Condition = Annotated[dict[str, JSON], AfterValidator(_sound)]
"""A JSON Schema over an object that says what it seems to say: see agents.definition.conditions."""


class Part(BaseModel):
    """A part of a definition: immutable, and refusing keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
