"""Which names may a tool have, and which known name did somebody probably mean?"""

import difflib
import re
from collections.abc import Iterable

# What every model provider accepts as the name of a function.
LEGAL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# The names under which a proposer speaks to the loop itself; a tool of the same name could not be told apart.
CONTROL_NAMES = frozenset({"propose_plan", "finish", "ask", "escalate"})


def problem_with(name: str) -> str | None:
    """What is wrong with this name for a tool, and what to do about it; None if it is a good one."""
    if not LEGAL_NAME.fullmatch(name):
        return "model providers take names of 1 to 64 characters of a-z, A-Z, 0-9, _ and -; rename it"
    if name in CONTROL_NAMES:
        return f"the name is reserved ({', '.join(sorted(CONTROL_NAMES))} are calls of the loop); rename it"
    return None


def nearest(name: str, known: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The known names that look most like this one, best first; empty if none comes near."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    matches = difflib.get_close_matches(name.lower(), lowered, n=limit, cutoff=0.6)
    return tuple(lowered[match] for match in matches)
