"""Plays a playbook's story without an engine: each proposal gets the answer that a test gives for it.

What the engine does with a plan is done here in the plainest way: planned steps whose arguments are given run with
their references resolved; for the others the playbook is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.definition import AgentDefinition
from agents.llm.base import (
    CONTROL_TOOLS,
    Guidance,
    PastCall,
    PlanStep,
    Proposal,
    ProposalRequest,
    ToolOffer,
    control_offers,
)
from agents.llm.playbook import Playbook
from agents.references import resolve

Answer = Mapping[str, Any] | Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Failed:
    """An answer that is an error."""

    code: str
    message: str
    feedback: str = ""


@dataclass
class Play:
    definition: AgentDefinition
    goal: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    history: list[PastCall | Guidance] = field(default_factory=list)
    plan: tuple[PlanStep, ...] = ()

    def request(self) -> ProposalRequest:
        offers = tuple(ToolOffer(name, name, {"type": "object"}) for name in self.definition.tools)
        return ProposalRequest(
            agent=self.definition,
            goal=self.goal,
            inputs=self.inputs,
            offers=(*offers, *control_offers(self.definition)),
            history=tuple(self.history),
            plan=self.plan,
            turn="act" if self.plan else "plan",
            planned=self.next_planned(),
            allowed=frozenset(self.definition.tools) | CONTROL_TOOLS,
        )

    def propose(self) -> Proposal:
        return Playbook().propose(self.request())

    def run(self, turns: int = 20) -> Proposal:
        """Goes on until the playbook finishes, asks or escalates, and gives that proposal."""
        for _ in range(turns):
            planned = self.next_planned()
            if planned and planned.arguments is not None and self.undisturbed():
                arguments = resolve(planned.arguments, self.results())
                self.record(Proposal(planned.tool, planned.purpose, 1.0, arguments, "playbook"), planned.id)
                continue
            proposal = self.propose()
            if proposal.name in ("finish", "ask", "escalate"):
                return proposal
            self.record(proposal, planned.id if planned else "")
        raise AssertionError("the story does not end")

    def record(self, proposal: Proposal, planned_id: str = "", answer: Any = None) -> None:
        if proposal.name == "propose_plan":
            self.plan = tuple(
                PlanStep(one["id"], one["tool"], one["purpose"], one.get("arguments"))
                for one in proposal.arguments["steps"]
            )
            answer = {"accepted": True}
        elif answer is None:
            answer = self.answers[proposal.name]
            answer = answer(proposal.arguments) if callable(answer) else answer
        error = isinstance(answer, Failed)
        if isinstance(answer, Failed):
            said = {"code": answer.code, "message": answer.message}
            answer = {"error": {**said, "feedback": answer.feedback} if answer.feedback else said}
        self.history.append(
            PastCall(
                call_id=f"step_{len(self.history)}",
                name=proposal.name,
                reasoning=proposal.reasoning,
                confidence=proposal.confidence,
                arguments=proposal.arguments,
                result=answer,
                is_error=error,
                planned_id=planned_id,
                proposer=proposal.proposer,
            )
        )

    def answer(self, question: Proposal, text: str) -> None:
        self.record(question, answer={"answer": text})

    def say(self, text: str, verb: str = "respond") -> None:
        self.history.append(Guidance("ana", text, verb))

    def results(self) -> dict[str, Any]:
        calls = [one for one in self.history if isinstance(one, PastCall)]
        return {one.planned_id: one.result for one in calls if one.planned_id and not one.is_error}

    def next_planned(self) -> PlanStep | None:
        return next((one for one in self.plan if one.id not in self.results()), None)

    def undisturbed(self) -> bool:
        last = self.history[-1]
        return (
            isinstance(last, PastCall) and not last.is_error and (last.name == "propose_plan" or bool(last.planned_id))
        )

    def called(self) -> list[str]:
        return [one.name for one in self.history if isinstance(one, PastCall)]

    def with_models(self, *models: str) -> "Play":
        self.definition = self.definition.model_copy(update={"models": models})
        return self


def changed(play: Play, **more: Any) -> ProposalRequest:
    return replace(play.request(), **more)
