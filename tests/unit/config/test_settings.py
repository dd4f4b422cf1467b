"""What a person reads who starts Countersign with settings that can't be."""

from pathlib import Path

import pytest

from tests.processes import run

PRODUCTION = {
    "SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "countersign.example",
    "DATABASE_URL": "postgres://countersign@database.example/countersign",
    "REDIS_URL": "redis://redis.example/0",
}
SHOW = (
    "from config import settings as s; "
    "print(s.DEBUG, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.COUNTERSIGN_DEMO, "
    "s.SAMPLE_DESK in s.INSTALLED_APPS, s.COUNTERSIGN_SLOTS)"
)


def test_the_defaults_are_those_of_production() -> None:
    assert run("-c", SHOW, **PRODUCTION).stdout.split() == ["False", "True", "True", "True", "False", "False", "500"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too easy to guess"),
        ({"SECRET_KEY": "x" * 60}, "SECRET_KEY is too easy to guess"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DEBUG": "maybe"}, "DEBUG is 'maybe'"),
        ({"COUNTERSIGN_SLOTS": "0"}, "COUNTERSIGN_SLOTS is 0"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'LOUD'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_in_one_sentence(change: dict[str, str], sentence: str) -> None:
    refused = run("-c", "from config import settings", **{**PRODUCTION, **change})

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Countersign can't start: {sentence}")
    assert len(refused.stderr.strip().splitlines()) == 1


def test_gunicorn_ends_on_a_mistake_instead_of_restarting_its_workers_for_ever() -> None:
    refused = run("-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi", BIND="127.0.0.1:0")

    assert refused.returncode == 1
    assert "Countersign can't start: SECRET_KEY is not set" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_celery_worker_ends_on_a_mistake() -> None:
    refused = run("-m", "celery", "-A", "config", "worker")

    assert refused.returncode == 1
    assert "Countersign can't start: SECRET_KEY is not set" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_gives_settings_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("COUNTERSIGN_SLOTS=7\nDEBUG=true\n")
    shown = run("-c", SHOW, **{**PRODUCTION, "DEBUG": "false", "COUNTERSIGN_ENV_FILE": str(tmp_path / "env")})

    assert shown.stdout.split()[0] == "False"
    assert shown.stdout.split()[-1] == "7"
