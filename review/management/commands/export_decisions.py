"""Writes the decisions of a period to standard output, or to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.errors import Refused
from review.export import FORMATS, export, period


class Command(BaseCommand):
    help = "Export the decisions of a period: person, time, way in, task, answer, digest, reason, edits. Masked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", default="", help="The first day, such as 2026-11-01, or a moment.")
        parser.add_argument("--to", dest="last", default="", help="The last day, or a moment.")
        parser.add_argument("--format", dest="form", choices=sorted(FORMATS), default="jsonl")
        parser.add_argument("--output", type=Path, help="A file that does not exist yet, instead of standard output.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pieces = export(*period(options["first"], options["last"]), options["form"], None)
            if options["output"] is None:
                for piece in pieces:
                    self.stdout.write(piece, ending="")
                return
            with options["output"].open("x", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        except Refused as refused:
            raise CommandError(refused.message) from None
        except OSError as error:
            raise CommandError(f"{options['output']} can't be written: {error}") from None
