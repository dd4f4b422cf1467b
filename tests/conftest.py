"""What do all tests share? What `services` and `browser` need, and what happens when it is not there.

Without it a marked test is skipped, so that anybody can run the suite; where CI is true it fails, so that nothing is
passed over in silence.
"""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck

from config.databases import POSTGRESQL
from tests.emptying import empty

# A busy machine makes an example slow, not wrong. `--hypothesis-profile=thorough` tries many more.
ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", max_examples=40, **ANY_MACHINE)
hypothesis.settings.register_profile("thorough", max_examples=400, **ANY_MACHINE)
hypothesis.settings.load_profile("quick")

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


START_SERVERS = {"test_up.py", "test_guide.py"}
ASK_A_DATABASE = {"db", "transactional_db", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with-services-only", action="store_true", help="leave out what asks no database or service")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A second run, on another database, tries only what could come out differently there.

    First come tests that start whole servers for their module. Workers take the first ones in long pieces, so that one
    of them runs all of these and starts each server once.
    """
    items.sort(key=lambda item: item.path.name not in START_SERVERS)
    if config.getoption("--with-services-only"):
        left_out = [item for item in items if not _asks_a_service(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _asks_a_service(item)]


def _asks_a_service(item: pytest.Item) -> bool:
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("services")
    return bool(marked) or not ASK_A_DATABASE.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Services that were named must be there: hundreds of connection errors say less than one sentence."""
    for name, default_port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        address = urlsplit(os.environ.get(name, ""))
        if address.hostname and not _answers(address.hostname, address.port or default_port):
            pytest.exit(f"{name}: nothing answers at {address.hostname}:{address.port or default_port}.", 1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in (("services", _missing_services), ("browser", _missing_browser)):
        if item.get_closest_marker(marker) and (why := missing()):
            (pytest.fail if CI else pytest.skip)(why)


@pytest.fixture(autouse=True, scope="session")
def _emptied_by_deleting() -> None:
    TransactionTestCase._fixture_teardown = lambda _: empty()


@pytest.fixture(autouse=True)
def _no_definition_of_another_test() -> None:
    """A version never changes, so it is read once a process; a rolled-back test gives its key to another one."""
    from agents import kill_switches, models

    models.forget_versions()
    kill_switches.forget()


@pytest.fixture(autouse=True)
def _nothing_held_by_another_test() -> None:
    """A process takes less beside what it holds, and nothing once its sweeper has fallen silent."""
    from agents.engine import leases

    leases._kept_at = None
    leases._held.clear()
    leases._given_up.clear()


@pytest.fixture(autouse=True)
def _nobody_has_called_before() -> None:
    """Limits of requests are counted in the cache, which no test's rollback empties."""
    cache.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database is dropped at the end, whoever is slow to leave it: a thread, or the server's own vacuum.

    SQLite writes its log back and removes it when the last connection closes, which costs more than most tests' work:
    one stays open.
    """
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as kept_open:
            kept_open.execute("SELECT count(*) FROM sqlite_master")
            yield
        return
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium, for tests with the mark `browser`."""
    found = _chromium()
    assert found, "A test that uses this fixture needs the mark `browser`."
    return found


def _chromium() -> str | None:
    return next(filter(None, (shutil.which(name) for name in BROWSERS)), None)


def _missing_browser() -> str | None:
    return None if _chromium() else "There is no Chromium on this machine."


def _missing_services() -> str | None:
    if settings.DATABASES["default"]["ENGINE"] != POSTGRESQL:
        return "DATABASE_URL names no PostgreSQL; `make test-services` does."
    return None if settings.REDIS_URL else "REDIS_URL names no Redis; `make test-services` does."


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True
