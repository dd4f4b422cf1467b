"""Why did a model not answer? One taxonomy for both providers, read from what their SDKs raise and answer.

The messages are for people and journals: they name the model and the kind, never a key, a header or an address.
"""

import email.utils
import json
import math
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx2

from agents.llm.base import NoProposal, Unavailable


class Kind(StrEnum):
    """What went wrong, and so what may follow."""

    RATE_LIMITED = "rate_limited"
    """Too many requests or tokens for now: the provider often says when to come back."""

    OVERLOADED = "overloaded"
    """The provider has no room at the moment, for anybody."""

    UNAVAILABLE = "unavailable"
    """No answer, or the provider's own mistake: no connection, a cut one, a 5xx."""

    TIMED_OUT = "timed_out"
    """No answer within the time that it was given."""

    REFUSED = "refused"
    """The model, or a filter, would not answer this."""

    CUT_OFF = "cut_off"
    """The answer ended at the limit of its length."""

    MALFORMED = "malformed"
    """What came back is no answer, or no proposal."""

    WRONG_REQUEST = "wrong_request"
    """The provider does not take this request, however often it is sent."""

    UNAUTHORISED = "unauthorised"
    """The key is wrong, not allowed, or without credit. An operator has to do something."""

    CONTEXT_TOO_LONG = "context_too_long"
    """The request does not fit the model."""


@dataclass(frozen=True)
class Failure:
    """One failed call, in words that may be shown."""

    kind: Kind
    message: str
    retry_after: float | None = None
    """Seconds, where the provider named a time."""
    detail: str = ""
    """What the provider said about the request, for finding out what it does not take. Not for showing."""
    unbilled: bool = False
    """The provider turned the request away before any work was done for it, or was never reached."""


class ModelUnavailable(Unavailable):
    """A model can't be reached now. `kind` says why."""

    def __init__(self, kind: Kind, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after)
        self.kind = kind


class ModelUnfit(NoProposal):
    """This model can't take this request, and asking again would change nothing. `kind` says why."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class NoAnswer(Exception):
    """The provider answered with success and something that is no answer; the message says what."""


ALARM_SECONDS = 300.0
"""Where an operator has to do something first, asking again sooner helps nobody."""

_TOO_LONG = re.compile(
    r"context.{0,10}(length|window|size|limit)|prompt is too long|too many (input )?tokens|exceed.{0,30}context"
    r"|maximum.{0,20}tokens.{0,40}(prompt|messages)|reduce the length of the messages",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient_quota|credit balance|exceeded your current quota|billing_(hard_limit|not_active|error)",
    re.IGNORECASE,
)
_OVERLOADED = re.compile(r"overloaded|at capacity|slow_down", re.IGNORECASE)
_REFUSED = re.compile(r"content_?(policy|filter)|policy_violation|bio_policy|safety system", re.IGNORECASE)
_SENTENCES = {
    Kind.RATE_LIMITED: "{model} takes no more requests for now.",
    Kind.OVERLOADED: "{model} is overloaded.",
    Kind.UNAVAILABLE: "{model} could not be reached",
    Kind.TIMED_OUT: "{model} did not answer in time.",
    Kind.REFUSED: "{model} refused to answer.",
    Kind.CUT_OFF: "The answer of {model} was cut off.",
    Kind.MALFORMED: "{model} sent something that is no answer",
    Kind.WRONG_REQUEST: "{model} does not take this request",
    Kind.UNAUTHORISED: "{model} does not accept this installation's key, or its account has no credit.",
    Kind.CONTEXT_TOO_LONG: "The task has grown too long for {model}.",
}


def read_error(error: Any, model: str) -> Failure | None:
    """The failure that an exception of an SDK, or of what lies below it, stands for; None for any other exception."""
    if _of_sdk(error, "APIStatusError"):
        return of_status(model, error.status_code, error.response.headers, _said(error))
    if _of_sdk(error, "APITimeoutError") or isinstance(error, httpx2.TimeoutException):
        return failure(Kind.TIMED_OUT, model, unbilled=_never_sent(error))
    if _of_sdk(error, "APIResponseValidationError"):
        return failure(Kind.MALFORMED, model, "not in the form that was asked for")
    if _of_sdk(error, "APIConnectionError"):
        # Not the text: a header that can't be sent is quoted in it, and that may be the key.
        why = type(error.__cause__ or error).__name__
        return failure(Kind.UNAVAILABLE, model, why, unbilled=_never_sent(error))
    match error:
        case NoAnswer():
            return failure(Kind.MALFORMED, model, str(error))
        case json.JSONDecodeError() | UnicodeDecodeError() | httpx2.DecodingError():
            return failure(Kind.MALFORMED, model, "not JSON")
        case httpx2.TransportError():
            return failure(Kind.UNAVAILABLE, model, type(error).__name__, unbilled=_never_sent(error))
    return None


def _of_sdk(error: Exception, name: str) -> bool:
    """Is it the error that both SDKs have by this name? An SDK that is not loaded has raised nothing."""
    return any(isinstance(error, getattr(sys.modules.get(sdk), name, ())) for sdk in ("anthropic", "openai"))


def _never_sent(error: Exception) -> bool:
    """Was there no connection that the request could have gone through?"""
    return any(isinstance(one, httpx2.ConnectError | httpx2.ConnectTimeout) for one in (error, error.__cause__))


NOT_BEGUN = frozenset({503, 529})
"""Server errors that say that there was no room for the request, so that nothing was done for it."""


def of_status(model: str, status: int, headers: Mapping[str, str], said: "Said") -> Failure:
    """The failure that an HTTP error stands for. Behind the other server errors work may have been done, and billed."""
    kind = _kind(status, said)
    wait = ALARM_SECONDS if kind == Kind.UNAUTHORISED else _retry_after(headers)
    why = said.message if kind == Kind.WRONG_REQUEST else f"HTTP {status}"
    return Failure(
        kind, _sentence(kind, model, why), wait, said.everything, unbilled=status < 500 or status in NOT_BEGUN
    )


def failure(kind: Kind, model: str, why: str = "", *, unbilled: bool = False) -> Failure:
    return Failure(kind, _sentence(kind, model, why), unbilled=unbilled)


def _sentence(kind: Kind, model: str, why: str) -> str:
    sentence = _SENTENCES[kind].format(model=model)
    if sentence.endswith("."):
        return sentence
    return f"{sentence} ({why[:300]})." if why else f"{sentence}."


@dataclass(frozen=True)
class Said:
    """What the body of an error said."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""

    @property
    def everything(self) -> str:
        return " ".join(filter(None, [self.type, self.code, self.param, self.message]))


def _said(error: Any) -> Said:
    """The two SDKs hand out the body differently, and gateways send anything: text, HTML, nothing."""
    body: Any = error.body
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        details = inner.get("details")
        code = inner.get("code") or (details.get("error_code") if isinstance(details, dict) else None)
        parts = (inner.get("message"), code, inner.get("type"), inner.get("param"))
        return Said(*("" if part is None else str(part) for part in parts))
    return Said(message=str(inner)[:1000] if inner and not str(inner).lstrip().startswith("<") else "")


def _kind(status: int, said: Said) -> Kind:
    text = said.everything
    if status in {401, 402, 403} or (status in {400, 429} and _NO_CREDIT.search(text)):
        return Kind.UNAUTHORISED
    if status == 529 or (status in {429, 503} and _OVERLOADED.search(text)):
        return Kind.OVERLOADED
    if status == 429:
        return Kind.RATE_LIMITED
    if status in {408, 504}:
        return Kind.TIMED_OUT
    if status in {409, 425} or status >= 500:
        return Kind.UNAVAILABLE
    if status == 413 or _TOO_LONG.search(text):
        return Kind.CONTEXT_TOO_LONG
    if _REFUSED.search(text):
        return Kind.REFUSED
    return Kind.WRONG_REQUEST


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or an HTTP date); whoever waits sets the cap."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        return max(email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time(), 0.0)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
