"""What is an agent version? Its prompt, proposers, tools, rules, limits and playbook, as one immutable value.

A definition is data: it is stored whole as JSON in `AgentVersion.definition` and read back with
`AgentDefinition.model_validate`. `agents.definition.loading` reads it from YAML and names every mistake at its line.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from agents.definition.conditions import check_condition
from agents.definition.part import JSON, Condition, Part, ToolName, refuse
from agents.definition.patterns import check_pattern
from agents.definition.rules import Constraint

STEP_ID = r"^[a-zA-Z0-9_-]{1,40}$"

ModelName = Annotated[str, Field(pattern=r"^(playbook|(anthropic|openai):\S+)$", max_length=160)]
RealModelName = Annotated[str, Field(pattern=r"^(anthropic|openai):\S+$", max_length=160)]
Purpose = Literal["planning", "acting", "screening"]
Asked = Literal["plan", "action", "result", "in_doubt", "limit", "escalation", "takeover"]
"""What people are asked: the kinds of review request."""

ABOUT_CALLS = frozenset({"action", "result", "in_doubt"})
MAY_EXPIRE = frozenset({"plan", "action", "limit", "escalation"})
"""Questions to which no answer may mean no. What has run, or may have run, is for a person to settle."""


_DURATION = re.compile(r"([1-9][0-9]{0,3})(min|h|d)", re.ASCII)
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def length_of(duration: str) -> timedelta:
    """How long a duration is, as people write it. Raises ValueError for what is none."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is no length of time: write it like 30min, 4h or 2d")
    return int(found[1]) * _UNITS[found[2]]


def _is_duration(text: str) -> str:
    length_of(text)
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]
"""A length of time: 30min, 4h, 2d."""


class ApprovalRule(Part):
    """How many people countersign a call, and of which group. The first rule that matches a call applies to it."""

    kind: Literal["plan", "limit", "escalation"] | None = None
    """Another question than one about a call; None is a call."""
    tool: ToolName | None = None
    """The tool it is about; None is any tool."""
    when: Condition = Field(default_factory=dict)
    """A JSON Schema over the normalised arguments, as in constraints; empty means always."""
    needed: int = Field(default=1, ge=1, le=10)
    """How many different people approve. Neither the submitter nor, where several do, who edited the call counts."""
    group: str = Field(default="", max_length=150)
    """The group whose members approve; empty means whoever may decide review requests."""
    password: bool = False
    """Whether who lets the call run types their password once more; such a call is of critical risk."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is not None and (self.tool or self.when or self.password):
            raise ValueError(f"a question of kind {self.kind} is about no call: leave out tool, when and password")
        if self.kind in ("limit", "escalation") and self.needed > 1:
            raise ValueError(f"one person answers a question of kind {self.kind}: leave out needed")
        return self


class Deadline(Part):
    """By when people answer a question, and what happens when nobody does. The first rule that matches applies."""

    kind: Asked | None = None
    """What is asked; None is anything."""
    tool: ToolName | None = None
    """The tool that it is about; None is any, or none."""
    when: Condition = Field(default_factory=dict)
    """A JSON Schema over the normalised arguments, as in constraints; empty means always."""
    due: Duration | None = None
    """From the moment that it is asked, like everything here but `remind`."""
    remind: Duration | None = None
    """How long before it is due people are reminded."""
    escalate_to: str = Field(default="", max_length=150)
    """The group to which it goes when it is due; its members may approve it as well."""
    expires: Duration | None = None
    then: Literal["reject", "hand_on"] = "reject"
    """When it expires, nothing is ever approved: it is rejected, or a person takes it from there."""

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.due is None and self.expires is None:
            raise ValueError("say when it is due, when it expires, or both")
        if self.due is None and (self.remind or (self.escalate_to and self.then != "hand_on")):
            raise ValueError("remind and escalate_to go by the due time: say when it is due")
        if self.due and self.remind and length_of(self.remind) >= length_of(self.due):
            raise ValueError(f"a reminder {self.remind} before what is due after {self.due} would come at once")
        if self.due and self.expires and length_of(self.expires) <= length_of(self.due):
            raise ValueError(f"it would expire ({self.expires}) before it is due ({self.due})")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is not None and self.kind not in ABOUT_CALLS and (self.tool or self.when):
            raise ValueError(f"a question of kind {self.kind} is about no call: leave out tool and when")
        if self.kind is not None and self.kind not in MAY_EXPIRE and self.expires:
            raise ValueError(f"a person settles what is asked as {self.kind}, so it never expires: leave out expires")
        return self


class Limits(Part):
    """How far a task of this agent may go."""

    max_steps: int = Field(default=12, ge=1, le=1000)
    ceiling_steps: int = Field(default=40, ge=1, le=1000)
    """How far people may extend a task, step by step."""
    max_plan_steps: int = Field(default=20, ge=1, le=1000)
    same_call: int = Field(default=2, ge=1)
    """How many identical calls run before a person is asked."""
    steps_without_news: int = Field(default=8, ge=2, le=1000)
    """How many steps in a row may bring no result that was not there before, until a person is asked."""
    goals_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    """How many goals one submitter may give this agent within a minute."""
    patience_seconds: float = Field(default=900.0, ge=0, le=30 * 24 * 3600)
    """How long a task waits while no model of the chain can be reached, before a person is asked."""

    @model_validator(mode="after")
    def _ceiling_is_above(self) -> Self:
        if self.ceiling_steps < self.max_steps:
            raise ValueError(
                f"ceiling_steps ({self.ceiling_steps}) is below max_steps ({self.max_steps}): raise it, "
                "or lower max_steps"
            )
        return self


class BudgetLimits(Part):
    """What this agent may spend on models. Whatever is tighter applies: this, or what the operator set."""

    task_dollars: Decimal | None = Field(default=None, gt=0, le=1_000_000)
    task_tokens: int | None = Field(default=None, gt=0)
    day_dollars: Decimal | None = Field(default=None, gt=0, le=1_000_000)
    """All tasks of the agent together, in a day."""
    day_tokens: int | None = Field(default=None, gt=0)


class ModelsFor(Part):
    """A model that is asked first for one purpose. The rest of the chain stays behind it."""

    planning: RealModelName | None = None
    acting: RealModelName | None = None
    screening: RealModelName | None = None


class Bands(Part):
    """What a stated confidence leads to: at or above `go` go; `flag` go and flag; `ask` review; below, hand over."""

    go: float = Field(default=0.90, ge=0, le=1)
    flag: float = Field(default=0.70, ge=0, le=1)
    ask: float = Field(default=0.50, ge=0, le=1)
    go_errors: float = Field(default=0.02, ge=0, le=1)
    """The share of errors that `go` may let through before the calibration page warns."""
    flag_errors: float = Field(default=0.10, ge=0, le=1)

    @model_validator(mode="after")
    def _bands_descend(self) -> Self:
        if not self.ask <= self.flag <= self.go:
            raise ValueError(f"the bands must descend: go {self.go} ≥ flag {self.flag} ≥ ask {self.ask}")
        return self


class Branch(Part):
    """What a playbook says instead of going on, when every condition in `when` holds: exactly one of three things."""

    when: dict[str, dict[str, JSON]] = Field(default_factory=dict)
    """Step id, value name, or `error` (inside `on_error`) → JSON Schema on it; empty always holds."""
    finish: str | dict[str, JSON] | None = None
    escalate: str | None = None
    ask: dict[str, str] | None = None
    """One name and the question; the submitter's answer becomes the value of that name, and the recipe goes on."""

    @field_validator("when")
    @classmethod
    def _conditions_are_sound(cls, when: dict[str, dict[str, JSON]]) -> dict[str, dict[str, JSON]]:
        for name, condition in when.items():
            refuse(check_condition(condition), prefix=f"{name}: ")
        return when

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [name for name in ("finish", "escalate", "ask") if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"say exactly one of finish, escalate or ask; this says {', '.join(said) or 'none'}")
        if self.ask is not None and len(self.ask) != 1:
            raise ValueError('ask takes one name and its question, like {new_address: "Which address?"}')
        return self


class RecipeStep(Part):
    """One tool call of a recipe's plan."""

    id: str = Field(pattern=STEP_ID)
    tool: ToolName
    purpose: str = Field(min_length=1)
    arguments: dict[str, JSON] = Field(default_factory=dict)
    """Templates ({group}, {step.pointer}), references ({$from: "step#/pointer"}) and plain values."""
    unless: tuple[Branch, ...] = ()
    """Looked at when the step's turn comes; the first that holds is said instead."""
    on_error: tuple[Branch, ...] = ()
    """Looked at when the step's call was refused or failed; none holding means escalate."""


class Question(Part):
    """What the submitter is asked for a value, and patterns that read the value into its parts.

    The patterns are for a value from the goal as well; one that fits none of them is asked for.
    """

    question: str = Field(min_length=1)
    match: tuple[str, ...] = ()

    @field_validator("match")
    @classmethod
    def _patterns_are_safe(cls, match: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in match:
            check_pattern(pattern)
        return match


class Listing(Part):
    """A list in a result as text for people: one line for each of its objects."""

    of: str = Field(pattern=r"^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$")
    """Where the list is: step id and path, like "orders.orders"."""
    each: str = Field(min_length=1)
    """A template over the members of one object."""
    empty: str = "none"


class Recipe(Part):
    """Patterns on the goal, and the plan that they stand for."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    match: tuple[str, ...] = Field(min_length=1)
    defaults: dict[str, str] = Field(default_factory=dict)
    """What a name stands for when the goal and the answer leave it empty."""
    ask: dict[str, str | Question] = Field(default_factory=dict)
    """Names that the goal may leave out, and what the submitter is asked then, once."""
    numbers: tuple[str, ...] = ()
    """Names whose text stands for a number ("12.50"), so that arguments get the number."""
    lists: dict[str, Listing] = Field(default_factory=dict)
    plan: tuple[RecipeStep, ...] = ()
    outcomes: tuple[Branch, ...] = ()
    finish: str | dict[str, JSON]

    @field_validator("match")
    @classmethod
    def _patterns_are_safe(cls, match: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in match:
            check_pattern(pattern)
        return match


class Wording(Part):
    """Something that may be written or said: whole words in any case, patterns, or both."""

    why: str = Field(min_length=1, max_length=300)
    """What it means when it is found, for people."""
    words: tuple[str, ...] = ()
    match: tuple[str, ...] = ()

    @field_validator("match")
    @classmethod
    def _patterns_are_safe(cls, match: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in match:
            check_pattern(pattern)
        return match

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not any(word.strip() for word in self.words) and not self.match:
            raise ValueError("say what to look for: words, match, or both")
        return self


class Trigger(Wording):
    """A wording that hands the task over, whoever it comes from."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")


TriggerName = Literal["person", "anger", "threat", "legal", "competitor", "price", "self_harm"]


class Guard(Part):
    """What the agent looks out for, in what it reads, what people write to it and what it is about to say."""

    untrusted_inputs: tuple[str, ...] = ()
    """Inputs that hold text of strangers, such as a customer's e-mail: believed as little as an answer of a tool."""
    triggers: tuple[TriggerName, ...] = ("person", "threat", "legal", "self_harm")
    """The house's own rules that hand a task over."""
    own_triggers: tuple[Trigger, ...] = ()
    never_say: tuple[Wording, ...] = ()
    """What neither a result nor a message may say unseen, such as promises."""
    others_data: tuple[Literal["messages", "results"], ...] = ("messages", "results")
    """Where somebody else's data are looked for: in messages, and in results and questions."""
    ours: tuple[Annotated[str, Field(min_length=3, max_length=200)], ...] = ()
    """Nobody's data: domains of mail addresses, addresses and numbers of the house's own."""
    blocks: tuple[Wording, ...] = ()
    """What is put before a person instead of before the model, wherever it is written."""
    off_topic: tuple[Wording, ...] = ()
    """Goals that this agent is not for."""
    declines: str = Field(
        default="This is not something that can be done here. Say what else you need, or write “a person” and a "
        "colleague will look at it.",
        min_length=1,
        max_length=1000,
    )
    """What the submitter of such a goal reads."""


PersonalKind = Literal["email", "phone", "card", "iban", "national_id"]


class Privacy(Part):
    """What of people's data no model is shown: placeholders stand there, and the values come back in what it says."""

    kinds: tuple[PersonalKind, ...] = ("card", "iban", "national_id")
    """Found by their form and check digits, wherever they stand."""
    fields: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    """Names of members, such as `name` and `street`, of inputs, results and arguments: their values are hidden there,
    and in every other text of the task."""

    @property
    def hides(self) -> bool:
        return bool(self.kinds or self.fields)


class AgentDefinition(Part):
    """Everything that makes one version of an agent."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=50)
    title: str = Field(min_length=1, max_length=200)
    description: str = ""
    prompt: str = Field(min_length=1)
    models: tuple[ModelName, ...] = Field(default=("playbook",), min_length=1)
    """The chain: "playbook", "anthropic:<model>", "openai:<model>"; the first with something to say is heard."""
    models_for: ModelsFor = ModelsFor()
    tools: tuple[ToolName, ...]
    constraints: tuple[Constraint, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    approve_plans: bool = False
    limits: Limits = Limits()
    budget: BudgetLimits = BudgetLimits()
    confidence: Bands = Bands()
    guard: Guard = Guard()
    privacy: Privacy = Privacy()
    spot_checks: float = Field(default=0.0, ge=0, le=1)
    """The share of effects that ran by themselves which a person looks at afterwards, beside those flagged."""
    handover: str = Field(min_length=1)
    """The sentence a submitter reads when the agent hands over."""
    input_schema: dict[str, JSON] | None = None
    result_schema: dict[str, JSON] | None = None
    playbook: tuple[Recipe, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def asks_who_submitted(self) -> bool:
        """Does any constraint look at the submitter?"""
        return any(one.looks_at("submitter") for one in self.constraints)

    def chain(self, purpose: Purpose) -> tuple[str, ...]:
        """Who is asked for this purpose, in order. The purpose's own model comes first among the models."""
        first = getattr(self.models_for, purpose)
        if first is None:
            return self.models
        others = [name for name in self.models if name != first]
        place = next((index for index, name in enumerate(others) if name != "playbook"), len(others))
        return (*others[:place], first, *others[place:])
