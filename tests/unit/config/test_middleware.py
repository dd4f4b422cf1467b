import json
import logging

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.logs import logging_settings
from config.middleware import content_security_policy, request_id


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


def test_each_request_has_an_id_of_its_own(rf: RequestFactory) -> None:
    ids = {request_id(page)(rf.get("/"))["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_a_proxys_id_is_kept(rf: RequestFactory) -> None:
    assert request_id(page)(rf.get("/", headers={"X-Request-ID": "abcd-1234"}))["X-Request-ID"] == "abcd-1234"


@pytest.mark.parametrize("forged", ["short", "x" * 65, "an id\twith blanks", 'quote"quote"', "ünicode-id"])
def test_an_id_that_could_forge_a_log_line_is_replaced(rf: RequestFactory, forged: str) -> None:
    assert request_id(page)(rf.get("/", headers={"X-Request-ID": forged}))["X-Request-ID"] != forged


def test_a_line_of_the_log_is_one_json_object_with_the_id_of_its_request() -> None:
    made = logging_settings(readable=False, level="INFO")["formatters"]["line"]
    line = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=made["foreign_pre_chain"], processors=made["processors"]
    )
    record = logging.LogRecord("somewhere", logging.INFO, "", 0, "two\nlines by %s", ("a library",), None)
    with structlog.contextvars.bound_contextvars(request_id="abcd-1234"):
        written = line.format(record)

    assert "\n" not in written
    assert json.loads(written)["request_id"] == "abcd-1234"
    assert json.loads(written)["event"] == "two\nlines by a library"


def test_a_page_may_not_run_scripts_that_stand_in_it(rf: RequestFactory) -> None:
    policy = content_security_policy(page)(rf.get("/"))["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))

    assert "'unsafe-inline'" not in scripts
    assert "http" not in policy


def test_a_view_may_say_its_own_policy(rf: RequestFactory) -> None:
    def stricter(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})

    response = content_security_policy(stricter)(rf.get("/"))
    assert response["Content-Security-Policy"] == "default-src 'none'"
