"""Loads agents from YAML files, naming every mistake at its line."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from agents.definition import AgentDefinition, loading
from agents.models import AgentVersion
from agents.versions import publish


class Command(BaseCommand):
    help = "Load agents from YAML files; each changed definition becomes a new version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, help="YAML files, one agent in each.")
        parser.add_argument("--check", action="store_true", help="Only say what is wrong; change nothing.")
        parser.add_argument("--note", default="", help="What changed, in a few words.")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["files"]:
            definition = _read(path)
            if options["check"]:
                self.stdout.write(f"{path}: fine")
            else:
                version = _publish(definition, options["note"])
                self.stdout.write(f"{path}: {version}")


def _publish(definition: AgentDefinition, note: str) -> AgentVersion:
    try:
        return publish(definition, by=None, note=note)
    except DatabaseError as error:
        raise CommandError(f"The database takes no agent: {error}. Is it migrated (`manage.py migrate`)?") from None


def _read(path: Path) -> AgentDefinition:
    try:
        return loading.parse(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}") from None
    except loading.DefinitionErrors as errors:
        raise CommandError(str(errors)) from None
