"""`manage.py models` says who thinks for whom, what that may cost, and whether it answers."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from agents.llm.failures import Kind
from agents.models import ModelCall
from agents.spending import health
from agents.versions import publish
from tests.desk.driving import Desk
from tests.loopback import Provider, Says, call
from tests.spending.conftest import MODEL, OTHER, THINKER, budget


def shown(*options: str) -> str:
    out = StringIO()
    call_command("models", *options, stdout=out)
    return out.getvalue()


def test_it_shows_chains_prices_limits_health_and_budgets(desk: Desk, provider: Provider, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"all": budget("20", 5_000_000)}
    models_for = THINKER.models_for.model_copy(update={"screening": OTHER})
    publish(THINKER.model_copy(update={"models_for": models_for}), by=None)
    health.failed(MODEL, Kind.UNAUTHORISED, "The key is wrong.")
    said = shown()
    assert f"thinker v2: {MODEL}\n  screening: {OTHER} → {MODEL}\n" in said
    assert "in $1, cached $0.1, written $1, out $2 at most for a million tokens (set by the operator)" in said
    assert "1 turns in a row failed, lastly unauthorised: The key is wrong.; nobody asks it before" in said
    assert "openai: 64 calls at once, any number of requests a minute" in said
    assert "everything in a day: $20.00 and 5,000,000 tokens" in said
    assert provider.asked == []
    assert "sk-test" not in said


def test_a_model_that_is_not_configured_says_what_to_set(desk: Desk) -> None:
    assert "not configured: set OPENAI_API_KEY" in shown()


def test_a_probe_is_one_tiny_call_in_the_ledger(desk: Desk, provider: Provider) -> None:
    health.failed(MODEL, Kind.UNAUTHORISED, "The key is wrong.")
    provider.play = lambda _: call("finish", result="yes")
    assert "probe: it answers, in" in shown("--probe")
    row = ModelCall.objects.get()
    assert (row.purpose, row.task, row.status) == ("probe", None, "answered")
    assert len(provider.asked[0]["tools"]) == 1
    assert "nothing against it" in shown()


def test_a_probe_that_fails_fails_the_command(desk: Desk, provider: Provider) -> None:
    provider.play = lambda _: Says(status=401, error="No.")
    with pytest.raises(CommandError, match=f"No answer from {MODEL}"):
        shown("--probe")
