"""Celery as it is wired here: a worker that stops cleanly, and a broker that nobody has to wait for."""

import signal
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.processes import Running, run

PRODUCTION = {
    "SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "countersign.example",
}
SEND_A_HINT = "import django; django.setup(); from agents.engine.dispatch import hint; hint(); print('went on')"


@pytest.mark.timeout(600)
def test_a_worker_ends_with_0_on_sigterm_and_signs_off(tmp_path: Path) -> None:
    settings = {**PRODUCTION, "DATABASE_URL": f"sqlite:///{tmp_path / 'worker.sqlite3'}", "COUNTERSIGN_SLOTS": "2"}
    assert run("manage.py", "migrate", "--verbosity", "0", **settings).returncode == 0
    with Running("-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", **settings) as worker:
        worker.wait_for(" ready.")
        code = worker.stop(signal.SIGTERM)

        assert code == 0, worker.said
        assert "Traceback" not in worker.said
    with sqlite3.connect(tmp_path / "worker.sqlite3") as database:
        rows = database.execute("SELECT slots, stopped_at IS NOT NULL FROM agents_workerprocess").fetchall()
    assert rows == [(2, 1)]


def test_a_broker_that_is_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    sent = run("-c", SEND_A_HINT, **settings_with_broker(tmp_path, port=1))
    assert sent.stdout.strip() == "went on"


def test_a_broker_that_hangs_keeps_nobody_waiting_for_ever(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sent = run("-c", SEND_A_HINT, **settings_with_broker(tmp_path, silent.getsockname()[1]))
    assert sent.stdout.strip() == "went on"


def settings_with_broker(folder: Path, port: int) -> dict[str, str]:
    return {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'unused.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
    }
