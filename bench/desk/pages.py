"""What is asked of the database all day? The sweeper, the claim, and the pages that people and services look at."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client, override_settings
from django.urls import reverse

from agents.engine import leases
from agents.models import AgentTask
from agents.queue import claimable
from agents.states import TaskStatus
from review.models import RequestStatus, ReviewRequest

Ask = Callable[[], Any]
LIMITS = {"COUNTERSIGN_RUNNING_PER_SUBMITTER": 4, "COUNTERSIGN_RUNNING_PER_AGENT": 10_000}


@dataclass(frozen=True)
class Query:
    sql: str
    parameters: Any
    milliseconds: float


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one kind of question; `database` is the part spent in its queries."""

    whole: float
    database: float
    buffers: int
    """Pages of the database that one asking looks at, which does not depend on how busy the machine is."""
    queries: list[Query]
    """Those of one asking that read, those that look at most pages first."""


def questions() -> dict[str, Ask]:
    """Each question by its name. The pages are asked by somebody who may see everything, and by a submitter."""
    boss = _signed_in("boss")
    submitter = _signed_in("submitter7")
    finished = AgentTask.objects.filter(status=TaskStatus.COMPLETE)
    some = finished.order_by("id").values_list("pk", flat=True)[500]
    parked = AgentTask.objects.filter(status=TaskStatus.NEEDS_REVIEW).values_list("pk", flat=True).first()
    tasks, queue = reverse("admin:agents_agenttask_changelist"), reverse("admin:review_reviewrequest_changelist")
    asked = ReviewRequest.objects.filter(status=RequestStatus.OPEN, action__isnull=False).select_related("action")[0]
    api = reverse("api:tasks")
    return {
        "sweeper: claimable": lambda: claimable().order_by().values("pk")[:500].count(),
        "claim": _claim,
        "claim, within limits": override_settings(**LIMITS)(_claim),
        "queue page": _page(boss, queue),
        "queue, mine": _page(boss, f"{queue}?whose=mine"),
        "queue, page 50": _page(boss, f"{queue}?p=50"),
        "queue, words looked for": _page(boss, f"{queue}?q=order"),
        "queue, its news": _page(boss, f"{reverse('admin:review_reviewrequest_news')}?seen=0"),
        "calls of a tool together": _page(
            boss, f"{reverse('admin:review_reviewrequest_together')}?tool={asked.action.tool}"
        ),
        "review page": _page(boss, reverse("admin:review_reviewrequest_change", args=[asked.pk])),
        "task list": _page(boss, tasks),
        "task list, complete": _page(boss, f"{tasks}?status__exact=complete"),
        "task list, page 10": _page(boss, f"{tasks}?p=10"),
        "task list, a submitter's": _page(submitter, tasks),
        "task page": _page(boss, reverse("admin:agents_agenttask_change", args=[some])),
        "task page, parked": _page(boss, reverse("admin:agents_agenttask_change", args=[parked])),
        "API list": _page(boss, api),
        "API list, complete": _page(boss, f"{api}?status=complete"),
        "API list, of an agent": _page(boss, f"{api}?agent=bench"),
        "API list, a submitter's": _page(submitter, api),
        "API task": _page(boss, reverse("api:task", args=[some])),
    }


def timed(ask: Ask, tries: int) -> Timed:
    """Medians over so many tries, after one that is not counted."""
    ask()
    wholes, parts = [], []
    queries: list[Query] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            queries.append(Query(sql, parameters, (time.perf_counter() - began) * 1000))

    for _ in range(tries):
        queries.clear()
        with connection.execute_wrapper(note):
            began = time.perf_counter()
            ask()
            wholes.append((time.perf_counter() - began) * 1000)
        parts.append(sum(query.milliseconds for query in queries))
    reading = [query for query in queries if query.sql.startswith(("SELECT", "WITH best"))]  # the latter is a claim
    looked = {id(query): buffers(query) for query in reading}
    reading.sort(key=lambda query: -looked[id(query)])
    return Timed(statistics.median(wholes), statistics.median(parts), sum(looked.values()), reading)


def buffers(query: Query) -> int:
    ((plan,),) = _explained("ANALYZE, BUFFERS, FORMAT JSON", query)
    whole = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(whole["Shared Hit Blocks"] + whole["Shared Read Blocks"])


def plan_of(query: Query) -> str:
    """What the server does for a query, and how long it takes."""
    return "\n".join(line for (line,) in _explained("ANALYZE, BUFFERS", query))


def _explained(how: str, query: Query) -> list[Any]:
    """The plan of a query that is carried out, and undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({how}) {query.sql}", query.parameters)
        transaction.set_rollback(True)
        return list(cursor.fetchall())


def _claim() -> None:
    lease = leases.claim()
    assert lease is not None
    leases.let_go(lease)


def _signed_in(name: str) -> Client:
    staff = {"is_staff": True, "is_superuser": name == "boss"}
    person, _ = User.objects.update_or_create(username=name, defaults=staff)
    person.groups.add(Group.objects.get(name="Submitters"))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(person)
    return client


def _page(client: Client, address: str) -> Ask:
    def ask() -> None:
        response = client.get(address)
        assert response.status_code == 200, (address, response.status_code)

    return ask
