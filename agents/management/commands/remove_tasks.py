"""Removes finished tasks that nobody was asked about, and keeps them in a file first if that is wanted."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core import serializers
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model

from agents import retention


class Command(BaseCommand):
    help = "Remove tasks that ended long ago, except those that people were asked about. See docs/run.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="Those that ended longer ago; else COUNTERSIGN_KEEP_TASKS_DAYS.")
        parser.add_argument("--archive", type=Path, help="A file that does not exist yet: takes every row as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        days = settings.COUNTERSIGN_KEEP_TASKS_DAYS if options["days"] is None else options["days"]
        if days < 1:
            raise CommandError("Say after how many days: --days 90, or COUNTERSIGN_KEEP_TASKS_DAYS. At least 1.")
        try:
            with options["archive"].open("x", encoding="utf-8") if options["archive"] else nullcontext() as file:
                removed = sum(iter(lambda: retention.remove(days, file and _into(file)), 0))
        except OSError as error:
            raise CommandError(f"{options['archive']} can't be written, so nothing more is removed: {error}") from None
        left = retention.old(days)
        kept, waiting = left.filter(on_record=True).count(), left.filter(on_record=False).count()
        self.stdout.write(f"Removed {removed} tasks that ended more than {days} days ago.")
        self.stdout.write(f"{kept} stay, since people were asked about them.")
        if waiting:
            self.stdout.write(
                f"{waiting} stay for now: a worker has to write a checkpoint of their journals first, or to deliver "
                "their webhooks, or is removing them."
            )


def _into(file: IO[str]) -> retention.Archive:
    def keep(rows: Iterator[Model]) -> None:
        serializers.serialize("jsonl", rows, stream=file)
        file.flush()
        os.fsync(file.fileno())

    return keep
