"""Forgets a person's values in all finished tasks; the audit stays valid."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.errors import Refused, Unfinished
from agents.privacy.erasing import erase_person


class Command(BaseCommand):
    help = "Erase a person's values from everything that finished tasks hold, for good. See docs/guardrails.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("values", nargs="+", help="Addresses, names, numbers: each as it is written in the tasks.")
        parser.add_argument("--why", required=True, help="Kept in the journal; name no person here.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            erased = erase_person(options["values"], options["why"], by=None)
        except (Refused, Unfinished) as stopped:
            raise CommandError(stopped.message) from None
        if not erased.tasks:
            self.stdout.write("No finished task holds any of these values.")
            return
        said = str(erased)
        self.stdout.write(f"{said[0].upper()}{said[1:]}. The tools' own data and your backups are not touched.")
