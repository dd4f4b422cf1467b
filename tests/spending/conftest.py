"""What do the tests of spending share? A provider on loopback, agents that ask it, and short waits."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connections
from pytest_django import Settings

from agents.definition import AgentDefinition, Limits
from agents.engine import drain
from agents.versions import publish
from tests.desk import gates
from tests.desk.driving import Desk
from tests.loopback import Provider

MODEL = "openai:tiny"
OTHER = "openai:other"
# A dollar for a million tokens of input, two for output: sums that a reader can follow.
PRICES = (
    '{"openai:tiny": {"input": "1", "cached": "0.1", "output": "2"}, "openai:other": {"input": "1", "output": "3"}}'
)
THINKER = AgentDefinition(
    name="thinker",
    title="The thinker",
    prompt="You work at a desk where things are tried.",
    models=(MODEL,),
    tools=("look", "once_asked", "read_result"),
    handover="A colleague looks at this now.",
    limits=Limits(max_steps=12, ceiling_steps=20, patience_seconds=3600),
)


@pytest.fixture(autouse=True)
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.COUNTERSIGN_LEASE_SECONDS = 60
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]
    settings.COUNTERSIGN_PRICES = PRICES
    settings.COUNTERSIGN_OUTPUT_TOKENS = 1000
    settings.COUNTERSIGN_BUDGETS = {}


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    drain.end()
    gates.forget()
    made = Desk.open()
    publish(THINKER, by=None)
    yield made
    connections.close_all()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with Provider() as made:
        monkeypatch.setenv("OPENAI_BASE_URL", made.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
        yield made


def budget(dollars: str | None = None, tokens: int | None = None) -> tuple[Decimal | None, int | None]:
    return (Decimal(dollars) if dollars else None, tokens)
