"""What must policy know of the task? The facts that the engine gathers before it asks for a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from agents.policy.provenance import Origin
from agents.policy.whose import Told


@dataclass(frozen=True)
class Denial:
    """Something that is forbidden now, whatever the agent's version says: a kill switch, a sum that is used up."""

    tool: str | None
    """The tool it is about; None is every tool."""
    why: str


@dataclass(frozen=True)
class Facts:
    """The state of a task that rules look at. Calls are named by `agents.policy.repeats.call_digest`."""

    steps_left: int
    plan_tools: frozenset[str] | None = None
    """The tools of the validated plan in force; None while there is no plan."""
    past_calls: Mapping[str, int] = field(default_factory=dict)
    """Call digest → how often that very call was made in this task."""
    rejected_calls: frozenset[str] = frozenset()
    """Digests of calls that a person rejected in this task."""
    guided_since_rejection: frozenset[str] = frozenset()
    """Those of the rejected calls after whose rejection a person gave guidance."""
    denials: tuple[Denial, ...] = ()
    submitter: str = ""
    known_steps: frozenset[str] = frozenset()
    """Ids of steps whose results a new plan may refer to, beside its own earlier steps."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What constraints may ask of the task: `submitter` (name, groups, teams) and `inputs`."""
    results: tuple[tuple[str, Any], ...] = ()
    """Tool and result of each call that succeeded, oldest first."""
    used: Mapping[int, Decimal] = field(default_factory=dict)
    """Place of a constraint with a limit → what is used of it already, for the call in question."""
    now: datetime | None = None
    call_sequence: tuple[str, ...] = ()
    """The digests of the calls that were made, in order."""
    steps_without_news: int = 0
    """How many of the last steps in a row brought no result that was not there before."""
    plan_lengths: tuple[int, ...] = ()
    """How many steps each accepted plan had, oldest first, since a person last gave guidance."""
    origins: tuple[Origin, ...] = ()
    """Where each value of the call in question comes from; empty where nobody asks, as for a read inside the house."""
    scope: Mapping[str, int] | None = None
    """How often each tool may still be called by the plan that was fixed before untrusted text was read, or that a
    person approved since; None while the proposer has read nothing untrusted."""
    by_recipe: bool = False
    """Is the call in question a recipe's, which is the house's own plan and no model's?"""
    handed_back_by: str = ""
    """Who gave the task back with guidance, until a plan made since is in force; else empty."""
    secrets: frozenset[str] = frozenset()
    """Values that must not be said to anybody, whatever the call."""
    told: Told | None = None
    """What the task was told and has read, where the call says something to people outside."""
