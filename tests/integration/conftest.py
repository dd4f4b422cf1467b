"""What do the integration tests share? A desk with its people, in a database with real transactions."""

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import Settings

from agents.engine import drain
from tests.desk.driving import Desk


@pytest.fixture
def desk(transactional_db: None, settings: Settings) -> Iterator[Desk]:
    """The desk that guarantee tests use, with waits of milliseconds."""
    settings.COUNTERSIGN_LEASE_SECONDS = 60
    settings.COUNTERSIGN_MARGIN_SECONDS = 0.05
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]
    drain.end()
    yield Desk.open()
    connections.close_all()
