"""What does a model not take? Learned from its refusals, and remembered by this process.

Servers that speak a provider's protocol differ in what they know of it, and a provider's own models do too: strict
schemas too large to compile, a choice that can't be forced while the model thinks, parameters that a gateway has
never heard of. Such a request is refused with the name of what is wrong, and is asked once more without it.
"""

import re
import threading
from collections.abc import Hashable
from dataclasses import dataclass, replace

from agents.llm.failures import Failure, Kind


@dataclass(frozen=True)
class Abilities:
    """What is asked of a model. All of it, until the model has refused a part."""

    forced: bool = True
    """A call can be forced. Else it is left to the model, and text without a call is an invalid turn."""
    strict: bool = True
    """Schemas can be strict."""
    single: bool = True
    """Parallel calls can be switched off."""
    completion_limit: bool = True
    """Chat completions: the limit is called `max_completion_tokens`, not `max_tokens`."""


_LESSONS = (
    ("single", re.compile(r"parallel_tool", re.IGNORECASE)),
    ("completion_limit", re.compile(r"max_completion_tokens", re.IGNORECASE)),
    ("forced", re.compile(r"tool_choice|thinking may not be enabled", re.IGNORECASE)),
    ("strict", re.compile(r"strict|schema|grammar", re.IGNORECASE)),
)


def lesson(abilities: Abilities, failure: Failure) -> Abilities | None:
    """What to ask instead, where the refusal names something that can be left out; None where it does not."""
    if failure.kind != Kind.WRONG_REQUEST:
        return None
    for name, names_it in _LESSONS:
        if getattr(abilities, name) and names_it.search(failure.detail):
            return replace(abilities, **{name: False})
    return None


class Learned:
    """What this process has learned, by model and tools. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_model: dict[Hashable, Abilities] = {}

    def of(self, key: Hashable) -> Abilities:
        return self._by_model.get(key, Abilities())

    def learn(self, key: Hashable, abilities: Abilities) -> None:
        with self._lock:
            if len(self._by_model) > 1000:
                self._by_model.clear()
            self._by_model[key] = abilities


LEARNED = Learned()
"""What is known in this process."""
