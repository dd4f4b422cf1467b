"""Which settings contradict each other, or will hurt in production? System checks say so."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from config.databases import SQLITE


@register()
def lease_outlives_slice(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """A slice must end well before its lease does, or every slice would look like a dead worker's."""
    if settings.COUNTERSIGN_LEASE_SECONDS >= 2 * settings.COUNTERSIGN_SLICE_SECONDS:
        return []
    return [
        Error(
            f"A lease of {settings.COUNTERSIGN_LEASE_SECONDS:g} s is too short for slices of "
            f"{settings.COUNTERSIGN_SLICE_SECONDS:g} s.",
            hint="Set COUNTERSIGN_LEASE_SECONDS to at least twice COUNTERSIGN_SLICE_SECONDS.",
            id="config.E001",
        )
    ]


@register(deploy=True)
def database_is_shared(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """SQLite serves one process on one machine."""
    if settings.DATABASES["default"]["ENGINE"] != SQLITE:
        return []
    return [
        Warning(
            "The database is SQLite, which serves one process on one machine.",
            hint="Set DATABASE_URL to a PostgreSQL address.",
            id="config.W001",
        )
    ]


@register(deploy=True)
def broker_is_shared(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """Without Redis a hint never leaves the process, and a task waits for the next sweep of some worker."""
    if settings.REDIS_URL:
        return []
    return [
        Warning(
            "REDIS_URL is not set: the web can't wake the workers, and each process has its own cache.",
            hint="Set REDIS_URL to a redis:// or rediss:// address.",
            id="config.W002",
        )
    ]


@register(deploy=True)
def static_files_are_collected(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """Pages name their scripts and styles by the collected files' hashes, and fail without them."""
    folder = settings.STATIC_ROOT
    if not settings.COLLECTED_STATIC or (folder and (Path(folder) / "staticfiles.json").is_file()):
        return []
    return [
        Warning(
            "The static files are not collected, and every page needs them.",
            hint="Run: python manage.py collectstatic --noinput",
            id="config.W003",
        )
    ]
