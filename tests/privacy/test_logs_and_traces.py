"""Logs, traces and error reports hold no value of a person's, whatever else is let out."""

import io
import logging
from collections.abc import Iterator
from logging.config import DictConfigurator  # type: ignore[attr-defined]
from typing import Any

import pytest
import structlog
from pytest_django import Settings

from agents.versions import publish
from config.logs import logging_settings
from tests.desk.driving import Desk
from tests.loopback import Provider, call, finish
from tests.privacy.knowing import CARD, EMAIL, GOAL, INPUTS, KNOWING, NAME, PHONE, any_of
from tests.spending.test_sentry import Kept
from tests.spending.test_sentry import sentry as sentry


@pytest.fixture(params=[True, False], ids=["readable", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that is logged, as production and the embedded server write it."""
    made = logging_settings(readable=request.param, level="INFO")
    handler = logging.StreamHandler(kept := io.StringIO())
    handler.setFormatter(DictConfigurator(made).configure_formatter(made["formatters"]["line"]))
    root = logging.getLogger()
    root.addHandler(handler)
    yield kept
    root.removeHandler(handler)


def test_a_log_line_has_no_value_in_its_words_fields_or_exception(lines: io.StringIO) -> None:
    log = structlog.get_logger("desk")
    try:
        raise ValueError(f"{EMAIL} has no order")
    except ValueError:
        log.exception("tool.failed", who={"mail": EMAIL, "phones": [PHONE]})
    logging.getLogger("other").warning("Paid with %s", CARD)
    said = lines.getvalue()
    assert any_of(said) == []
    assert said.count("[[email]]") >= 2
    assert "Paid with [[card]]" in said


def test_what_a_tool_raised_is_logged_and_reported_without_the_tasks_values(
    desk: Desk, provider: Provider, sentry: Kept, settings: Settings, lines: io.StringIO
) -> None:
    settings.SENTRY_CONTENT = True
    publish(KNOWING, by=None)
    answers = iter(
        [call("look", what="[[name:1]] [[email:1]]", manner="lost_before"), finish("[[name:1]] is told: [[card:1]].")]
    )
    provider.play = lambda _: next(answers, finish())
    desk.run(GOAL, agent="knowing", inputs=INPUTS)
    assert "tool.unexplained" in lines.getvalue()
    assert any_of(lines.getvalue()) == []
    assert "execute_tool look" in str(sentry.sent)
    assert any_of(str(sentry.sent)) == []


def test_a_line_that_is_about_nobody_stays_as_it_is(lines: io.StringIO) -> None:
    said: dict[str, Any] = {"root": "5d1c" * 16, "token": 12345678901, "at": "2026-11-26T01:18:39.123456Z", "cost": 0.5}
    structlog.get_logger("desk").warning("audit.checkpoint", **said)
    assert all(str(one) in lines.getvalue() for one in said.values())
    assert NAME not in lines.getvalue()
