"""What is an agent version? Its definition as one immutable value, and how it is read from YAML.

`model` has its shape, `loading` reads and writes YAML, `coherence` finds what contradicts itself between the parts.
"""

from agents.definition.model import (
    JSON,
    STEP_ID,
    AgentDefinition,
    ApprovalRule,
    Bands,
    Branch,
    BudgetLimits,
    Constraint,
    Limits,
    Listing,
    ModelsFor,
    Purpose,
    Question,
    Recipe,
    RecipeStep,
)

__all__ = [
    "JSON",
    "STEP_ID",
    "AgentDefinition",
    "ApprovalRule",
    "Bands",
    "Branch",
    "BudgetLimits",
    "Constraint",
    "Limits",
    "Listing",
    "ModelsFor",
    "Purpose",
    "Question",
    "Recipe",
    "RecipeStep",
]
