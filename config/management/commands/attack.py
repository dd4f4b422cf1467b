"""Plays a model that is entirely an attacker's against agents and tools: docs/guardrails.md says what it tries."""

import json
import subprocess
import sys
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError


class Command(BaseCommand):
    help = (
        "Play a compromised model against each agent of this installation, with tools that only look like its own, "
        "and against the sample shop and a yard of tools; in a database that is thrown away. "
        "Exits with 1 when an effect happened without a person, or a secret got out."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        # A process of its own: its settings are chosen before Django reads any.
        told = json.dumps({"apps": settings.COUNTERSIGN_APPS, "agents": self._agents()})
        played = subprocess.run(
            [sys.executable, "-m", "attacks"], cwd=settings.BASE_DIR, input=told, text=True, check=False
        )
        sys.exit(played.returncode)

    def _agents(self) -> list[dict[str, Any]]:
        """The newest version of each agent; none where there is no database yet."""
        try:
            versions = [agent.current_version for agent in apps.get_model("agents", "Agent").objects.order_by("name")]
        except DatabaseError as error:
            self.stderr.write(f"No agents of this installation are attacked: its database can't be read ({error}).")
            return []
        return [version.definition for version in versions if version is not None]
