"""How does Countersign ask the stub model? As in production, by the same light client as every other system.

| BENCH_CLIENT | what answers |
| --- | --- |
| `light` | the chain as it is, with its ledger of calls, budgets and pace; the SDK alone is replaced |
| `bare` | the light client alone: no call is written down, as in the other systems |
| `sdk` | nothing is replaced: the provider for `openai:…` asks the stub at OPENAI_BASE_URL |
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from agents.definition import AgentDefinition, Purpose
from agents.engine import proposing
from agents.engine.leases import Lease
from agents.llm.abilities import Abilities
from agents.llm.asking import Answer, Model, SaidCall, Usage
from agents.llm.base import Proposal, ProposalRequest, Proposer, read_envelope
from agents.llm.envelope import Offered
from agents.llm.messages import Conversation
from agents.llm.strict import OPENAI, Dialect
from agents.models import AgentTask
from agents.spending.health import Guarded
from agents.spending.ledger import Ledger
from agents.spending.proposers import bounds
from bench.asking import Light, request
from bench.goals import Goal

NAME = "openai:stub"


@dataclass(frozen=True)
class LightWire:
    """The stub model's protocol, as agents.llm.asking.Wire has it."""

    client: Light
    dialect: Dialect = OPENAI
    key: str = ""

    def body(self, talk: Conversation, tools: tuple[Offered, ...], abilities: Abilities, most: int) -> dict[str, Any]:
        return {"model": "stub", "goal": str(Goal.read(talk.opening)), "turn": len(talk.entries)}

    def send(self, body: dict[str, Any], seconds: float) -> Answer:
        said = _call(self.client, body)
        return Answer((SaidCall(said["name"], said["arguments"]),), usage=Usage(100, output_tokens=20))


@dataclass(frozen=True)
class BareModel:
    """A proposer with nothing around it."""

    client: Light
    name: str = NAME

    def propose(self, asked: ProposalRequest) -> Proposal:
        said = _call(self.client, {"model": "stub", "goal": asked.goal, "turn": len(asked.history)})
        return read_envelope(said["name"], said["arguments"], asked, self.name)


def install() -> None:
    """Puts the light client into this process, where the bench asks for it.

    The chain has no place to register a proposer of one's own, so the function that the loop asks is replaced.
    """
    chosen = os.environ.get("BENCH_CLIENT")
    if chosen not in {"light", "bare"}:
        return
    client = Light(os.environ["BENCH_MODEL_URL"])
    wire, bare = LightWire(client), BareModel(client)

    def proposers(task: AgentTask, definition: AgentDefinition, purpose: Purpose, lease: Lease) -> tuple[Proposer, ...]:
        if chosen == "bare":
            return (bare,)
        ledger = Ledger(task, purpose, task.steps_taken + 1, lease)
        return (Guarded(Model(NAME, wire, ledger, bounds()), ledger),)

    if not hasattr(proposing, "proposers"):
        raise RuntimeError("agents.engine.proposing finds its proposers another way; bench/desk/model.py must follow.")
    proposing.proposers = proposers


def _call(client: Light, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(client.post(request(body)))
    return answer["choices"][0]["message"]["tool_calls"][0]["function"]
