"""Which goals are set, and what should be done for each? Desk, stub model, people and checks all read it here."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

KINDS: dict[str, tuple[str, ...]] = {
    "read": ("look", "look", "look"),
    "put": ("look", "put"),
    "move": ("look", "move"),
    "pay": ("look", "pay"),
    "mixed": ("look", "put", "move", "pay"),
    "put-asked": ("put_asked",),
    "move-asked": ("move_asked", "look"),
    "pay-asked": ("look", "pay_asked"),
    "question": ("put",),
    "refused": ("look", "refuse"),
    "unverified": ("pay_unverified",),
    "long": ("look", "put", "move", "pay"),
    "careful": ("put", "pay"),
    "stroll": ("look",) * 10,
    "poison": ("poison",),
}
"""What a goal's first word stands for: its plan, as the names of the tools in turn."""

SHARES = {
    "read": 14,
    "put": 14,
    "move": 13,
    "pay": 13,
    "mixed": 16,
    "put-asked": 3,
    "move-asked": 4,
    "pay-asked": 9,
    "question": 5,
    "refused": 3,
    "unverified": 2,
    "long": 2,
    "careful": 2,
}
"""Of a hundred tasks, so many of each kind."""

STEPS_OF_LONG = 5
"""One step too few, so that these tasks reach their limit."""
STROLL_SECONDS = 0.4


@dataclass(frozen=True)
class Goal:
    """`mixed s12`: the kind, and the subject that no other task is about."""

    kind: str
    number: int

    @classmethod
    def read(cls, text: str) -> "Goal":
        kind, subject = text.split()[:2]
        return cls(kind, int(subject.removeprefix("s")))

    @property
    def text(self) -> str:
        return f"{self.kind} s{self.number}"

    @property
    def agent(self) -> str:
        return "chaos-careful" if self.kind == "careful" else "chaos"

    def body(self) -> dict[str, object]:
        """The body of the request that submits it."""
        limit = {"max_steps": STEPS_OF_LONG} if self.kind == "long" else {}
        return {"agent": self.agent, "goal": self.text, **limit}


def arguments(kind: str, number: int, subject: str) -> dict[str, object]:
    """What the tool of a plan's n-th step is called with: a subject of its own for each step."""
    wait = {"seconds": STROLL_SECONDS} if kind == "stroll" else {}
    return {"what": f"{subject}-{number}", **wait}


def mix(tasks: int, chance: random.Random, poison: bool) -> Iterator[Goal]:
    """So many goals of all kinds, in a random order that the seed decides."""
    kinds = chance.choices(list(SHARES), weights=list(SHARES.values()), k=tasks)
    if poison and tasks >= 10:
        kinds[tasks // 3] = "poison"
    for number, kind in enumerate(kinds, start=1):
        yield Goal(kind, number)


def share(text: str) -> float:
    """A number from 0 to 1 that is always the same for the same text: what people decide is drawn from it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def left_alone(text: str) -> bool:
    """Nobody ever answers what is asked about a few tasks; they wait for a person at the end too."""
    return share(f"left alone: {text}") < 0.02
