"""Who may be asked for a task's next step, and at whose expense? The chain, each model guarded and in the ledger."""

import os

from django.conf import settings

from agents.definition import AgentDefinition, Purpose
from agents.engine.leases import Lease
from agents.guard.second import SecondTier
from agents.llm import providers
from agents.llm.asking import Bounds, Model
from agents.llm.base import ProposalRequest, Proposer
from agents.models import AgentTask
from agents.privacy.proposing import veiled
from agents.spending.health import Guarded
from agents.spending.ledger import Ledger


def bounds() -> Bounds:
    return Bounds(output_tokens=settings.COUNTERSIGN_OUTPUT_TOKENS)


def chain_seconds(definition: AgentDefinition) -> float:
    """So long all of a chain may take, one link after the other."""
    return bounds().seconds * (len(definition.models) + 1)


def purpose_of(request: ProposalRequest) -> Purpose:
    return "planning" if request.turn == "plan" else "acting"


def proposers(
    task: AgentTask, definition: AgentDefinition, purpose: Purpose, lease: Lease | None = None
) -> tuple[Proposer, ...]:
    """The proposers of this turn, in their order. Their calls are recorded for the task's next step."""
    ledger = Ledger(task, purpose, task.steps_taken + 1, lease)
    return tuple(proposer(name, ledger, bounds(), definition) for name in definition.chain(purpose))


def second_tier(task: AgentTask, definition: AgentDefinition, lease: Lease) -> SecondTier | None:
    """The model that screens what this agent reads, where it names one; its calls are in the same ledger."""
    name = definition.models_for.screening
    if name is None:
        return None
    ledger = Ledger(task, "screening", task.steps_taken + 1, lease)
    return SecondTier(definition, proposer(name, ledger, bounds(), definition))


def proposer(name: str, ledger: Ledger, within: Bounds, of: AgentDefinition | None = None) -> Proposer:
    """One link of a chain. A model that works for an agent sees placeholders in the place of people's data."""
    link = providers.link(name, ledger, os.environ, within)
    if not isinstance(link, Model):
        return link
    guarded = Guarded(link, ledger)
    return guarded if of is None else veiled(guarded, ledger.task, of.privacy)
