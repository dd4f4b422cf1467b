"""What comes of a plan, a finish, a question and an escalation? Validated, then recorded in one transaction."""

from dataclasses import replace
from typing import Any

from agents.changes import Change, Parking
from agents.engine.gate import pause
from agents.engine.leases import Lease
from agents.engine.parking import ask_submitter, hand_over, reason, reasons_of, refuse_step
from agents.engine.proposing import Next, count_fruitless
from agents.engine.provenance import RECIPE, secrets_here, told
from agents.engine.story import Story
from agents.llm.base import Proposal
from agents.models import Step
from agents.policy import Facts, judge_control, judge_plan
from agents.policy.verdict import Verdict
from agents.states import ParkedFor, StepKind, StepStatus, TaskStatus
from agents.storable import storable, storable_text
from tools.registry import registry
from tools.schema import Problem, validate

KINDS = {
    "propose_plan": StepKind.PLAN,
    "finish": StepKind.FINISH,
    "ask": StepKind.ASK,
    "escalate": StepKind.ESCALATE,
}


TOLD = {"finish": "result", "ask": "question"}
"""What of a control call the submitter reads."""


def control(lease: Lease, story: Story, next_: Next) -> None:
    """Records a control call and what follows from it: with the next model call, where the task goes on."""
    proposal = next_.proposal
    facts = story.facts() if proposal.name == "propose_plan" else None
    if facts and (stop := story.stopped_by(facts)):
        with story.change(lease) as change:
            pause(change, stop)
        return
    verdict = _judge(story, proposal, facts)
    with story.change(lease, at_once=True, put_off=True) as change:
        step = change.add_step(
            kind=KINDS[proposal.name],
            name=proposal.name,
            purpose=storable_text(proposal.reasoning),
            confidence=proposal.confidence,
            arguments=storable(proposal.arguments),
            proposer=storable_text(proposal.proposer),
            verdict=verdict.as_json(),
        )
        if verdict.outcome == "deny":
            refuse_step(change, step, verdict.code(), verdict.message())
            count_fruitless(change, story)
        elif verdict.hand_over:
            change.settle_step(step, StepStatus.DONE, {"handed_over": verdict.message()})
            hand_over(change, story.definition, reasons_of(verdict), step=step)
        else:
            _ACCEPT[proposal.name](change, story, step, verdict)


def adopt_plan(change: Change, step: Step) -> None:
    """Puts a validated plan in force. It approves no action in it."""
    steps = (step.arguments or {})["steps"]
    change.set(plan=steps, plan_number=step.number, invalid_in_a_row=0)
    change.settle_step(step, StepStatus.DONE, {"accepted": True, "steps": len(steps)})
    change.event("plan.accepted", step=step.number, steps=len(steps))


def complete(change: Change, step: Step, result: Any, *, nothing_open: bool = False) -> None:
    change.settle_step(step, StepStatus.DONE, {"accepted": True})
    change.finish(TaskStatus.COMPLETE, nothing_open=nothing_open, result=result)


def _judge(story: Story, proposal: Proposal, facts: Facts | None) -> Verdict:
    """The verdict; `facts` are those that a plan is held against."""
    if facts is not None:
        tools = {name: registry.get(name) for name in registry.names()}
        # The plan's own step is counted too, so one step less is left for what it plans.
        facts = replace(facts, steps_left=facts.steps_left - 1)
        return judge_plan(proposal.arguments["steps"], proposal.confidence, story.definition, facts, tools)
    problems: tuple[Problem, ...] = ()
    schema = story.definition.result_schema
    if proposal.name == "finish" and schema:
        problems = validate(schema, proposal.arguments["result"])
    said = proposal.arguments.get(TOLD.get(proposal.name, ""))
    by = story.handed_back.get("by", "")
    known = None if said is None or proposal.proposer.startswith(RECIPE) else told(story)
    return judge_control(
        proposal.name, proposal.confidence, story.definition, problems, said, secrets_here(), by, known
    )


def _accept_plan(change: Change, story: Story, step: Step, verdict: Verdict) -> None:
    change.event("plan.proposed", step=step.number, steps=len((step.arguments or {})["steps"]))
    if verdict.outcome == "review":
        change.park(Parking(ParkedFor.PLAN, reasons_of(verdict), step, evidence=_handed_back(story)))
    else:
        adopt_plan(change, step)


def _accept_finish(change: Change, story: Story, step: Step, verdict: Verdict) -> None:
    result = (step.arguments or {})["result"]
    if verdict.outcome == "review":
        evidence = {"result": result} | _handed_back(story)
        change.park(Parking(ParkedFor.RESULT, reasons_of(verdict), step, evidence=evidence))
    else:
        complete(change, step, result, nothing_open=story.nothing_open)


def _handed_back(story: Story) -> dict[str, Any]:
    """What the person said who gave the task back, for whoever looks whether the agent follows it."""
    return {"handed_back": story.handed_back} if story.handed_back else {}


def _accept_question(change: Change, story: Story, step: Step, verdict: Verdict) -> None:
    ask_submitter(change, step, (step.arguments or {})["question"])


def _accept_escalation(change: Change, story: Story, step: Step, verdict: Verdict) -> None:
    why = (step.arguments or {})["reason"]
    change.settle_step(step, StepStatus.DONE, {"handed_over": why})
    hand_over(change, story.definition, reason("agent.escalated", why), step=step)


_ACCEPT = {
    "propose_plan": _accept_plan,
    "finish": _accept_finish,
    "ask": _accept_question,
    "escalate": _accept_escalation,
}
