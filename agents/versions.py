"""How does an agent get a new version? Numbered under the agent's lock; the same definition makes none."""

from django.contrib.auth.models import User
from django.db import transaction

from agents.definition import AgentDefinition
from agents.models import Agent, AgentVersion


def publish(definition: AgentDefinition, *, by: User | None, note: str = "") -> AgentVersion:
    """Makes this definition the agent's newest version, creating the agent on its first one.

    Tasks that were submitted before keep the version that they pinned. A definition equal to the current one
    returns that version.
    """
    with transaction.atomic():
        agent, made = Agent.objects.get_or_create(name=definition.name, defaults={"title": definition.title})
        if not made:
            # The UPDATE is the lock: two people publishing at once get two numbers.
            Agent.objects.filter(pk=agent.pk).update(title=definition.title)
        current = agent.current_version
        stored = definition.model_dump(mode="json")
        if current and current.definition == stored:
            return current
        number = current.number + 1 if current else 1
        return AgentVersion.objects.create(agent=agent, number=number, definition=stored, created_by=by, note=note)
