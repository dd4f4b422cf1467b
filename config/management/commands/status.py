"""`manage.py status`: how does it stand? For a shell at the time when no browser is at hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from agents import kill_switches
from agents.engine import leases
from agents.models import AgentTask
from agents.states import FINAL
from config.health import SWITCHES, is_ready, parts
from review.models import ReviewRequest


class Command(BaseCommand):
    help = "Show what answers, who works, what waits, and what is stopped. Exits with 1 when a part does not answer."

    def handle(self, *args: Any, **options: Any) -> None:
        found = parts()
        for part, said in found.items():
            if part != SWITCHES:
                self._line(part, said)
        if found[SWITCHES] != "unknown":
            self._working()
            self._stopped()
        if not is_ready(found):
            raise CommandError("Not ready: " + ", ".join(p for p in found if not is_ready({p: found[p]})))

    def _working(self) -> None:
        slots = list(leases.alive().values_list("slots", flat=True))
        self._line("workers", f"{len(slots)} alive, {sum(slots)} slots")
        live = AgentTask.objects.exclude(status__in=FINAL).order_by("status").values_list("status")
        counted = [f"{number} {status}" for status, number in live.annotate(Count("pk"))]
        self._line("tasks", ", ".join(counted) or "none that is not over")
        self._line("reviews", f"{ReviewRequest.objects.filter(status='open').count()} open")

    def _stopped(self) -> None:
        engaged = list(kill_switches.engaged())
        self._line("kill switches", "engaged:" if engaged else "none engaged")
        for switch in engaged:
            since = f"{switch.engaged_at:%Y-%m-%d %H:%M:%S %Z}"
            self.stdout.write(f"  {switch}: {switch.why} ({switch.engaged_by}, {since})")

    def _line(self, name: str, said: str) -> None:
        self.stdout.write(f"{name + ':':15}{said}")
