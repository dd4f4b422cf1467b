"""What is done around every request? It gets an id and a log line, its answer a content security policy."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

log = structlog.get_logger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

# Scripts come from our own files only, not from the page nor from elsewhere: text that slipped into a page
# unescaped would not run. The admin's Alpine.js evaluates its attributes ('unsafe-eval') and sets styles.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def request_id(get_response: Next) -> Next:
    """Name each request. A proxy's X-Request-ID is kept if it is harmless; the answer carries it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=name)
        started = time.monotonic()
        response = get_response(request)
        response["X-Request-ID"] = name
        # The path without its query, which may hold what people searched for.
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round((time.monotonic() - started) * 1000),
        )
        return response

    return middleware


def content_security_policy(get_response: Next) -> Next:
    """Say what a page may load and run, unless the view said it already."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware
