"""What does a proposer read and say? The request, the proposal, and the envelope that carries it.

Models and the playbook speak the same contract: agent tools and four control tools, each called with
`{"reasoning": …, "confidence": …, "arguments": {…}}`. What cannot be read becomes an `InvalidProposal`
whose sentence the next turn sees.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from agents.definition import JSON, STEP_ID, AgentDefinition
from agents.llm.writing import block, compact, tokens
from tools.canonical import NotJson, canonical
from tools.names import nearest
from tools.schema import validate

RAW_LIMIT = 20_000
"""Characters of what was said that are kept with an invalid proposal."""
ENVELOPE = '{"reasoning": "why", "confidence": 0.9, "arguments": {…}}'
_KEYS = frozenset({"reasoning", "confidence", "arguments"})

CONTROL_TOOLS = frozenset({"propose_plan", "finish", "ask", "escalate"})


@dataclass(frozen=True)
class ToolOffer:
    """A tool as it is offered: its own schema. Provider code wraps it with `envelope_schema`."""

    name: str
    description: str
    input_schema: dict[str, JSON]

    @functools.cached_property
    def schema_text(self) -> str:
        return json.dumps(self.input_schema)


@dataclass(frozen=True)
class PlanStep:
    """One step of a plan. `arguments` None: the proposer is asked when the step's turn comes."""

    id: str
    tool: str
    purpose: str
    arguments: dict[str, JSON] | None = None


@dataclass(frozen=True)
class PastCall:
    """One earlier proposal of the task and what came of it."""

    call_id: str
    """Stable, ours, at most 40 characters."""
    name: str
    reasoning: str
    confidence: float
    arguments: dict[str, JSON]
    """As they ran: resolved and normalised."""
    result: JSON
    """What the tool answered; `error_result(…)` where `is_error`; `{"answer": …}` after an ask."""
    is_error: bool = False
    planned_id: str = ""
    """The id of the planned step it was, if it was one."""
    proposer: str = ""
    raw: str = ""
    """What was said, where it can't be replayed as a call."""
    kind: Literal["call"] = "call"

    @functools.cached_property
    def whole(self) -> str:
        """The result as it is sent where there is room for all of it."""
        return compact(self.result)

    @functools.cached_property
    def shown(self) -> str:
        """The whole result between its marks."""
        return block("result", self.whole)

    @functools.cached_property
    def tokens_shown(self) -> int:
        """About what that takes."""
        return tokens(self.shown)


@dataclass(frozen=True)
class Guidance:
    """What a person said to the agent. `verb` is the decision it came with: "respond", "give_back", "extend"."""

    by: str
    text: str
    verb: str = "respond"
    summary: str = ""
    """What the person did on the task before giving it back."""
    kind: Literal["guidance"] = "guidance"


@dataclass(frozen=True)
class ProposalRequest:
    """Everything a proposer may know at one turn, built from the task's rows."""

    agent: AgentDefinition
    goal: str
    inputs: dict[str, JSON]
    offers: tuple[ToolOffer, ...]
    """The agent's tools, then the control tools, in the same order at every turn."""
    history: tuple[PastCall | Guidance, ...]
    plan: tuple[PlanStep, ...]
    """The validated plan in force; empty while there is none."""
    turn: Literal["plan", "act", "question"]
    """`plan`: no plan is in force, so a plan, a question, an escalation or the end is expected.
    `act`: a planned step or the end. `question`: something asked beside a task's steps, see `question`."""
    planned: PlanStep | None
    """The step whose arguments are wanted."""
    allowed: frozenset[str]
    """The names that may be called this turn."""


@dataclass(frozen=True)
class Proposal:
    """What a proposer wants to happen next: a tool or a control tool, with its arguments."""

    name: str
    reasoning: str
    confidence: float
    arguments: dict[str, JSON]
    proposer: str


class Proposer(Protocol):
    """Something that proposes: a model, or the playbook."""

    @property
    def name(self) -> str: ...

    def propose(self, request: ProposalRequest) -> Proposal:
        """The next proposal. Raises InvalidProposal, NoProposal or Unavailable; nothing else."""
        ...


class InvalidProposal(Exception):
    """Something was said that is no proposal: an invalid step, whose structured error the next turn sees."""

    def __init__(self, code: str, message: str, raw: str = "", proposer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.raw = raw
        self.proposer = proposer


class NoProposal(Exception):
    """This proposer has nothing to say here; the next of the chain is asked."""


class Unavailable(Exception):
    """This proposer can't be reached now. `retry_after` is in seconds, where the provider named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


PLAN_SCHEMA: dict[str, JSON] = {
    "type": "object",
    "required": ["steps"],
    "additionalProperties": False,
    "properties": {
        "steps": {
            "type": "array",
            "minItems": 1,
            "description": "The tool calls in the order in which they are to run.",
            "items": {
                "type": "object",
                "required": ["id", "tool", "purpose"],
                "additionalProperties": False,
                "properties": {
                    "id": {
                        "type": "string",
                        "pattern": STEP_ID,
                        "description": 'A short name, unique in the plan, such as "s1".',
                    },
                    "tool": {"type": "string", "description": "The name of one of the agent's tools."},
                    "purpose": {"type": "string", "minLength": 1, "description": "What the step is for."},
                    "arguments": {
                        "type": "object",
                        "description": (
                            "The tool's arguments. Any value may be an object with the one key $from, naming an "
                            'earlier step and a JSON Pointer into its result, such as {"$from": "s1#/total"}. Leave '
                            "arguments out where they can't be known yet: you are asked when the step's turn comes."
                        ),
                    },
                },
            },
        }
    },
}


def control_offers(definition: AgentDefinition) -> tuple[ToolOffer, ...]:
    """The four control tools of an agent, in their fixed order; `finish` takes what its result schema says."""
    plan, finish, ask, escalate = _CONTROL_OFFERS
    if definition.result_schema:
        finish = ToolOffer(finish.name, finish.description, _one("result", definition.result_schema))
    return plan, finish, ask, escalate


def question(asker: AgentDefinition, text: str, answer: ToolOffer) -> ProposalRequest:
    """One question about a text, beside a task's steps: the asker's prompt is the question, the text is only data.

    Asked like any turn, by `propose(question(…), proposers(task, definition, purpose))`; the proposal is a call of
    the one tool, `answer`, whose arguments the caller validates.
    """
    return ProposalRequest(
        agent=asker,
        goal=text,
        inputs={},
        offers=(answer,),
        history=(),
        plan=(),
        turn="question",
        planned=None,
        allowed=frozenset({answer.name}),
    )


def error_of(call: PastCall) -> dict[str, JSON]:
    """The structured error of a refused or failed call, always with `code` and `message`."""
    return error_of_result(call.result)


def error_of_result(result: JSON) -> dict[str, JSON]:
    error = result.get("error") if isinstance(result, Mapping) else None
    if isinstance(error, Mapping):
        return {"code": "unknown", "message": "The call failed and no reason was given.", **error}
    return {"code": "unknown", "message": str(error or result or "The call failed and no reason was given.")}


def read_envelope(name: str, raw_input: object, request: ProposalRequest, proposer: str) -> Proposal:
    """Reads one call as a proposal: `raw_input` is the parsed input, or its JSON text.

    1. The name is one that is offered, and allowed this turn.
    2. The input is the envelope: reasoning, confidence in [0, 1], arguments as an object, nothing else.
    3. The arguments can be stored: finite numbers, no NUL, no half surrogates, no absurd depth.
    4. A control tool's arguments fit its schema. (Those of other tools are for policy, after normalising.)

    Raises InvalidProposal with a stable code, and a sentence that says what to do.
    """
    offer = _offered(name, raw_input, request, proposer)
    envelope = _parsed(raw_input, proposer)
    problems = list(_envelope_problems(envelope))
    if problems:
        message = " ".join(message for _, message in problems)
        raise _invalid(problems[0][0], message, raw_input, proposer)
    try:
        canonical(envelope)
    except NotJson as error:
        message = f"The input can't be stored: {error}. Leave that out or write it differently."
        raise _invalid("envelope.unstorable", message, raw_input, proposer) from None
    arguments = envelope["arguments"]
    if name in CONTROL_TOOLS and (wrong := validate(offer.input_schema, arguments)):
        message = f"The arguments of {name} are wrong. " + " ".join(
            f"{one.path or '/'}: {one.message}" for one in wrong
        )
        raise _invalid("schema.invalid", message, raw_input, proposer)
    return Proposal(name, envelope["reasoning"].strip(), float(envelope["confidence"]), arguments, proposer)


def _invalid(code: str, message: str, raw_input: object, proposer: str) -> InvalidProposal:
    return InvalidProposal(code, message, _text(raw_input), proposer)


def _offered(name: str, raw_input: object, request: ProposalRequest, proposer: str) -> ToolOffer:
    offers = {offer.name: offer for offer in request.offers}
    if name not in offers:
        close = nearest(name, offers, limit=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        message = f"There is no tool {name[:100]!r}.{hint} The tools are {', '.join(offers)}."
        raise _invalid("tool.unknown", message, raw_input, proposer)
    if name not in request.allowed:
        may = ", ".join(one for one in offers if one in request.allowed)
        raise _invalid("turn.not_allowed", f"{name} can't be called now. Call one of {may}.", raw_input, proposer)
    return offers[name]


def _parsed(raw_input: object, proposer: str) -> dict[str, JSON]:
    value = raw_input
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            message = f"The input is not JSON that can be read ({error}). Send one JSON object: {ENVELOPE}."
            raise _invalid("envelope.not_json", message, raw_input, proposer) from None
    if not isinstance(value, dict):
        message = f"The input is {_kind(value)}, not an object. Send {ENVELOPE}."
        raise _invalid("envelope.missing", message, raw_input, proposer)
    return value


def _envelope_problems(envelope: dict[str, JSON]) -> Iterator[tuple[str, str]]:
    if not _KEYS & set(envelope):
        inside = ", ".join(map(str, list(envelope)[:12])) or "nothing"
        yield "envelope.missing", f"The envelope is missing. Send {ENVELOPE}; the input had {inside}."
        return
    others = [str(key) for key in envelope if key not in _KEYS]
    if others:
        yield (
            "envelope.unknown_key",
            f"The envelope has no {', '.join(others[:12])}. What the tool takes belongs inside arguments.",
        )
    reasoning = envelope.get("reasoning")
    if not isinstance(reasoning, str) or not reasoning.strip():
        yield "envelope.reasoning", "reasoning must say why in a sentence or two."
    confidence = envelope.get("confidence")
    if not is_confidence(confidence):
        shown = repr(confidence)[:60] if "confidence" in envelope else "missing"
        yield "envelope.confidence", f"confidence must be a number from 0 to 1; it is {shown}."
    if not isinstance(envelope.get("arguments"), dict):
        shown = _kind(envelope["arguments"]) if "arguments" in envelope else "missing"
        yield "envelope.arguments", f"arguments must be an object, {{}} if there are none; it is {shown}."


def is_confidence(value: object) -> bool:
    """Is it a number from 0 to 1? NaN, booleans and texts are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _one(name: str, schema: dict[str, JSON]) -> dict[str, JSON]:
    return {"type": "object", "required": [name], "additionalProperties": False, "properties": {name: schema}}


_CONTROL_OFFERS = (
    ToolOffer("propose_plan", "Propose the steps that reach the goal, or a new plan for what is left.", PLAN_SCHEMA),
    ToolOffer(
        "finish",
        "End the task: the goal is reached, and this is the result.",
        _one(
            "result",
            {"type": "string", "minLength": 1, "description": "The answer to the goal, for the person who set it."},
        ),
    ),
    ToolOffer(
        "ask",
        "Ask the person who set the goal for something that is missing. The task waits for the answer.",
        _one("question", {"type": "string", "minLength": 1, "maxLength": 2000}),
    ),
    ToolOffer(
        "escalate",
        "Hand the task to a person, because it can't or should not be decided here.",
        _one("reason", {"type": "string", "minLength": 1, "maxLength": 4000}),
    ),
)
"""Shared by all tasks: each offer keeps its schema's text."""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[:RAW_LIMIT]
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:RAW_LIMIT]
    except (TypeError, ValueError, RecursionError):
        return repr(type(value))
