"""What do the guarantee tests share? A desk in a real database, short waits, and workers that end where told."""

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import Settings

from agents.engine import drain
from tests.desk import gates
from tests.desk.driving import Desk
from tests.guarantees.doomed import DoomedWorkers


@pytest.fixture(autouse=True)
def short_waits(settings: Settings) -> None:
    """Back-off and margin are milliseconds. The lease is long: where it must run out, a test says so."""
    settings.COUNTERSIGN_LEASE_SECONDS = 60
    settings.COUNTERSIGN_MARGIN_SECONDS = 0.05
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    drain.end()
    gates.forget()
    yield Desk.open()
    connections.close_all()


@pytest.fixture(scope="session")
def doomed_workers(django_db_setup: None) -> Iterator[DoomedWorkers]:
    with DoomedWorkers() as workers:
        yield workers
