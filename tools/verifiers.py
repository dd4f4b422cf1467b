"""Did it really happen? Small checks on what a tool answered, and on the world, that combine into evidence.

verify=all_of(has("refund_id"), read_back(the_refund, "the refund is in the books"))
"""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from tools.canonical import JSON, canonical, child, plain_json
from tools.context import ToolContext
from tools.schema import validate

DETAIL_CHARACTERS = 500


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a verifier found. Evidence of nothing is not a success."""

    ok: bool
    checks: tuple[Check, ...] = ()

    @classmethod
    def of(cls, *checks: Check) -> "Evidence":
        return cls(bool(checks) and all(check.ok for check in checks), checks)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


Verifier: TypeAlias = Callable[[JSON, dict[str, Any], ToolContext], Evidence]


@dataclass(frozen=True)
class Comparison:
    """What a read-back expected of the world, and what it found there."""

    expected: object
    found: object


ReadBack: TypeAlias = Callable[[JSON, dict[str, Any], ToolContext], Comparison]


def has(*fields: str) -> Verifier:
    """The answer carries each of these fields with something in it; `payment.id` looks inside `payment`."""

    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        return Evidence.of(*(_has(result, field) for field in fields))

    return verify


def no_error_in_body() -> Verifier:
    """The answer is no failure in a success's clothes.

    Looks at the answer and at all under its `body`, `data`, `result` and `response` (JSON as text included)
    for a status of 400 or more, an `error` or `errors` with something in it, a false `ok` or `success`.
    """

    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        errors = list(_errors(result, ""))
        return Evidence.of(Check("no error in the answer", not errors, "; ".join(errors)[:DETAIL_CHARACTERS]))

    return verify


def matches(schema: dict[str, Any]) -> Verifier:
    """The answer fits a JSON Schema."""

    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        problems = validate(schema, result)
        detail = "; ".join(map(str, problems))[:DETAIL_CHARACTERS]
        return Evidence.of(Check("the answer fits its schema", not problems, detail))

    return verify


def read_back(read: ReadBack, name: str) -> Verifier:
    """What `read` finds in the world afterwards is what it expects there; `name` says what that proves."""

    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        comparison = read(result, arguments, context)
        expected, found = (canonical(plain_json(v)) for v in (comparison.expected, comparison.found))
        if expected == found:
            return Evidence.of(Check(name, True, f"found {found}"[:DETAIL_CHARACTERS]))
        return Evidence.of(Check(name, False, f"expected {expected}, found {found}"[:DETAIL_CHARACTERS]))

    return guarded(verify, name)


def all_of(*verifiers: Verifier) -> Verifier:
    """Every one of these; all of them are run, so that the evidence is complete."""
    each = [guarded(verifier) for verifier in verifiers]

    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        found = [verifier(result, arguments, context) for verifier in each]
        checks = tuple(check for evidence in found for check in evidence.checks)
        return Evidence(bool(found) and all(evidence.ok for evidence in found), checks)

    return verify


def guarded(verifier: Verifier, name: str = "the verifier ran") -> Verifier:
    """The same verifier, but an exception inside it is a failed check."""

    @functools.wraps(verifier)
    def verify(result: JSON, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        try:
            evidence = verifier(result, arguments, context)
        except Exception as error:
            detail = f"could not be checked: {type(error).__name__}: {error}"
            return Evidence.of(Check(name, False, detail[:DETAIL_CHARACTERS]))
        if not isinstance(evidence, Evidence):
            return Evidence.of(Check(name, False, f"answered {type(evidence).__name__}, not Evidence"))
        return evidence

    return verify


def _has(result: JSON, field: str) -> Check:
    value: Any = result
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    present = value is not None and value not in ("", [], {})
    return Check(f"has {field}", present, "" if present else f"the answer has no {field}")


_ENVELOPES = ("body", "data", "result", "response")


def _errors(answer: object, path: str) -> Iterator[str]:
    answer = _parsed(answer)
    if not isinstance(answer, dict):
        return
    for field in ("error", "errors"):
        if answer.get(field):
            yield f"{child(path, field)}: {_text(answer[field])}"
    for field in ("status", "status_code", "code"):
        status = answer.get(field)
        if isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600:
            yield f"{child(path, field)}: {status}"
    for field in ("ok", "success"):
        if answer.get(field) is False:
            yield f"{child(path, field)}: false"
    for field in _ENVELOPES:
        yield from _errors(answer.get(field), child(path, field))


def _parsed(answer: object) -> object:
    """Bodies often arrive as text; whatever is not a JSON object in it is not looked into."""
    if not isinstance(answer, str) or not answer.lstrip().startswith("{"):
        return answer
    try:
        return json.loads(answer)
    except ValueError:
        return answer


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
