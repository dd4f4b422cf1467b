"""Who decided what, when and why, in a period? The record of decisions as lines of JSON, or as CSV.

Personal data are masked as on the pages, by who exports it. Both stream: memory is bounded whatever the period. The CSV
is safe to open in a spreadsheet: text that one would take for a formula is preceded by an apostrophe.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from agents.errors import Invalid
from agents.privacy.showing import Person, show_to
from review.models import Decision

FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
"""Each with its media type."""
FIELDS = (
    "decision",
    "at",
    "person",
    "via",
    "task",
    "request",
    "kind",
    "question",
    "answer",
    "digest",
    "reason",
    "edits",
)
ROWS_AT_ONCE = 500

# What spreadsheets begin a formula with, wide forms too. See OWASP, “CSV Injection”.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠|%")


def period(first: str, last: str) -> tuple[datetime, datetime]:
    """From the beginning of `first` until before the end of `last`: days of UTC, or moments. Empty is without end."""
    begin = _moment(first, "from") if first else datetime.min.replace(tzinfo=UTC)
    end = _moment(last, "to", end_of_day=True) if last else datetime.max.replace(tzinfo=UTC)
    if begin >= end:
        raise Invalid(f"The period from {first} to {last} has nothing in it: it ends before it begins.", field="from")
    return begin, end


def export(begin: datetime, end: datetime, form: str, to: Person) -> Iterator[str]:
    """The decisions from `begin` until before `end` in the order in which they were made, in pieces of text.

    As the person sees them to whom it goes; None is nobody in particular.
    """
    if form not in FORMATS:
        raise Invalid(f"“{form}” is no format; use {' or '.join(FORMATS)}.", field="format")
    rows = _rows(begin, end, to)
    return _as_csv(rows) if form == "csv" else _as_lines(rows)


def _rows(begin: datetime, end: datetime, to: Person) -> Iterator[dict[str, Any]]:
    """By keys instead of a cursor: a slow reader holds no transaction and no connection's result."""
    after = 0
    decisions = Decision.objects.filter(at__gte=begin, at__lt=end).select_related("request", "person")
    decisions = decisions.defer("request__shown", "request__reasons").order_by("pk")
    while batch := list(decisions.filter(pk__gt=after)[:ROWS_AT_ONCE]):
        show_to(to, *batch, *(one.request for one in batch))
        yield from map(_row, batch)
        after = batch[-1].pk


def _row(decision: Decision) -> dict[str, Any]:
    request = decision.request
    return {
        "decision": decision.pk,
        "at": decision.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "person": decision.person.get_username(),
        "via": decision.via,
        "task": request.task_id,
        "request": request.pk,
        "kind": request.kind,
        "question": request.title,
        "answer": decision.answer,
        "digest": decision.digest,
        "reason": decision.comment,
        "edits": decision.details.get("difference", []),
    }


def _as_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


class _Echo:
    """What `csv` writes to comes straight back."""

    def write(self, text: str) -> str:
        return text


def _as_csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(FIELDS)
    for row in rows:
        edits = json.dumps(row["edits"], ensure_ascii=False) if row["edits"] else ""
        yield writer.writerow([_cell(row[name]) for name in FIELDS[:-1]] + [_cell(edits)])


def _cell(value: Any) -> str:
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" \xa0\u3000").startswith(_FORMULA) else text


def _moment(text: str, field: str, end_of_day: bool = False) -> datetime:
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment = day = None
    if day is not None and len(text) <= len("2026-11-20"):
        return _midnight(day) + timedelta(days=1 if end_of_day else 0)
    if moment is None:
        raise Invalid(f"“{text}” is no day; write it like 2026-11-20, or a moment like 2026-11-20T12:00Z.", field=field)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
