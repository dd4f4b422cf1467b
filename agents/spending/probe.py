"""Does a model answer at all? One tiny call, in the ledger like any other, that a person asked for."""

import os
from dataclasses import dataclass

from agents.definition import AgentDefinition
from agents.llm import providers
from agents.llm.asking import Bounds
from agents.llm.base import InvalidProposal, NoProposal, Unavailable, control_offers, question
from agents.models import ModelCall
from agents.spending import health
from agents.spending.errors import BudgetReached, NotYet
from agents.spending.ledger import Ledger
from agents.spending.money import shown

PROBER = AgentDefinition(
    name="probe", title="A probe", prompt='Call finish with the result "yes".', tools=(), handover="Nobody is asked."
)
FINISH = next(offer for offer in control_offers(PROBER) if offer.name == "finish")
QUESTION = question(PROBER, "Do you answer?", FINISH)
WITHIN = Bounds(seconds=30.0, output_tokens=300, attempts=1)


@dataclass(frozen=True)
class Found:
    """Whether the model answered, and in words what came of it."""

    answered: bool
    sentence: str


def probe(model: str) -> Found:
    """Asks the model for one call of a tool. A model that rests is asked too, and an answer ends its rest."""
    ledger = Ledger(None, ModelCall.Purpose.PROBE)
    try:
        providers.link(model, ledger, os.environ, WITHIN).propose(QUESTION)
    except InvalidProposal as invalid:
        health.answered(model)
        return Found(True, f"it answers, though not with the call that it was asked for ({invalid.message})")
    except (Unavailable, NotYet) as away:
        return Found(False, away.message)
    except (NoProposal, BudgetReached) as nothing:
        return Found(False, str(nothing))
    health.answered(model)
    row = ModelCall.objects.filter(task=None, model=model).latest("id")
    return Found(True, f"it answers, in {(row.latency_ms or 0) / 1000:.1f} s, for {shown(row.cost)}")
