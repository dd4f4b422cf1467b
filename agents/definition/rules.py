"""What may an administrator forbid, or have a person asked about? One constraint: a tool, a verdict, why, and when.

`when` looks at the arguments, `facts` at the task. A constraint may hold besides one of three things that a JSON Schema
can't say: `must` compares an argument with a fact, `limit` counts or sums calls, `outside` knows the hours.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from agents.definition.conditions import property_conditions
from agents.definition.part import Condition, Part

FACT = r"^[a-zA-Z0-9_-]{1,64}#((?:/(?:[^~/]|~[01])*)*)$"
"""A tool's name, “inputs” or “submitter”, and a JSON Pointer into what it stands for."""
POINTER = r"^(?:/(?:[^~/]|~[01])*)*$"
TASK_FACTS = ("inputs", "submitter")
"""The facts that are not the result of a tool."""

Argument = Annotated[str, Field(min_length=1, max_length=100)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Comparison(Part):
    """What must hold between an argument and a fact. A fact that is not known holds for nothing."""

    argument: Argument
    operator: Literal["at_most", "at_least", "below", "above", "equals", "differs"]
    fact: str = Field(pattern=FACT, max_length=300)
    """Where the fact is: "get_order#/paid" in the newest result of that tool, "inputs#/limit", "submitter#/name"."""
    same: dict[Argument, Annotated[str, Field(pattern=POINTER)]] = Field(default_factory=dict)
    """Argument → pointer into the result: only a result that says the same there counts."""

    @property
    def source(self) -> str:
        return self.fact.partition("#")[0]

    @property
    def pointer(self) -> str:
        return self.fact.partition("#")[2]

    @model_validator(mode="after")
    def _same_is_about_results(self) -> Self:
        if self.same and self.source in TASK_FACTS:
            raise ValueError(f"`same` chooses among the results of a tool; {self.source} is one fact, so leave it out")
        return self


class Ceiling(Part):
    """How many calls, or how large a sum, before the constraint holds. Started and executed calls count."""

    most: Decimal = Field(ge=0, le=10**12)
    sum: str = Field(default="", max_length=100)
    """The argument that is summed; empty: calls are counted."""
    within: Literal["task", "day", "ever"] = "day"
    each: str = Field(default="", max_length=100)
    """The argument each of whose values has a limit of its own, such as the customer; empty: one limit for all."""


class Hours(Part):
    """Business hours. The constraint holds outside of them."""

    opens: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    days: tuple[Day, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}; write one like Europe/Lisbon or UTC") from None
        return zone

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(f"it opens at {self.opens} and closes at {self.closes}: hours end on the day they begin")
        return self


class Constraint(Part):
    """A rule that may tighten a verdict: where everything that it says is so, it is a review or a denial."""

    tool: str | None = None
    """The tool it is about; None is any tool."""
    verdict: Literal["deny", "review"]
    why: str = Field(min_length=1)
    when: Condition = Field(default_factory=dict)
    """A JSON Schema over the normalised arguments; empty means always."""
    facts: Condition = Field(default_factory=dict)
    """A JSON Schema over the task's facts (`submitter`, `inputs`). A fact that is missing counts as met."""
    must: Comparison | None = None
    limit: Ceiling | None = None
    outside: Hours | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        tests = [name for name in ("must", "limit", "outside") if getattr(self, name) is not None]
        if len(tests) > 1:
            raise ValueError(f"a constraint has one of must, limit and outside; write {' and '.join(tests)} as two")
        if self.tool is None and (self.must or (self.limit and (self.limit.sum or self.limit.each))):
            raise ValueError("it names an argument, so say which tool it is about")
        if self.limit and self.facts:
            raise ValueError("a limit counts everybody's calls, so it can't look at the facts of one task")
        return self

    def looks_at(self, fact: str) -> bool:
        """Does it look at this fact of the task: `submitter` or `inputs`?"""
        named = {name for name, _ in property_conditions(self.facts)}
        return fact in named or (self.must is not None and self.must.source == fact)
