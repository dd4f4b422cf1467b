"""Encrypts what placeholders stand for with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.privacy.vault import rotate


class Command(BaseCommand):
    help = "Encrypt the vault with the first of COUNTERSIGN_VAULT_KEYS. Afterwards the others are needed no more."

    def handle(self, *args: Any, **options: Any) -> None:
        values, shut = rotate()
        if shut:
            raise CommandError(
                f"No key opens {shut} of {values} values, and they stay as they are; the others are done. "
                "Add the key that they were encrypted with."
            )
        self.stdout.write(f"{values} values are encrypted with the newest key.")
