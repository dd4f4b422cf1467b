"""Plays all attacks and the honest models in a database that is thrown away, and prints what came of it."""

import os
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="countersign-attack-") as folder:
        # Nothing of this installation is reached: no settings file, no database, no broker, no key, no app of its own.
        for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "OPENAI_", "SENTRY_", "REDIS_"))]:
            del os.environ[name]
        os.environ.update(
            COUNTERSIGN_ENV_FILE=os.devnull,
            COUNTERSIGN_APPS="tools.examples.shop,attacks",
            DATABASE_URL=f"sqlite:///{Path(folder) / 'attack.sqlite3'}",
            DJANGO_SETTINGS_MODULE="config.settings",
            SECRET_KEY="for-attacks-only-" + "0123456789abcdef" * 3,
            ALLOWED_HOSTS="localhost",
            COUNTERSIGN_PLAIN_HTTP="true",
            LOG_LEVEL="CRITICAL",
        )
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        from attacks.report import report

        sys.exit(report(sys.stdout.write))
