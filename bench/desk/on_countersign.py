"""Countersign in the bench: the submitter, who is also the reviewer. The workers are the documented command."""

import sys
from typing import Any

import django

from bench.submitting import serve

django.setup()

from django.contrib.auth.models import User  # noqa: E402

from agents import services  # noqa: E402
from bench.desk.agents import approve_all, set_up  # noqa: E402


def submit(goals: list[str], line: dict[str, Any]) -> None:
    if line.get("approve"):
        approve_all()
        return
    person = User.objects.get(username="submitter")
    for goal in goals:
        services.submit(agent="bench", goal=goal, by=person)


if __name__ == "__main__":
    if sys.argv[1:] == ["setup"]:
        set_up()
    else:
        serve(submit, ("django", "celery", "psycopg", "openai"))
