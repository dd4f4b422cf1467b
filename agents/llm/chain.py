"""Who is asked, and who next? The first proposer of the chain that has something to say is heard."""

from __future__ import annotations

from collections.abc import Sequence

from agents.llm.base import NoProposal, Proposal, ProposalRequest, Proposer, Unavailable


def propose(request: ProposalRequest, chain: Sequence[Proposer]) -> Proposal:
    """What the first link says that has something to say.

    InvalidProposal passes through at once: something was said. So does what stops a task whichever model is next: a
    budget that is reached, and a call that has to wait its turn. When nobody says anything, raises Unavailable if one
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
