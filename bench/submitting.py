"""How does the bench submit tasks to a system? Through a process in the system's own environment, by lines of JSON.

It prints `{"versions": …}` when it is ready. For each line `{"goals": […], …}` that it reads it submits these goals
and prints when it was called and when the last one was safely submitted, in monotonic seconds.
"""

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Submit = Callable[[list[str], dict[str, Any]], None]
"""Submits goals; the second argument is the whole line, for options that one system alone knows."""


def serve(submit: Submit, packages: tuple[str, ...]) -> None:
    """Submits what is asked for until standard input closes."""
    _say({"versions": {name: importlib.metadata.version(name) for name in packages}})
    for line in sys.stdin:
        asked = json.loads(line)
        called = time.monotonic()
        submit(asked["goals"], asked)
        _say({"called": called, "returned": time.monotonic()})


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)
