"""A worker in a process of its own, for a test that kills it: works on one task after the other, until it dies."""

import json
import os
import sys
import time

import django


def main(provider: str, settings: str) -> None:
    django.setup()
    # The tests' settings take every key of a provider out of the environment.
    os.environ.update(OPENAI_BASE_URL=provider, OPENAI_API_KEY="sk-test-0123456789abcdef")
    from django.conf import settings as loaded

    from agents.engine.loop import work_once

    for name, value in json.loads(settings).items():
        setattr(loaded, name, value)
    while True:
        if not work_once():
            time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
