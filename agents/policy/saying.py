"""May this be said to people outside? What a message, a result or a question says is looked through before it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.definition import AgentDefinition
from agents.guard import find_triggers, look_through_outgoing
from agents.policy.facts import Facts
from agents.policy.verdict import Reason, Rule
from agents.policy.whose import check_whose
from tools.registry import Tool

ASKING_FOR_A_PERSON = "person"
"""Nothing is wrong with an agent that speaks of one."""


def check_saying(
    said: Any, definition: AgentDefinition, secrets: frozenset[str] = frozenset(), rule: Rule = "review"
) -> Iterator[Reason]:
    """A hit asks for a person, with the place marked."""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    names = [name for name in definition.guard.triggers if name != ASKING_FOR_A_PERSON]
    for found in (*look_through_outgoing(text, definition, secrets), *find_triggers(text, definition, names)):
        yield Reason(found.code, str(found), rule)


def check_messages(
    tool: Tool, arguments: Mapping[str, Any], definition: AgentDefinition, facts: Facts
) -> Iterator[Reason]:
    """The arguments that somebody outside the house reads."""
    beside = {name: value for name, value in arguments.items() if name not in (*tool.messages, *tool.carries)}
    for name in tool.messages:
        if arguments.get(name):
            yield from check_saying(arguments[name], definition, facts.secrets)
            if facts.told is not None and not facts.by_recipe:
                yield from check_whose(arguments[name], "messages", definition, facts.told, beside)
