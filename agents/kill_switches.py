"""How is a tool, an agent or everything stopped at once? A denial in force for everyone, until it is lifted."""

import time
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents.errors import Invalid, Stale
from agents.models import Agent, AgentTask, KillSwitch
from agents.policy import Denial
from agents.states import TaskStatus
from agents.storable import storable_text
from tools.registry import registry

MAX_WHY = 300
LATELY = 0.5
"""Seconds for which a process takes the denials of an agent for known. A switch stops new actions within one."""
_known: dict[int, tuple[float, tuple[Denial, ...]]] = {}


def engaged() -> QuerySet[KillSwitch]:
    """What is stopped now, the newest first."""
    return KillSwitch.objects.filter(lifted_at=None).select_related("agent", "engaged_by")


def stopping(agent: Any) -> QuerySet[KillSwitch]:
    """The switches that stop every action of an agent (its key, or an expression for it): its tasks wait for them."""
    return KillSwitch.objects.filter(Q(agent=None) | Q(agent=agent), tool="", lifted_at=None)


def in_force(agent_id: int) -> tuple[Denial, ...]:
    """The denials for this agent at this moment, as every effect asks before it starts."""
    asked = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_ENGAGED, [agent_id])
        found = tuple(Denial(tool or None, why) for tool, why in cursor.fetchall())
    _known[agent_id] = (asked, found)
    return found


def in_force_lately(agent_id: int) -> tuple[Denial, ...]:
    """The denials for this agent as this process read them half a second ago at most: for what changes nothing."""
    asked, found = _known.get(agent_id, (0.0, ()))
    return found if asked and time.monotonic() - asked < LATELY else in_force(agent_id)


def forget() -> None:
    """Has this process ask again, whatever it knew."""
    _known.clear()


_ENGAGED = """
    SELECT tool, why FROM agents_killswitch WHERE lifted_at IS NULL AND (agent_id IS NULL OR agent_id = %s)
     ORDER BY id DESC
"""


def why_stopped(task: AgentTask, switches: Iterable[KillSwitch]) -> str:
    """What keeps a task in the queue that would run otherwise, of the switches that are engaged; else empty."""
    if task.status not in (TaskStatus.PENDING, TaskStatus.WAITING) or task.owner_id is not None:
        return ""
    stops = (one for one in switches if not one.tool and one.agent_id in (None, task.agent_id))
    switch = next(stops, None)
    return f"{task.agent} is stopped by a kill switch: {switch.why} It goes on when that is lifted." if switch else ""


def engage(*, why: str, by: User, agent: Agent | None = None, tool: str = "") -> KillSwitch:
    """Denies from now on: this tool, this agent, or both at their widest. Work under way is not interrupted.

    Raises Invalid without a reason, which everybody who meets the denial reads, and for a tool that is not known.
    """
    if not why.strip() or len(why) > MAX_WHY or storable_text(why) != why:
        raise Invalid(f"Say why in 1 to {MAX_WHY} readable characters: everybody who is stopped reads it.", field="why")
    if tool and tool not in registry:
        raise Invalid(f"There is no tool “{tool}”.", field="tool")
    switch = KillSwitch.objects.create(agent=agent, tool=tool, why=why, engaged_by=by)
    transaction.on_commit(forget)
    return switch


def lift(switch_id: int, *, by: User) -> KillSwitch:
    """Ends a denial; what waited for it goes on with the next sweep. Raises Stale when somebody did so before."""
    with transaction.atomic():
        if not KillSwitch.objects.filter(pk=switch_id, lifted_at=None).update(lifted_at=Now(), lifted_by=by):
            raise Stale("This kill switch is lifted already.")
        transaction.on_commit(forget)
        return KillSwitch.objects.get(pk=switch_id)
