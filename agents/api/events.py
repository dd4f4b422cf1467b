"""How does a caller hear what happens while it happens? Server-Sent Events, and the same events page by page."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.common import ApiView, caller, find, may_know_of, problems, refuse_parameters
from agents.api.problems import NoSeat
from agents.api.seats import seats
from agents.api.serializers import EventList
from agents.engine import drain
from agents.errors import Invalid
from agents.models import AgentTask, TaskEvent
from agents.outgoing.catalogue import CATALOGUE, as_json
from agents.outgoing.journal import Position, horizon
from agents.privacy.showing import show_to
from agents.states import FINAL

TAGS = ["events"]
PAGE = 200
LOOK_SECONDS = 0.5
HEARTBEAT_SECONDS = 10
LONGEST_SECONDS = 600
"""A stream ends after so long, and a client comes back with Last-Event-ID: no server waits longer for its streams."""
MAX_KEY = 2**63 - 1

Batch = list[tuple[str, TaskEvent]]
"""Events to send, each with the id that a client resumes from."""

AFTER = OpenApiParameter(
    "after", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}, description="Only events with a larger number."
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    location="header",
    pattern=r"^[0-9]{1,18}$",
    description="The id of the last event that arrived: the stream goes on after it.",
)
STREAM = {
    (200, "text/event-stream"): OpenApiResponse(
        OpenApiTypes.STR,
        "Each has an `id`, its type as `event`, and as `data` one line of JSON: an Event. Comments are heartbeats.",
    )
}


class AnyForm(BaseContentNegotiation):
    """A stream has one form, whatever is asked for; its problems are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class TaskEvents(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="list_events",
        parameters=[AFTER],
        responses={200: EventList, **problems("not_found", "invalid")},
    )
    def get(self, request: Request, task_id: int) -> Response:
        """What happened to a task, in order, 200 at a time."""
        refuse_parameters(request, "after")
        after = _number(request.query_params.get("after", "0"), "after")
        found = list(_public(Q(task=find(request, task_id), number__gt=after)).order_by("number")[: PAGE + 1])
        page = found[:PAGE]
        more = page[-1].number if len(found) > PAGE else None
        return Response({"results": [as_json(event) for event in page], "next_after": more})


class TaskStream(ApiView):
    content_negotiation_class = AnyForm

    @extend_schema(
        tags=TAGS,
        operation_id="stream_task",
        parameters=[LAST_EVENT_ID],
        responses={**STREAM, **problems("not_found", "invalid", "no_seat")},
    )
    def get(self, request: Request, task_id: int) -> Any:
        """The events of one task as Server-Sent Events, from the first one on; the stream ends with the task."""
        refuse_parameters(request)
        task = find(request, task_id)
        return stream(_of_task(task.pk, _resumed(request)), caller(request))


class AllStream(ApiView):
    content_negotiation_class = AnyForm

    @extend_schema(
        tags=TAGS,
        operation_id="stream_all",
        parameters=[LAST_EVENT_ID],
        responses={**STREAM, **problems("invalid", "no_seat")},
    )
    def get(self, request: Request) -> Any:
        """The events of all tasks that the caller may see, from now on or from Last-Event-ID.

        None is left out. After a break one may come a second time: `task` and `number` say which it is.
        """
        refuse_parameters(request)
        resumed = request.headers.get("Last-Event-ID")
        low = horizon().newest if resumed is None else _resumed(request)
        return stream(_of_all(may_know_of(caller(request), "task__"), low), caller(request))


def stream(look: Callable[[], tuple[Batch, bool]], person: User) -> StreamingHttpResponse:
    """Streams to a person what `look` finds, as long as it says that there may be more. Raises NoSeat."""
    if not seats.take():
        raise NoSeat
    response = StreamingHttpResponse(_Sending(look, person), content_type="text/event-stream")
    # A proxy that collects an answer before it passes it on would hold everything back.
    response["X-Accel-Buffering"] = "no"
    return response


class _Sending:
    """The body of a stream. The server closes it when the client is gone, and the seat is free again."""

    def __init__(self, look: Callable[[], tuple[Batch, bool]], person: User) -> None:
        self._look = look
        self._person = person
        self._seated = True

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from _sent(self._look, self._person)
        finally:
            self.close()

    def close(self) -> None:
        if self._seated:
            self._seated = False
            seats.give_back()


def _sent(look: Callable[[], tuple[Batch, bool]], person: User) -> Iterator[bytes]:
    yield b"retry: 2000\n\n"
    ends = time.monotonic() + LONGEST_SECONDS
    beat = time.monotonic() + HEARTBEAT_SECONDS
    # A process that is going away lets its clients go to another one.
    while time.monotonic() < ends and not drain.draining():
        batch, more = look()
        show_to(person, *(event for _, event in batch))
        # No connection to the database is held between two looks.
        if not connection.in_atomic_block:
            connection.close()
        for key, event in batch:
            text = json.dumps(as_json(event), ensure_ascii=False, separators=(",", ":"))
            yield f"id: {key}\nevent: {event.kind}\ndata: {text}\n\n".encode()
        if not more:
            return
        if batch:
            beat = time.monotonic() + HEARTBEAT_SECONDS
        elif time.monotonic() >= beat:
            yield b": still here\n\n"
            beat = time.monotonic() + HEARTBEAT_SECONDS
        if len(batch) < PAGE:
            time.sleep(LOOK_SECONDS)


def _of_task(task_id: int, number: int) -> Callable[[], tuple[Batch, bool]]:
    """Looks at one task's journal, whose numbers have no gaps and appear in their order."""
    last = number

    def look() -> tuple[Batch, bool]:
        nonlocal last
        # The status first: what led to a final one is in the journal by then.
        status = AgentTask.objects.values_list("status", flat=True).get(pk=task_id)
        events = list(_public(Q(task=task_id, number__gt=last)).order_by("number")[:PAGE])
        if events:
            last = events[-1].number
        return [(str(event.number), event) for event in events], status not in FINAL or len(events) == PAGE

    return look


def _of_all(mine: Q, low: int) -> Callable[[], tuple[Batch, bool]]:
    """Looks at the whole journal, where a smaller key may appear after a larger one: see agents.outgoing.journal."""
    position = Position(low)
    sent: set[int] = set()

    def look() -> tuple[Batch, bool]:
        nonlocal position, sent
        now = horizon()
        settled = position.advanced(now)
        found = list(_public(mine, id__gt=position.low).exclude(pk__in=sent).order_by("id")[:PAGE])
        if len(found) == PAGE:
            # There is more than one look reads: what is settled counts only as far as it was read.
            settled = Position(min(settled.low, found[-1].pk))
        batch = []
        for event in found:
            sent.add(event.pk)
            # All up to `low` was sent. Who resumes from there hears some again, and misses none.
            batch.append((str(event.pk if event.pk <= settled.low else settled.low), event))
        position = settled
        sent = {pk for pk in sent if pk > position.low}
        return batch, True

    return look


def _public(*conditions: Q, **more: Any) -> Any:
    return TaskEvent.objects.filter(*conditions, kind__in=CATALOGUE, **more)


def _resumed(request: Request) -> int:
    return _number(request.headers.get("Last-Event-ID", "0"), "Last-Event-ID")


def _number(said: str, field: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise Invalid(f"{field} must be a whole number of at most 18 digits.", field=field)
    return int(said)
