"""An effect succeeded if there is evidence of it; what could not be checked is not evidence."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tools.context import ToolContext
from tools.verifiers import Check, Comparison, Evidence, all_of, has, matches, no_error_in_body, read_back

CONTEXT = ToolContext(task_id=1, idempotency_key="k1", deadline=datetime.now(UTC) + timedelta(minutes=1))


def ok(verifier: Any, result: Any) -> bool:
    return verifier(result, {}, CONTEXT).ok


@pytest.mark.parametrize("result", [{"id": "R-1"}, {"id": 0}, {"id": False}])
def test_has_is_content_with_a_field_that_holds_something(result):
    assert ok(has("id"), result)


@pytest.mark.parametrize("result", [{}, {"id": None}, {"id": ""}, {"id": []}, None, "id", ["id"], {"ID": 1}])
def test_has_is_not_content_with_an_empty_or_missing_field(result):
    evidence = has("id")(result, {}, CONTEXT)
    assert not evidence.ok
    assert evidence.checks == (Check("has id", False, "the answer has no id"),)


def test_has_looks_inside_and_at_each_field():
    evidence = has("payment.id", "amount")({"payment": {"id": 1}}, {}, CONTEXT)
    assert [check.ok for check in evidence.checks] == [True, False]
    assert not evidence.ok


@pytest.mark.parametrize(
    ("result", "detail"),
    [
        ({"status": 200, "body": {"error": "parcel already handed over"}}, "/body/error: parcel already handed over"),
        ({"status": 200, "body": '{"error": {"code": 7}}'}, '/body/error: {"code": 7}'),
        ({"status": 500, "body": {}}, "/status: 500"),
        ({"errors": ["a"]}, '/errors: ["a"]'),
        ({"ok": False}, "/ok: false"),
        ({"data": {"response": {"success": False}}}, "/data/response/success: false"),
    ],
)
def test_an_error_inside_a_success_is_found(result, detail):
    evidence = no_error_in_body()(result, {}, CONTEXT)
    assert not evidence.ok
    assert evidence.checks[0].detail == detail


@pytest.mark.parametrize(
    "result",
    [
        {"status": 200, "body": {"error": None, "errors": []}},
        {"status": "error-free", "ok": True},
        {"status": True},
        {"body": "an error that is only text"},
        {"body": "{broken"},
        {"code": 1042},
        {},
        [],
        None,
    ],
)
def test_an_answer_without_an_error_passes(result):
    assert ok(no_error_in_body(), result)


def test_matches_says_what_does_not_fit():
    verifier = matches({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})
    assert ok(verifier, {"id": "R-1"})
    assert verifier({"id": 1}, {}, CONTEXT).checks[0].detail == "/id: expected a string, got the number 1"


def test_read_back_compares_what_was_found_with_what_was_due():
    verifier = read_back(lambda r, a, c: Comparison(expected=a["amount"], found=Decimal("64.90")), "in the books")
    assert verifier({}, {"amount": 64.9}, CONTEXT).ok
    evidence = verifier({}, {"amount": 65}, CONTEXT)
    assert evidence.checks == (Check("in the books", False, "expected 65, found 64.9"),)


@pytest.mark.parametrize("read", [lambda r, a, c: r["missing"], lambda r, a, c: None, lambda r, a, c: 1 / 0])
def test_a_read_back_that_breaks_or_answers_nothing_is_no_evidence(read):
    evidence = read_back(read, "in the books")({}, {}, CONTEXT)
    assert not evidence.ok
    assert evidence.checks[0].name == "in the books"
    assert evidence.checks[0].detail.startswith("could not be checked")


def test_all_of_runs_every_verifier_and_keeps_every_check():
    def broken(result: Any, arguments: Any, context: Any) -> Evidence:
        raise RuntimeError("closed")

    evidence = all_of(broken, has("id"), has("amount"))({"id": 1}, {}, CONTEXT)
    assert not evidence.ok
    assert [check.ok for check in evidence.checks] == [False, True, False]


def test_no_checks_at_all_are_no_success():
    assert not Evidence.of().ok
    assert not all_of()({}, {}, CONTEXT).ok
    assert not all_of(lambda r, a, c: None)({}, {}, CONTEXT).ok  # type: ignore[arg-type, return-value]


def test_evidence_is_json():
    assert Evidence.of(Check("a", True)).as_json() == {
        "ok": True,
        "checks": [{"name": "a", "ok": True, "detail": ""}],
    }
