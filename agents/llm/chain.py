"""Who is asked, and who next? The first proposer of the chain that has something to say is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.definition import AgentDefinition
from agents.llm.base import NoProposal, Proposal, ProposalRequest, Proposer, Unavailable
from agents.llm.playbook import Playbook


@dataclass(frozen=True)
class Unconfigured:
    """A model that the definition names and this installation has no provider for. It never pretends to be one."""

    name: str

    def propose(self, request: ProposalRequest) -> Proposal:
        raise NoProposal(f"No provider is configured for {self.name}.")


def links(definition: AgentDefinition) -> tuple[Proposer, ...]:
    """The proposers of an agent, in the order of its chain."""
    return tuple(Playbook() if name == "playbook" else Unconfigured(name) for name in definition.models)


def propose(request: ProposalRequest, chain: Sequence[Proposer]) -> Proposal:
    """What the first link says that has something to say.

    InvalidProposal passes through at once: something was said. When nobody says anything, raises Unavailable if one
    of them may be asked again later (at the earliest time that any of them named), else NoProposal with all reasons.
    """
    silent: list[str] = []
    away: list[Unavailable] = []
    for link in chain:
        try:
            return link.propose(request)
        except NoProposal as nothing:
            silent.append(str(nothing))
        except Unavailable as absent:
            away.append(absent)
    if away:
        times = [one.retry_after for one in away if one.retry_after is not None]
        raise Unavailable(" ".join(one.message for one in away), min(times, default=None))
    if all(link.name == "playbook" for link in chain):
        silent.append("No model is configured for this agent.")
    raise NoProposal(" ".join(silent))
