from pathlib import Path

import pytest
from pytest_django import Settings

from config import checks
from config.databases import POSTGRESQL, SQLITE


def test_a_lease_that_does_not_outlive_its_slices_is_an_error(settings: Settings) -> None:
    settings.COUNTERSIGN_LEASE_SECONDS, settings.COUNTERSIGN_SLICE_SECONDS = 10, 5
    assert checks.lease_outlives_slice() == []

    settings.COUNTERSIGN_LEASE_SECONDS = 9.9
    assert [found.id for found in checks.lease_outlives_slice()] == ["config.E001"]


def test_production_on_sqlite_is_warned_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", SQLITE)
    assert [found.id for found in checks.database_is_shared()] == ["config.W001"]

    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", POSTGRESQL)
    assert checks.database_is_shared() == []


def test_production_without_a_broker_is_warned_of(settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert [found.id for found in checks.broker_is_shared()] == ["config.W002"]

    settings.REDIS_URL = "redis://redis.example/0"
    assert checks.broker_is_shared() == []


def test_static_files_that_were_not_collected_are_warned_of(settings: Settings, tmp_path: Path) -> None:
    settings.COLLECTED_STATIC, settings.STATIC_ROOT = True, tmp_path
    assert [found.id for found in checks.static_files_are_collected()] == ["config.W003"]

    (tmp_path / "staticfiles.json").touch()
    assert checks.static_files_are_collected() == []
