"""Runs one of the systems: `python -m bench.rivals on_dbos setup`, `work` or `submit`.

Each is imported under its own name, since some of them write the names of functions into their queues.
"""

import importlib
import sys

if __name__ == "__main__":
    name, does = sys.argv[1:]
    getattr(importlib.import_module(f"bench.rivals.{name}"), does)()
