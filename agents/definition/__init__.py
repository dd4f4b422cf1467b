"""What is an agent version? Its definition as one immutable value, and how it is read from YAML.

`model` has its shape and `rules` that of its constraints, `loading` reads and writes YAML, `coherence` finds what
contradicts itself between the parts.
"""

from agents.definition.model import (
    ABOUT_CALLS,
    MAY_EXPIRE,
    STEP_ID,
    AgentDefinition,
    ApprovalRule,
    Bands,
    Branch,
    BudgetLimits,
    Deadline,
    Guard,
    Limits,
    Listing,
    ModelsFor,
    Privacy,
    Purpose,
    Question,
    Recipe,
    RecipeStep,
    Trigger,
    Wording,
    length_of,
)
from agents.definition.part import JSON
from agents.definition.rules import Ceiling, Comparison, Constraint, Hours

__all__ = [
    "ABOUT_CALLS",
    "JSON",
    "MAY_EXPIRE",
    "STEP_ID",
    "AgentDefinition",
    "ApprovalRule",
    "Bands",
    "Branch",
    "BudgetLimits",
    "Ceiling",
    "Comparison",
    "Constraint",
    "Deadline",
    "Guard",
    "Hours",
    "Limits",
    "Listing",
    "ModelsFor",
    "Privacy",
    "Purpose",
    "Question",
    "Recipe",
    "RecipeStep",
    "Trigger",
    "Wording",
    "length_of",
]
