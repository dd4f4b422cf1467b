"""What does a caller hear when something is wrong? Problem details (RFC 9457)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.urls import reverse
from rest_framework import exceptions
from rest_framework.response import Response

from agents.api.kinds import KINDS, Kind
from agents.errors import Invalid, KeyInFlight, KeyReused, NotAllowed, Refused, Stale, TooMany
from agents.storable import storable_text

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_TEXT = 2_000
MAX_ERRORS = 20
RETRY_AFTER_SECONDS = 5
IN_FLIGHT_SECONDS = 1
MINUTE = 60


class NoSeat(Exception):
    """Nobody more may wait in this process."""


@dataclass(frozen=True)
class Problem:
    """What one answer says. `errors` has one (field, message) for each value that was wrong."""

    kind: Kind
    detail: str
    errors: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        whole: dict[str, Any] = {
            "type": f"{reverse('api:problems')}#{self.kind.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": _safe(self.detail),
        }
        if self.errors:
            whole["errors"] = [
                {"field": _safe(field), "message": _safe(message)} for field, message in self.errors[:MAX_ERRORS]
            ]
        return whole


def answer_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: the problem as a response; None for what nobody foresaw, which is a 500."""
    problem = _read(error)
    if problem is None:
        return None
    response = Response(problem.as_json(), status=problem.kind.status, content_type=MEDIA_TYPE)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.Throttled):
        response["Retry-After"] = str(max(1, math.ceil(getattr(error, "wait", None) or 1)))
    if isinstance(error, KeyInFlight):
        response["Retry-After"] = str(IN_FLIGHT_SECONDS)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(MINUTE)
    if isinstance(error, NoSeat):
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if problem.kind.code == "unavailable":
        log.error("the database does not answer", exc_info=error)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _read(error: Exception) -> Problem | None:
    match error:
        case NoSeat():
            return Problem(KINDS["no_seat"], "As many as may wait are waiting already.")
        case Refused():
            return _of_refusal(error)
        case exceptions.ValidationError():
            errors = tuple(_flat(error.detail))
            return Problem(KINDS["invalid"], _summary(errors), errors)
        case exceptions.APIException():
            return _of_framework(error)
        case Http404():
            return Problem(KINDS["not_found"], "There is nothing here.")
        case PermissionDenied():
            return Problem(KINDS["not_allowed"], "You may not do this.")
        case RequestDataTooBig():
            return Problem(
                KINDS["too_large"],
                f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes; send less.",
            )
        case OperationalError() | InterfaceError():
            return Problem(
                KINDS["unavailable"], "The database does not answer. Nothing is known to have changed; try again."
            )
    return None


_REFUSALS: dict[type[Refused], str] = {
    Invalid: "invalid",
    KeyInFlight: "idempotency_key_in_flight",
    KeyReused: "idempotency_key_reused",
    NotAllowed: "not_allowed",
    Stale: "stale",
    TooMany: "too_many",
}
# The names by which callers know what the services call otherwise.
_FIELDS = {"idempotency_key": "Idempotency-Key"}


def _of_refusal(error: Refused) -> Problem:
    kind = KINDS[_REFUSALS.get(type(error), "invalid")]
    field = _FIELDS.get(error.field, error.field)
    return Problem(kind, error.message, ((field, error.message),) if field else ())


def _of_framework(error: exceptions.APIException) -> Problem | None:
    if isinstance(error, exceptions.NotAuthenticated):
        return Problem(KINDS["not_signed_in"], "Send “Authorization: Bearer cs_…” with your API key.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return Problem(KINDS["unsupported_media_type"], "Send the body as application/json.")
    if isinstance(error, exceptions.Throttled):
        return Problem(
            KINDS["too_many"], f"At most {settings.COUNTERSIGN_API_REQUESTS_PER_MINUTE} requests a minute are answered."
        )
    kind = next((kind for kind in KINDS.values() if kind.status == error.status_code), None)
    return Problem(kind, str(error.detail)) if kind else None


def _flat(detail: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every message with the path of its field, as in “steps.0.tool”."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, f"{field}.{here}".strip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, field)
    else:
        yield field, str(detail)


def _summary(errors: tuple[tuple[str, str], ...]) -> str:
    if len(errors) == 1:
        field, message = errors[0]
        return f"{field}: {message}" if field else message
    fields = ", ".join(dict.fromkeys(_safe(field, 60) for field, _ in errors[:MAX_ERRORS] if field))
    return f"{len(errors)} values can't be accepted: {fields}."


def _safe(text: str, longest: int = MAX_TEXT) -> str:
    """What the caller sent may be quoted in a message: it is cut, and made encodable."""
    kept = storable_text(text)
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"
