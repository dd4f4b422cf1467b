"""Plays all attacks and the honest models in a database that is thrown away, and prints what came of it."""

import os
import sys
import tempfile
from pathlib import Path

KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "TZ")
"""All else of the environment names this installation's data, keys and servers, and none of it may be reached."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="countersign-attack-") as folder:
        database = Path(folder) / "attack.sqlite3"
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        os.environ.clear()
        os.environ.update(
            environment,
            COUNTERSIGN_ENV_FILE=os.devnull,
            COUNTERSIGN_APPS="tools.examples.shop,attacks",
            DATABASE_URL=f"sqlite:///{database}",
            DJANGO_SETTINGS_MODULE="config.settings",
            SECRET_KEY="for-attacks-only-" + "0123456789abcdef" * 3,
            ALLOWED_HOSTS="localhost",
            COUNTERSIGN_PLAIN_HTTP="true",
            LOG_LEVEL="CRITICAL",
        )
        return _play(database)


def _play(database: Path) -> int:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    if Path(settings.DATABASES["default"]["NAME"]) != database:
        raise SystemExit("The attacks would not run in a database of their own, so they don't run.")
    call_command("migrate", verbosity=0)
    from attacks.report import report

    return report(lambda text: print(text, end="", flush=True))


if __name__ == "__main__":
    sys.exit(main())
