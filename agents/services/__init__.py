"""The only door that writes: everything people and other rooms may do to a task, one function for each verb."""

from agents.services.resuming import (
    accept_result,
    approve_action,
    approve_plan,
    confirm_happened,
    confirm_not_happened,
    edit_action,
    extend,
    finish_by_person,
    give_back,
    parked,
    reject_action,
    reject_plan,
    respond,
    retry_result,
    take_over,
    terminate,
)
from agents.services.submitting import answer, cancel, submit

__all__ = [
    "accept_result",
    "answer",
    "approve_action",
    "approve_plan",
    "cancel",
    "confirm_happened",
    "confirm_not_happened",
    "edit_action",
    "extend",
    "finish_by_person",
    "give_back",
    "parked",
    "reject_action",
    "reject_plan",
    "respond",
    "retry_result",
    "submit",
    "take_over",
    "terminate",
]
