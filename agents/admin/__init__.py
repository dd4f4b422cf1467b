"""How do people see agents and tasks? The pages of the admin; each class translates and calls one service function."""

from agents.admin import agents, operations, spending, tasks

__all__ = ["agents", "operations", "spending", "tasks"]
