"""What does each person see first? What waits for them, what they submitted, and a place to submit the next goal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from agents import demo, kill_switches
from agents.admin.forms import SubmitForm
from agents.admin.listing import Chip, count_up_to
from agents.admin.reading import visible_tasks
from agents.models import Agent, AgentTask, WorkerProcess
from agents.privacy.showing import rows_of_list, show_to
from agents.states import TaskStatus
from review.admin.reading import ORDER, decidable
from review.models import ReviewRequest

SHOWN = 8
SHOWN_OF_SWITCHES = 100
ALIVE = timedelta(seconds=60)


@dataclass(frozen=True)
class Engine:
    """Is anybody working, and does anything wait too long?"""

    workers: int
    slots: int
    oldest_pending: AgentTask | None


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """What every page of the admin shows: the kill switches that are engaged, with who and why."""
    if not request.user.is_authenticated:
        return {}
    return {"kill_switches_engaged": list(kill_switches.engaged()[:SHOWN_OF_SWITCHES])}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    person = request.user
    submits = person.has_perm("agents.submit_task")
    decides = person.has_perm("review.decide")
    return context | {
        "title": "Front page",
        "chips": _counts(request),
        "submit_form": SubmitForm(auto_id="id_front_%s")
        if submits and Agent.objects.filter(enabled=True).exists()
        else None,
        "examples": _examples() if submits else (),
        "demo_agent": demo.AGENT,
        "mine": list(_mine(request)[:SHOWN]) if submits else [],
        "submits": submits,
        "decides": decides,
        "waiting": _waiting(request) if decides else [],
        "waiting_count": count_up_to(decidable(person)) if decides else "",
        "engine": _engine() if person.has_perm("agents.view_workerprocess") else None,
    }


def _counts(request: HttpRequest) -> list[Chip]:
    if not request.user.has_perm("agents.view_agenttask"):
        return []
    tasks, address = visible_tasks(request.user), reverse("admin:agents_agenttask_changelist")
    return [
        Chip(label, count_up_to(tasks.filter(status=value)), f"{address}?status__exact={value}", False, value)
        for value, label in TaskStatus.choices
    ]


def _mine(request: HttpRequest) -> Any:
    return AgentTask.objects.filter(submitted_by=request.user.pk).select_related("agent").order_by("-id")


def _waiting(request: HttpRequest) -> list[ReviewRequest]:
    rows = decidable(request.user).select_related("task__agent", "task__submitted_by")
    waiting = list(rows.defer("shown").order_by(*ORDER)[:SHOWN])
    show_to(request.user, *rows_of_list(waiting))
    return waiting


def _examples() -> tuple[demo.Example, ...]:
    """The ready examples, while the demo is on and its agent takes tasks."""
    on = getattr(settings, "COUNTERSIGN_DEMO", False)
    return demo.EXAMPLES if on and Agent.objects.filter(name=demo.AGENT, enabled=True).exists() else ()


def _engine() -> Engine:
    alive = WorkerProcess.objects.filter(stopped_at=None, seen_at__gt=timezone.now() - ALIVE)
    slots = list(alive.values_list("slots", flat=True)[:1000])
    pending = AgentTask.objects.filter(status=TaskStatus.PENDING).order_by("id").only("id", "queued_at")
    return Engine(len(slots), sum(slots), pending.first())
