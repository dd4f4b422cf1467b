"""Plays a model that is entirely an attacker's against agents and tools: docs/guardrails.md says what it tries."""

import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Play a compromised model against the sample shop and a yard of tools, in a database that is thrown away. "
        "Exits with 1 when an effect happened without a person, or a secret got out."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        # A process of its own: its settings are chosen before Django reads any.
        played = subprocess.run([sys.executable, "-m", "attacks"], cwd=settings.BASE_DIR, check=False)
        sys.exit(played.returncode)
