"""What is an agent version? Its definition as one immutable value, and how it is read from YAML.

`model` has its shape, `loading` reads and writes YAML, `coherence` finds what contradicts itself between the parts.
"""

from agents.definition.model import (
    ABOUT_CALLS,
    JSON,
    MAY_EXPIRE,
    STEP_ID,
    AgentDefinition,
    ApprovalRule,
    Bands,
    Branch,
    BudgetLimits,
    Constraint,
    Deadline,
    Limits,
    Listing,
    ModelsFor,
    Purpose,
    Question,
    Recipe,
    RecipeStep,
    length_of,
)

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
    "Constraint",
    "Deadline",
    "Limits",
    "Listing",
    "ModelsFor",
    "Purpose",
    "Question",
    "Recipe",
    "RecipeStep",
    "length_of",
]
