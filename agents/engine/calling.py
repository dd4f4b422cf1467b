"""What came of a call? Runs one tool with nothing held, and names every way in which it can end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from agents.engine import spans
from agents.engine.leases import Lease, drop_connection
from agents.storable import bounded, storable, storable_text
from tools.context import ToolContext
from tools.errors import NothingHappened, TemporarilyUnavailable
from tools.registry import Reconciled, Tool

UNREADABLE = "could_not_be_read"
"""The key of a fingerprint that the tool could not take. It vouches for nothing."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answered:
    """The tool answered; `verified` is None where it has no verifier."""

    result: Any
    verification: dict[str, Any] | None

    @property
    def verified(self) -> bool | None:
        return None if self.verification is None else bool(self.verification["ok"])


@dataclass(frozen=True)
class NotDone:
    """The tool says that nothing happened, and why."""

    message: str


@dataclass(frozen=True)
class TryLater:
    """Nothing happened, and it is worth trying again."""

    message: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Unknown:
    """The call ended without an answer that says whether it happened."""

    message: str


Outcome = Answered | NotDone | TryLater | Unknown


def call(lease: Lease, tool: Tool, arguments: dict[str, Any], context: ToolContext) -> Outcome:
    """Runs the tool once, then its verifier, holding no connection. Raises LeaseLost before the call if it is late."""
    with lease.waiting(context.seconds_left()):
        lease.check()
        with spans.tool_call(tool.name, arguments):
            return _run(tool, arguments, context)


def _run(tool: Tool, arguments: dict[str, Any], context: ToolContext) -> Outcome:
    try:
        result = bounded(tool.run(arguments, context))
    except TemporarilyUnavailable as later:
        return TryLater(storable_text(str(later)), later.retry_after)
    except NothingHappened as nothing:
        return NotDone(storable_text(str(nothing)))
    except (Exception, SystemExit) as error:
        log.exception("tool.unexplained", tool=tool.name, task=context.task_id)
        return Unknown(_describe(error))
    # A connection that died while the tool worked must not make its verifier fail.
    drop_connection()
    return verified(tool, result, arguments, context)


def verified(tool: Tool, result: Any, arguments: dict[str, Any], context: ToolContext) -> Answered:
    """The answer, with what the tool's verifier found; a registered verifier never raises."""
    if tool.verify is None:
        return Answered(result, None)
    return Answered(result, bounded(tool.verify(result, arguments, context).as_json()))


def reconcile(lease: Lease, tool: Tool, arguments: dict[str, Any], context: ToolContext) -> Reconciled | Unknown:
    """Asks the tool whether an earlier call with this key happened."""
    if tool.reconcile is None:
        raise RuntimeError(f"{tool.name} is reconcilable and has no reconcile; registration should have refused it.")
    with lease.waiting(context.seconds_left()):
        try:
            return tool.reconcile(arguments, context)
        except (Exception, SystemExit) as error:
            return Unknown(_describe(error))


def fingerprint(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """What an approval of this call relies on, as the tool sees it now; None where the tool names nothing.

    It may read the world, so it is never asked inside a transaction.
    """
    if tool.precondition is None:
        return None
    try:
        return {"fingerprint": storable(tool.precondition(arguments))}
    except Exception as error:
        return {UNREADABLE: _describe(error)[:500]}


def context_for(task_id: int, key: str, deadline: datetime) -> ToolContext:
    return ToolContext(task_id=task_id, idempotency_key=key, deadline=deadline)


def _describe(error: BaseException) -> str:
    return storable_text(f"{type(error).__name__}: {error}")[:2000]
