"""What of people's data does a model see, and get to say? The one boundary: placeholders go out, values come back in.

The rows of a task hold what is so. A request is veiled just before a model is asked, and what it says is unveiled
before anything else reads it, so that schema, policy, digest and tools see values, and providers, the ledger of calls
and traces see placeholders.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from agents.definition import Privacy
from agents.llm.base import (
    CONTROL_TOOLS,
    Guidance,
    InvalidProposal,
    PastCall,
    PlanStep,
    Proposal,
    ProposalRequest,
    Proposer,
    ToolOffer,
    Unavailable,
)
from agents.llm.strict import rewritten
from agents.models import AgentTask
from agents.privacy import vault
from agents.privacy.keys import InvalidToken
from agents.privacy.scrubbing import also_hide
from agents.privacy.veil import UnknownPlaceholder, Veil

TOLD = """

Some values are kept from you: [[email:1]], and others of that form, stand for them, always the same one for the same \
value. Use such a placeholder wherever you mean its value, and copy it exactly. Its value is put there before a tool \
is called or anybody reads your words. Never make one up."""

FORMS = frozenset({"format", "pattern", "minLength", "maxLength"})
"""What a schema asks of a text's form, which a placeholder does not have."""


@dataclass(frozen=True)
class Veiled:
    """A model that is shown placeholders in the place of people's data."""

    link: Proposer
    task: AgentTask = field(repr=False)
    privacy: Privacy

    @property
    def name(self) -> str:
        return self.link.name

    def propose(self, request: ProposalRequest) -> Proposal:
        veil, veiled = self._veiled(request)
        try:
            said = self.link.propose(veiled)
        except InvalidProposal as invalid:
            known = veil.put_back_where_known
            raise InvalidProposal(invalid.code, known(invalid.message), known(invalid.raw), invalid.proposer) from None
        reasoning = veil.put_back_where_known(said.reasoning)
        try:
            return replace(said, reasoning=reasoning, arguments=veil.put_back(said.arguments))
        except UnknownPlaceholder as unknown:
            raise _invented(str(unknown), said, veil) from None

    def _veiled(self, request: ProposalRequest) -> tuple[Veil, ProposalRequest]:
        veil = Veil.of(self.privacy)
        if not veil.seeker.finds_any(*_said(request)):
            return veil, request
        try:
            veil = vault.veil_of(self.task.pk, self.privacy)
        except InvalidToken:
            raise Unavailable(
                "What stands for personal data in this task can't be decrypted: COUNTERSIGN_VAULT_KEYS lacks a key "
                "that was in use."
            ) from None
        veiled = veil_request(request, veil)
        vault.keep(self.task, veil)
        also_hide(veil.seeker.known)
        if veil.values:
            told = veiled.agent.model_copy(update={"prompt": veiled.agent.prompt + TOLD})
            veiled = replace(veiled, agent=told, offers=tuple(_open(one) for one in veiled.offers))
        return veil, veiled


def _said(request: ProposalRequest) -> Iterator[Any]:
    """All that comes from people and tools, in no order."""
    yield request.goal
    yield request.inputs
    for entry in request.history:
        match entry:
            case Guidance():
                yield entry.text
                yield entry.summary
            case PastCall():
                yield from (entry.reasoning, entry.arguments, entry.result, entry.raw)
    for step in request.plan:
        yield step.purpose
        yield step.arguments


def veil_request(request: ProposalRequest, veil: Veil) -> ProposalRequest:
    """The request with placeholders in all that comes from people and tools."""
    learn = veil.seeker.learn
    learn(request.inputs)
    learn(request.goal)
    for one in (*request.history, *request.plan):
        if not isinstance(one, Guidance):
            learn(one.arguments)
        if isinstance(one, PastCall):
            learn(one.result)
    return replace(
        request,
        goal=veil.hide(request.goal),
        inputs=veil.hide(request.inputs),
        history=tuple(_entry(one, veil) for one in request.history),
        plan=tuple(_step(one, veil) for one in request.plan),
        planned=_step(request.planned, veil) if request.planned else None,
    )


def _entry(entry: PastCall | Guidance, veil: Veil) -> PastCall | Guidance:
    hide = veil.hide
    if isinstance(entry, Guidance):
        return replace(entry, text=hide(entry.text), summary=hide(entry.summary))
    return replace(
        entry,
        reasoning=hide(entry.reasoning),
        arguments=hide(entry.arguments),
        result=hide(entry.result),
        raw=hide(entry.raw),
    )


def _step(step: PlanStep, veil: Veil) -> PlanStep:
    return replace(step, purpose=veil.hide(step.purpose), arguments=veil.hide(step.arguments))


def _open(offer: ToolOffer) -> ToolOffer:
    """The tool, taking placeholders too. What they stand for is held against the whole schema later.

    A plan, a question and an escalation have no values of their own whose form would be in the way.
    """
    if offer.name in CONTROL_TOOLS - {"finish"}:
        return offer
    return replace(offer, input_schema=rewritten(offer.input_schema, _without_forms))


def _without_forms(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name not in FORMS}


def _invented(name: str, said: Proposal, veil: Veil) -> InvalidProposal:
    message = (
        f"The placeholder {name} stands for nothing in this task, so nothing was done. Use only placeholders that you "
        "have read, copied exactly; ask for a value that you don't have."
    )
    raw = f"{said.name}({json.dumps(said.arguments, ensure_ascii=False)})"
    return InvalidProposal("placeholder.unknown", message, veil.put_back_where_known(raw), said.proposer)


def veiled(link: Proposer, task: AgentTask | None, privacy: Privacy) -> Proposer:
    """The link, shown placeholders only, where anything is to be hidden."""
    return Veiled(link, task, privacy) if task is not None and privacy.hides else link
