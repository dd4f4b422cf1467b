"""Erases personal data from a task's journal; the chain still verifies."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.audit.erasing import erase
from agents.errors import Refused


class Command(BaseCommand):
    help = "Erase the payloads of lines of a task's journal for good. See docs/audit.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", type=int)
        parser.add_argument("lines", type=int, nargs="+", help="The numbers of the lines.")
        parser.add_argument("--why", required=True, help="Kept in the journal; name no person here.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = erase(options["task"], options["lines"], options["why"], by=None)
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(f"Erased the payloads of lines {', '.join(map(str, found))} of task {options['task']}.")
