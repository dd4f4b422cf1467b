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
def one_task() -> Iterator[None]:
    """What is learned within the block is forgotten at its end."""
    before = _here.set(Seeker())
    try:
        yield
    finally:
        _here.reset(before)


def speak_of(definition: AgentDefinition, told: Any) -> None:
    """From now on values of the agent's declared fields are known, as what it was told has them."""
    seeker = Seeker(fields=frozenset(definition.privacy.fields))
    seeker.learn(told)
    _here.set(seeker)


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
