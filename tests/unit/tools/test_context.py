"""A tool gets a key, a deadline and secrets by name, and leaks none of them by accident."""

import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tools.context import Secrets, ToolContext


def test_a_secret_is_read_when_it_is_asked_for():
    environment: dict[str, str] = {}
    secrets = Secrets(environment)
    environment["COUNTERSIGN_SECRET_BANK"] = "hunter2"
    assert secrets["BANK"] == "hunter2"


@pytest.mark.parametrize("environment", [{}, {"COUNTERSIGN_SECRET_BANK": ""}, {"BANK": "hunter2"}])
def test_a_missing_secret_names_the_variable_to_set(environment):
    with pytest.raises(KeyError) as missing:
        Secrets(environment)["BANK"]
    assert str(missing.value) == "The environment variable COUNTERSIGN_SECRET_BANK is not set; the tool needs it."


def test_no_secret_is_printed_or_pickled():
    secrets = Secrets({"COUNTERSIGN_SECRET_BANK": "hunter2"})
    context = ToolContext(task_id=1, idempotency_key="k", deadline=datetime.now(UTC), secrets=secrets)
    assert "hunter2" not in repr(context) + str(secrets)
    assert b"hunter2" not in pickle.dumps(context)
    assert "hunter2" not in repr(vars(copy.copy(secrets)))


def test_seconds_left_runs_down_past_zero():
    start = datetime(2026, 11, 20, tzinfo=UTC)
    context = ToolContext(task_id=1, idempotency_key="k", deadline=start + timedelta(seconds=30))
    with time_machine.travel(start, tick=False):
        assert context.seconds_left() == 30
    with time_machine.travel(start + timedelta(seconds=31), tick=False):
        assert context.seconds_left() == -1


def test_a_naive_deadline_is_refused():
    with pytest.raises(ValueError, match="aware"):
        ToolContext(task_id=1, idempotency_key="k", deadline=datetime(2026, 11, 20))
