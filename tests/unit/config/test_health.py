import pytest
from django.test import Client
from pytest_django import Settings


def test_alive_answers_by_plain_http_and_under_any_name(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/livez", headers={"Host": "10.1.2.3"}).json() == {"status": "ok"}


@pytest.mark.django_db(transaction=True)
def test_ready_when_the_database_and_the_cache_answer(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "cache": "ok"}


@pytest.mark.django_db(transaction=True)
def test_not_ready_when_the_cache_is_away(client: Client, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "database": "ok", "cache": "no answer"}
