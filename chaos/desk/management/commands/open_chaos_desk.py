"""Makes the agents, the people and the submitter's key of a run of chaos, and prints the key."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand

from agents.api.keys import make_key
from agents.versions import publish
from chaos.desk.definitions import agents

PEOPLE = {"sally": "Submitters", "rae": "Reviewers", "rob": "Reviewers"}


class Command(BaseCommand):
    help = "Open the desk of a run of chaos, and print its submitter's API key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", default="playbook", help="The proposer of both agents.")

    def handle(self, *args: Any, **options: Any) -> None:
        for definition in agents(options["model"]):
            publish(definition, by=None)
        for name, group in PEOPLE.items():
            User.objects.create_user(name).groups.add(Group.objects.get(name=group))
        _, plain = make_key(User.objects.get(username="sally"), "chaos")
        self.stdout.write(plain)
