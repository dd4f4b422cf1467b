"""Is it within business hours? The time is a fact like any other: policy has no clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from agents.definition.rules import DAYS, Hours


def closed(hours: Hours, now: datetime | None) -> str | None:
    """Why it is outside the hours; None within them. An unknown time is outside."""
    if now is None:
        return "the time is not known"
    there = now.astimezone(ZoneInfo(hours.zone))
    day, clock = DAYS[there.weekday()], f"{there:%H:%M}"
    if day in hours.days and hours.opens <= clock < hours.closes:
        return None
    return f"it is {day} {clock} in {hours.zone}"
