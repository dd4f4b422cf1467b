"""Finds whatever was changed, removed or put elsewhere in the journals, the requests and the decisions."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.audit.verifying import Seen, verify
from review.audit import compare


class Command(BaseCommand):
    help = "Verify the journals, their checkpoints, and every review request and decision. See docs/audit.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchor", default="", help="The root of a checkpoint that you kept; it must be here.")

    def handle(self, *args: Any, **options: Any) -> None:
        seen, found = Seen(), 0
        for finding in verify(compare, seen, options["anchor"].strip().lower()):
            found += 1
            self.stdout.write(str(finding))
        looked_at = (
            f"{seen.lines} lines of {seen.tasks} tasks ({seen.erased} erased on record), "
            f"{seen.removed} tasks removed on record, "
            f"{seen.checkpoints} checkpoints; the latest root is {seen.root or 'none'}"
        )
        if found:
            raise CommandError(f"{found} findings in {looked_at}.")
        self.stdout.write(f"Everything is as it was written: {looked_at}.")
