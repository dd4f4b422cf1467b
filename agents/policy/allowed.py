"""Is the tool known, one of the agent's, and not forbidden at this moment?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agents.definition import AgentDefinition
from agents.policy.facts import Denial
from agents.policy.verdict import Reason
from tools.names import nearest


def check_allowed(name: str, known: bool, definition: AgentDefinition) -> Iterator[Reason]:
    """A tool that nobody registered, or that the agent does not have, is denied with the nearest that it has."""
    if name in definition.tools and known:
        return
    close = nearest(name, definition.tools, limit=1)
    hint = f" Did you mean {close[0]}?" if close and close[0] != name else ""
    theirs = f"{definition.name} has {', '.join(definition.tools) or 'no tools'}."
    if not known:
        yield Reason("tool.unknown", f"There is no tool {name[:100]!r}.{hint} {theirs}", "deny")
    else:
        yield Reason("tool.not_allowed", f"{definition.name} may not use {name}.{hint} {theirs}", "deny")


def check_denials(name: str, denials: Iterable[Denial]) -> Iterator[Reason]:
    """What is forbidden now is denied, whatever else is true of it."""
    for denial in denials:
        if denial.tool in (None, name):
            about = "Every action" if denial.tool is None else f"The tool {name}"
            why = denial.why.rstrip(". ")
            yield Reason("denied.now", f"{about} is switched off now: {why}. Do without it, or escalate.", "deny")
