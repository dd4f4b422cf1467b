"""`manage.py up`: Countersign in one process, to try it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded.options import add_arguments, from_namespace


class Command(BaseCommand):
    help = "Starts web, worker and sweeper in one process, on SQLite in a folder of its own."

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from django.conf import settings

        if not settings.EMBEDDED:
            raise CommandError("Start it as `python manage.py up`: it chooses its settings before Django reads them.")
        # The server needs the apps of these settings, and the check above must come first.
        from config.embedded.server import serve

        serve(from_namespace(options), say=self.stdout.write)
