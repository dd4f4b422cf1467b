"""What can a tool do to its caller? One tool for each effect, and an argument that says how the call ends.

`manner` is how it ends:

| manner | what happens |
| --- | --- |
| `well` | it happens and answers |
| `lost_before`, `lost_after` | an unexplained exception, before or after it happened |
| `late_before`, `late_after` | a timeout, before or after it happened |
| `first_lost_before`, `first_lost_after` | so the first call with a key; later calls go well |
| `then_busy`, `then_nothing` | the first call with a key goes well; later ones are busy, or say that nothing happened |
| `lost_then_busy`, `lost_then_nothing` | the same, but the first call happens and is lost |
| `nothing` | it knows that nothing happened |
| `busy_2` | not available for the first two calls with a key, then well |
| `error_inside` | nothing happened, and the answer looks like a success with an error in it |
| `no_json` | it happened, and the answer can't be written down |
| `exits` | it ends its thread as `sys.exit` does |
| `kills` | it kills the worker's whole process |
| `waits` | it happens, and the answer waits at the test's gate |
| `waits_first` | it waits at the test's gate, and then happens |
"""

import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from tests.desk import gates
from tests.desk.models import Entry, Fact
from tools.canonical import JSON
from tools.context import ToolContext
from tools.errors import NothingHappened, TemporarilyUnavailable
from tools.registry import Reconciled, tool
from tools.verifiers import Comparison, all_of, has, no_error_in_body, read_back

Answer = dict[str, Any]

BRIEF = 0.1
"""Seconds that a reconcilable call may take: a test waits that long, and the margin, before it is asked about."""


def _look(what: str, manner: str = "well", *, context: ToolContext) -> Answer:
    """Look at a subject; nothing changes.

    Args:
        what: The subject.
        manner: How the call ends.
    """
    return _call("look", what, manner, context, happens=False)


def _effect(name: str) -> Callable[..., Answer]:
    """The function of one effect, under the name by which the ledger knows it."""

    def effect(what: str, manner: str = "well", *, context: ToolContext) -> Answer:
        """Do something to a subject.

        Args:
            what: The subject.
            manner: How the call ends.
        """
        return _call(name, what, manner, context, happens=True)

    return effect


def _call(name: str, what: str, manner: str, context: ToolContext, *, happens: bool) -> Answer:
    held = {"had_connection": connection.connection is not None, "had_transaction": connection.in_atomic_block}
    if manner == "waits_first":
        gates.wait_at(what)
    entry = _write(name, what, manner, context, happens, held)
    _end(manner, what, entry)
    return _answer(manner, {"entry": entry.pk, "what": what, "call": entry.call})


def _write(name: str, what: str, manner: str, context: ToolContext, happens: bool, held: dict[str, bool]) -> Entry:
    with transaction.atomic():
        call = Entry.objects.filter(key=context.idempotency_key).count() + 1
        return Entry.objects.create(
            tool=name,
            key=context.idempotency_key,
            task=context.task_id,
            subject=what,
            call=call,
            happened=happens and _happens(manner, call),
            denied=_denies(manner, call),
            process=os.getpid(),
            **held,
        )


def _happens(manner: str, call: int) -> bool:
    match manner.split("_"):
        case ["lost" | "late", "before"] | ["error", "inside"]:
            return False
        case ["first", "lost", "before"]:
            return call > 1
    return not _denies(manner, call)


def _denies(manner: str, call: int) -> bool:
    match manner.split("_"):
        case ["nothing"]:
            return True
        case ["busy", times]:
            return call <= int(times)
        case [*_, "then", _]:
            return call > 1
    return False


def _end(manner: str, what: str, entry: Entry) -> None:
    """Ends the call without an answer, where the manner says so."""
    match manner.split("_"):
        case ["lost", _]:
            raise RuntimeError("The line went dead.")
        case ["first", "lost", _] | ["lost", "then", _] if entry.call == 1:
            raise RuntimeError("The line went dead.")
        case ["late", _]:
            raise TimeoutError("No answer in time.")
        case [*_, "nothing"] if entry.denied:
            raise NothingHappened(f"The desk does not know {what}.")
        case ["busy", _] | [*_, "busy"] if entry.denied:
            raise TemporarilyUnavailable("The desk is busy.")
        case ["exits"]:
            raise SystemExit(1)
        case ["kills"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["waits"]:
            gates.wait_at(what)


def _answer(manner: str, answer: Answer) -> Answer:
    match manner:
        case "error_inside":
            return {**answer, "status": 200, "body": {"error": "refused by the desk"}}
        case "no_json":
            return {**answer, "more": object()}
    return answer


def _entry_of(context: ToolContext) -> Entry | None:
    return Entry.objects.filter(key=context.idempotency_key, happened=True).first()


def _stands(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Comparison:
    entry = _entry_of(context)
    return Comparison(expected=arguments["what"], found=entry and entry.subject)


def _did(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
    """Looks the key up in the ledger, unless a fact says that the desk can't be reached."""
    if Fact.objects.filter(name=f"unreachable:{arguments['what']}").exists():
        raise ConnectionError("The desk can't be reached.")
    entry = _entry_of(context)
    return Reconciled(True, {"entry": entry.pk, "what": entry.subject}) if entry else Reconciled(False)


def _relies_on(arguments: dict[str, Any]) -> JSON:
    return list(Fact.objects.filter(name=f"relied:{arguments['what']}").values_list("value", flat=True)) or None


VERIFIED = all_of(has("entry"), no_error_in_body(), read_back(_stands, "the ledger has it"))


def _register(name: str, **declared: Any) -> None:
    tool(name=name, sentence=f"{name} {{what}}", **declared)(_effect(name))


tool(name="look", effect="read", stakes="low", trusted=True, sentence="look at {what}", deadline_seconds=60)(_look)
for _name in ("idempotent", "reconcilable", "once"):
    _declared: dict[str, Any] = {"effect": _name, "verify": VERIFIED, "deadline_seconds": 60}
    if _name == "reconcilable":
        _declared |= {"reconcile": _did, "deadline_seconds": BRIEF}
    _register(_name, stakes="low", **_declared)
    _register(f"{_name}_asked", stakes="high", **_declared)
_register("once_unverified", effect="once", stakes="low", deadline_seconds=60)
_register("once_relying", effect="once", stakes="high", verify=VERIFIED, precondition=_relies_on, deadline_seconds=60)
_register("by_model", effect="idempotent", stakes="low", verify=VERIFIED, unverified="retry_by_model")
