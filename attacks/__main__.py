"""Plays all attacks and the honest models in a database that is thrown away, and prints what came of it.

From its standard input it reads one JSON object: the apps of an installation, and the definitions of its agents.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "TZ")
"""All else of the environment names this installation's data, keys and servers, and none of it may be reached."""


def main() -> int:
    installation = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="countersign-attack-") as folder:
        database = Path(folder) / "attack.sqlite3"
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        os.environ.clear()
        os.environ.update(
            environment,
            COUNTERSIGN_ENV_FILE=os.devnull,
            COUNTERSIGN_APPS=",".join(dict.fromkeys(["tools.examples.shop", "attacks", *installation["apps"]])),
            DATABASE_URL=f"sqlite:///{database}",
            DJANGO_SETTINGS_MODULE="config.settings",
            SECRET_KEY="for-attacks-only-" + "0123456789abcdef" * 3,
            ALLOWED_HOSTS="localhost",
            COUNTERSIGN_PLAIN_HTTP="true",
            LOG_LEVEL="CRITICAL",
        )
        return _play(database, installation["agents"])


def _play(database: Path, definitions: list[dict[str, Any]]) -> int:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    if Path(settings.DATABASES["default"]["NAME"]) != database:
        raise SystemExit("The attacks would not run in a database of their own, so they don't run.")
    call_command("migrate", verbosity=0)
    from agents.definition import AgentDefinition
    from attacks.report import report

    own = [AgentDefinition.model_validate(one) for one in definitions]
    return report(lambda text: print(text, end="", flush=True), own)


if __name__ == "__main__":
    sys.exit(main())
