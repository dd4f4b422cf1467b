from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from agents.engine import leases
from agents.models import WorkerProcess
from tests.factories import KillSwitchFactory

ALL_WELL = {
    "status": "ok",
    "database": "ok",
    "migrations": "ok",
    "worker": "ok",
    "cache": "ok",
    "broker": "ok",
    "kill_switches": "none engaged",
}


@pytest.fixture
def worker(transactional_db: None) -> None:
    leases.heartbeat(slots=4)


def not_ready(client: Client) -> dict[str, Any]:
    """What is not well, after looking at how that is answered."""
    response = client.get("/readyz")
    assert response.status_code == 503
    said = response.json()
    assert said["status"] == "not ready"
    return {part: word for part, word in said.items() if ALL_WELL[part] != word and part != "status"}


def test_alive_answers_by_plain_http_and_under_any_name(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/livez", headers={"Host": "10.1.2.3"}).json() == {"status": "ok"}


def test_ready_when_all_parts_answer(client: Client, worker: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == ALL_WELL


def test_an_engaged_kill_switch_is_told_and_the_house_serves(client: Client, worker: None) -> None:
    KillSwitchFactory()
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, ALL_WELL | {"kill_switches": "1 engaged"})


def test_the_status_of_it_all_is_printed(worker: None, capsys: pytest.CaptureFixture[str]) -> None:
    KillSwitchFactory(tool="issue_refund", why="Double charges.")
    call_command("status")
    said = capsys.readouterr().out
    assert "1 alive, 4 slots" in said
    assert "issue_refund of every agent: Double charges." in said
    WorkerProcess.objects.update(stopped_at=timezone.now())
    with pytest.raises(CommandError, match="worker"):
        call_command("status")


def test_not_ready_when_the_cache_is_away(client: Client, worker: None, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert not_ready(client) == {"cache": "no answer"}


def test_not_ready_when_the_broker_is_away(client: Client, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("broker_url", "broker_write_url"):
        monkeypatch.setitem(current_app.conf, name, "redis://127.0.0.1:1/0")
    assert not_ready(client) == {"broker": "no answer"}


def test_not_ready_while_a_migration_is_missing(client: Client, worker: None) -> None:
    row = MigrationRecorder.Migration.objects.filter(app="review").order_by("id").last()
    row.delete()
    try:
        assert not_ready(client) == {"migrations": "1 to be applied"}
    finally:
        row.save(force_insert=True)


@pytest.mark.parametrize(
    "change",
    [
        {"seen_at": timezone.now() - timedelta(hours=1)},
        {"stopped_at": timezone.now()},
    ],
)
def test_not_ready_without_a_live_worker(client: Client, worker: None, change: dict[str, Any]) -> None:
    WorkerProcess.objects.update(**change)
    assert not_ready(client) == {"worker": "none is alive"}
