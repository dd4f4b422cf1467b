"""What do logs, traces and error reports hold of people's data? Nothing that is found, nor what the task in hand hides.

They are for operators, go to other systems and stay there for long, so every kind is looked for, whatever an agent
says. What stands there instead says what it was: `[[email]]`.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from agents.definition import AgentDefinition
from agents.privacy.veil import Seeker

_NOBODY = Seeker()
_here: ContextVar[Seeker] = ContextVar("countersign_private")


@contextmanager
def speaking_of(definition: AgentDefinition, *texts: Any) -> Iterator[None]:
    """Within the block, values of the agent's declared fields are known from these texts, and more can be learned."""
    seeker = Seeker(fields=frozenset(definition.privacy.fields))
    for text in texts:
        seeker.learn(text)
    before = _here.set(seeker)
    try:
        yield
    finally:
        _here.reset(before)


def also_hide(values: dict[str, str]) -> None:
    """What the task in hand is known to hide, with its labels."""
    seeker = _here.get(_NOBODY)
    if seeker.fields:
        for value, label in values.items():
            seeker.know(label, value)


def scrubbed(value: Any) -> Any:
    """The value without anybody's data."""
    return _here.get(_NOBODY).replaced(value, lambda label, _: f"[[{label}]]")


def scrub_line(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog's, for lines whose exceptions are text by now."""
    return {name: scrubbed(value) if isinstance(value, str | dict | list) else value for name, value in line.items()}
