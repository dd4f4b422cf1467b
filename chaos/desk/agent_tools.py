"""What can be done at this desk? One tool for each effect; all of them are calls to the ledger."""

import http.client
import json
import os
import signal
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from tools.canonical import JSON
from tools.context import ToolContext
from tools.errors import NothingHappened, TemporarilyUnavailable
from tools.registry import Reconciled, tool
from tools.verifiers import Comparison, all_of, has, read_back

DEADLINE = 4.0


def ask_ledger(method: str, path: str, seconds: float, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The ledger's answer; any way of not answering is an exception that says nothing about what happened."""
    place = urlsplit(os.environ["CHAOS_LEDGER"])
    line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=max(seconds, 0.1))
    try:
        try:
            line.connect()
        except ConnectionRefusedError:
            raise TemporarilyUnavailable("The ledger can't be reached.") from None
        line.request(method, path, body and json.dumps(body))
        answer = line.getresponse()
        said = json.loads(answer.read())
    finally:
        line.close()
    match answer.status:
        case 200:
            return dict(said)
        case 422:
            raise NothingHappened(said["error"])
        case 503:
            raise TemporarilyUnavailable(said["error"])
        case status:
            raise RuntimeError(f"The ledger answered {status}: {said['error']}")


def find(key: str, seconds: float = DEADLINE) -> dict[str, Any]:
    """What the ledger knows of a key."""
    return ask_ledger("GET", f"/find?{urlencode({'key': key})}", seconds)


@tool(effect="read", stakes="low", deadline_seconds=10, sentence="look at {what}")
def look(what: str, seconds: float = 0.0, *, context: ToolContext) -> dict[str, Any]:
    """Look at a subject; nothing changes.

    Args:
        what: The subject.
        seconds: How long it takes.
    """
    asked = {"what": what, "task": context.task_id, "seconds": seconds}
    return ask_ledger("GET", f"/look?{urlencode(asked)}", context.seconds_left())


@tool(effect="idempotent", stakes="low", verify=has("never"), deadline_seconds=DEADLINE)
def poison(what: str, note: str = "", *, context: ToolContext) -> dict[str, Any]:
    """Take the whole worker process down, each time.

    Args:
        what: The subject.
        note: A remark.
    """
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _act(name: str, effect: str) -> Callable[..., dict[str, Any]]:
    def act(what: str, note: str = "", *, context: ToolContext) -> dict[str, Any]:
        """Do something to a subject.

        Args:
            what: The subject.
            note: A remark.
        """
        asked = {"op": name, "effect": effect, "key": context.idempotency_key, "task": context.task_id}
        return ask_ledger("POST", "/do", context.seconds_left(), asked | {"what": what, "note": note})

    return act


def _stands(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Comparison:
    return Comparison(expected=arguments["what"], found=find(context.idempotency_key).get("what"))


def _did(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
    found = find(context.idempotency_key, context.seconds_left())
    return Reconciled(found["happened"], found if found["happened"] else None)


VERIFIED = all_of(has("entry"), read_back(_stands, "the ledger has it"))

for _name, _effect, _declared in (
    ("put", "idempotent", {}),
    ("move", "reconcilable", {"reconcile": _did}),
    ("pay", "once", {}),
):
    for _suffix, _stakes in (("", "low"), ("_asked", "high")):
        tool(
            name=_name + _suffix,
            effect=_effect,
            stakes=_stakes,
            verify=VERIFIED,
            deadline_seconds=DEADLINE,
            sentence=f"{_name} {{what}}",
            **_declared,
        )(_act(_name, _effect))
tool(name="refuse", effect="once", stakes="low", verify=VERIFIED, deadline_seconds=DEADLINE)(_act("refuse", "once"))
tool(name="pay_unverified", effect="once", stakes="low", deadline_seconds=DEADLINE)(_act("pay", "once"))
