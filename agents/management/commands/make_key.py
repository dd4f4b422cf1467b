"""Makes an API key for a user and prints it, once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.api.keys import make_key
from agents.api.scopes import DEFAULT, SCOPES
from agents.errors import Invalid

LONGEST = 3650


class Command(BaseCommand):
    help = "Make an API key for a user. The key is printed once and kept only as a digest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The username of the key's owner.")
        parser.add_argument("name", help="What the key is for, such as “billing service”.")
        parser.add_argument("--scope", action="append", choices=SCOPES, help="What it may do; repeat it for several.")
        parser.add_argument("--days", type=int, help=f"The key expires after so many days, 1 to {LONGEST}.")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        days = options["days"]
        if days is not None and not 1 <= days <= LONGEST:
            raise CommandError(f"--days is {days}; use 1 to {LONGEST}.")
        try:
            ends = timezone.now() + timedelta(days=days) if days else None
            _, plain = make_key(owner, options["name"], ends, options["scope"] or DEFAULT)
        except Invalid as invalid:
            raise CommandError(invalid.message) from None
        # Only the key goes to standard output, so that KEY=$(… make_key …) holds the key and nothing else.
        self.stderr.write("This key is shown only now; keep it like a password:")
        self.stdout.write(plain)
