"""The record of decisions leaves as JSON Lines or CSV: whole, in order, for a period, and safe in a spreadsheet."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from review import export as exporting
from review.difference import difference
from review.export import export, period
from review.models import Decision
from tests.factories import NOON, DecisionFactory, OperatorFactory, ReviewerFactory, UserFactory

pytestmark = pytest.mark.django_db
ALWAYS = period("", "")


def as_json(begin: datetime = ALWAYS[0], end: datetime = ALWAYS[1]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in "".join(export(begin, end, "jsonl", None)).splitlines()]


def as_csv() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(export(*ALWAYS, "csv", None)))))


def test_a_decision_leaves_with_all_that_an_auditor_asks_for() -> None:
    changes = difference({"amount": 10}, {"amount": 5})
    one = DecisionFactory(answer="edit", details={"arguments": {"amount": 5}, "difference": changes}, via="api")
    (row,) = as_json()
    assert row == {
        "decision": one.pk,
        "at": "2026-11-20T12:01:00Z",
        "person": one.person.username,
        "via": "api",
        "task": one.request.task_id,
        "request": one.request_id,
        "kind": "escalation",
        "question": one.request.title,
        "answer": "edit",
        "digest": one.digest,
        "reason": "Ask the customer for a photo first.",
        "edits": [{"op": "replace", "path": "/amount", "value": 5, "old": 10}],
    }
    (cells,) = as_csv()
    assert json.loads(cells.pop("edits")) == row.pop("edits")
    assert cells == {name: str(value) for name, value in row.items()}


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "＝1", "|cmd", "\n=1", "%0A=1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    DecisionFactory(comment=text, request__title=text)
    (row,) = as_csv()
    assert row["reason"] == row["question"] == f"'{text}"
    assert as_json()[0]["reason"] == text


def test_quotes_and_lines_stay_in_their_cell() -> None:
    DecisionFactory(comment='He said "no",\nthen left; =1')
    assert as_csv()[0]["reason"] == 'He said "no",\nthen left; =1'


def test_a_period_is_whole_days_of_utc() -> None:
    days = [NOON + timedelta(days=number) for number in (-1, 0, 1)]
    for at in [*days, datetime(2026, 11, 20, 0, 0, tzinfo=UTC), datetime(2026, 11, 21, 0, 0, tzinfo=UTC)]:
        DecisionFactory(at=at)
    assert [row["at"] for row in as_json(*period("2026-11-20", "2026-11-20"))] == [
        "2026-11-20T12:00:00Z",
        "2026-11-20T00:00:00Z",
    ]
    assert len(as_json(*period("2026-11-20T12:00Z", ""))) == 3


def test_more_decisions_than_are_read_at_once_all_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", 2)
    made = [DecisionFactory().pk for _ in range(5)]
    assert [row["decision"] for row in as_json()] == made


def test_the_command_writes_a_file_and_never_over_one(tmp_path: Path) -> None:
    DecisionFactory()
    file = tmp_path / "decisions.csv"
    call_command("export_decisions", "--from", "2026-11-20", "--format", "csv", "--output", str(file))
    assert len(file.read_text().splitlines()) == 2
    with pytest.raises(CommandError):
        call_command("export_decisions", "--output", str(file))
    said = io.StringIO()
    call_command("export_decisions", stdout=said)
    assert json.loads(said.getvalue())["decision"] == Decision.objects.get().pk


@pytest.mark.parametrize("days", [("2026-13-01", ""), ("soon", ""), ("2026-11-02", "2026-11-01")])
def test_a_period_that_is_none_is_refused(days: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("export_decisions", "--from", days[0], "--to", days[1])


def test_who_sees_decisions_downloads_them(client: Client) -> None:
    DecisionFactory()
    for person in (ReviewerFactory(in_group="Reviewers"), OperatorFactory(in_group="Operators")):
        client.force_login(person)
        assert b'name="from"' in client.get(reverse("admin:review_decision_changelist")).content
        answer = client.get(reverse("admin:review_decision_export"), {"format": "csv", "from": "2026-11-20"})
        assert answer.status_code == 200
        assert answer["Content-Disposition"].startswith('attachment; filename="decisions-2026-11-20')
        assert len(b"".join(answer).splitlines()) == 2


def test_who_sees_no_decisions_downloads_none(client: Client) -> None:
    client.force_login(UserFactory())
    assert client.get(reverse("admin:review_decision_export"), {"format": "csv"}).status_code == 403


def test_a_wrong_day_is_said_on_the_list(client: Client) -> None:
    client.force_login(ReviewerFactory(in_group="Reviewers"))
    answer = client.get(reverse("admin:review_decision_export"), {"format": "csv", "from": "soon"}, follow=True)
    assert "is no day" in answer.content.decode()
