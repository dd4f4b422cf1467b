"""Do the arguments fit the tool's schema?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.policy.verdict import Reason
from tools.schema import Problem, validate


def check_arguments(
    name: str, schema: Mapping[str, Any], arguments: object, problems: Sequence[Problem]
) -> Iterator[Reason]:
    """Denied for each mistake: those found while normalising, or else those of the normalised arguments."""
    if not problems and arguments is None:
        yield Reason("schema.invalid", f"{name} was called without arguments; give an object.", "deny")
        return
    for problem in problems or validate(dict(schema), arguments):
        yield Reason("schema.invalid", f"{name}: {problem}", "deny")
