"""What is a task of the bench? A goal in one line, and the calls that the stub model makes for it."""

import re
from dataclasses import dataclass
from typing import Any

_GOAL = re.compile(r"bench task (\d+): (\d+) steps, (asked|given|effects|signed)")
TOOLS = {"asked": "look_up", "given": "look_up", "effects": "note", "signed": "sign"}


@dataclass(frozen=True)
class Goal:
    """`asked`: the model is asked for each step. `given`: the plan has all arguments, so only the plan and the end are.
    `effects`: as `asked`, and each step changes something. `signed`: as `given`, and each step needs a signature."""

    number: int
    steps: int
    kind: str = "asked"

    def __str__(self) -> str:
        return f"bench task {self.number}: {self.steps} steps, {self.kind}"

    @classmethod
    def read(cls, text: str) -> "Goal":
        found = _GOAL.search(text)
        if found is None:
            raise ValueError(f"No goal of the bench in {text[:200]!r}.")
        return cls(int(found[1]), int(found[2]), found[3])

    @property
    def model_calls(self) -> int:
        """How often Countersign asks the model; every other system asks at each step."""
        return 2 if self.kind in {"given", "signed"} else self.steps

    def call(self, turn: int) -> tuple[str, dict[str, Any]]:
        """The call at this turn (0, 1, …): a plan, the tool for each step between, and the end."""
        if turn == 0:
            return "propose_plan", _envelope("Look at everything in turn.", {"steps": self._plan()})
        if turn >= self.model_calls - 1:
            return "finish", _envelope("Everything was looked at.", {"result": "Done."})
        return TOOLS[self.kind], _envelope("Next in turn.", self._arguments(turn))

    def _plan(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = []
        for turn in range(1, self.steps - 1):
            step = {"id": f"s{turn}", "tool": TOOLS[self.kind], "purpose": "Next in turn."}
            given = {"arguments": self._arguments(turn)} if self.model_calls < self.steps else {}
            steps.append(step | given)
        return steps

    def _arguments(self, turn: int) -> dict[str, Any]:
        return {"order": f"{self.number}-{turn}"}


def _envelope(reasoning: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"reasoning": reasoning, "confidence": 0.95, "arguments": arguments}
