"""The addresses of tasks: each reads a request, calls one service function, and answers."""

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.api.common import (
    ApiView,
    caller,
    fields_of,
    find,
    idempotency_key,
    problems,
    read,
    refuse_parameters,
    visible_to,
)
from agents.api.lists import KnownFilters, NewestFirst, TaskFilter
from agents.api.problems import answer_problem
from agents.api.seats import seats
from agents.api.serializers import (
    KEY_PATTERN,
    ActionLine,
    ActionList,
    BatchItem,
    BatchOutcomes,
    Costs,
    GivenAnswer,
    NewTask,
    NewTasks,
    NothingMore,
    Receipt,
    StepList,
    StepPart,
    TaskLine,
    WholeTask,
    task_url,
)
from agents.errors import Invalid, NotAllowed
from agents.models import Action, AgentTask, ModelCall, Step
from agents.states import FINAL, PARKED
from tools.names import nearest

TAGS = ["tasks"]
EXAMPLE = {
    "agent": "shop-desk",
    "goal": "Refund order 1042, the kettle arrived broken",
    "priority": "normal",
    "metadata": {"order": "1042"},
}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location="header",
    pattern=KEY_PATTERN,
    description="1 to 255 printable ASCII characters of your choice. The same key and body never make a second task.",
)
PREFER = OpenApiParameter(
    "Prefer",
    location="header",
    description="“wait=N”: answer when the task is over or needs somebody, and after N seconds (30 at most) anyway.",
)
LONGEST_WAIT = 30
LOOK_SECONDS = 0.25
BODY_PROBLEMS = ("too_large", "unsupported_media_type", "invalid")


class Tasks(ApiView, generics.ListAPIView[AgentTask]):
    queryset = AgentTask.objects.none()
    task_member = "id"
    serializer_class = TaskLine
    pagination_class = NewestFirst
    filter_backends = [KnownFilters]
    filterset_class = TaskFilter

    def get_queryset(self) -> QuerySet[AgentTask]:
        return visible_to(caller(self.request)).defer("inputs", "result", "plan", "guidance")

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        wanted = wanted_fields(self.request, TaskLine)
        return TaskLine(*args, only=wanted and [*wanted, "id", "submitted_by"], **kwargs)

    @extend_schema(
        tags=TAGS,
        operation_id="list_tasks",
        parameters=[fields_of(TaskLine)],
        responses={200: TaskLine(many=True), **problems("invalid")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's tasks and those of their teams, newest first; all of them for who may see all.

        Besides the parameters here, `metadata.NAME=text` gives the tasks with this text in their metadata.
        """
        response = super().get(request, *args, **kwargs)
        if wanted := wanted_fields(request, TaskLine):
            # Whose a task is says what of it is masked, whether the caller wants to know it or not.
            seen = self.seen(request, response.data)["results"]
            response.data["results"] = [{name: one[name] for name in one if name in wanted} for one in seen]
        return response

    @extend_schema(
        tags=TAGS,
        operation_id="create_task",
        parameters=[IDEMPOTENCY_KEY, PREFER],
        request=NewTask,
        examples=[OpenApiExample("A refund", EXAMPLE, request_only=True)],
        responses={
            200: WholeTask,
            202: Receipt,
            **problems(*BODY_PROBLEMS, "stale", "idempotency_key_in_flight", "idempotency_key_reused"),
        },
    )
    def post(self, request: Request) -> Response:
        """Give an agent a goal. When the answer is there the task is safe: nothing that dies later loses it.

        With `Prefer: wait=N` the answer is 200 with the whole task if it came to rest in time.
        """
        may_submit(request)
        refuse_parameters(request)
        seconds = wait_seconds(request)
        task = services.submit(
            **asked_for(read(NewTask, request)), by=caller(request), idempotency_key=idempotency_key(request)
        )
        headers = {"Location": task_url(task)}
        if seconds:
            with seats.one() as seated:
                if seated and came_to_rest(task.pk, seconds):
                    headers["Preference-Applied"] = f"wait={seconds}"
                    return Response(WholeTask(whole(request, task.pk)).data, headers=headers)
        return Response(Receipt(task).data, status=202, headers=headers)


class TaskBatch(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="create_tasks",
        parameters=[IDEMPOTENCY_KEY],
        request=NewTasks,
        examples=[OpenApiExample("Two of them", {"tasks": [EXAMPLE, EXAMPLE]}, request_only=True)],
        responses={200: BatchOutcomes, **problems(*BODY_PROBLEMS)},
    )
    def post(self, request: Request) -> Response:
        """Give up to 1,000 goals at once. Each has its own outcome, in the order of the request.

        Sent again with the same Idempotency-Key, it makes no task twice, wherever it was cut off.
        """
        may_submit(request)
        refuse_parameters(request)
        key = idempotency_key(request)
        items = read(NewTasks, request)["tasks"]
        keys = (f"{key}/{place}" if key else "" for place in range(len(items)))
        return Response({"results": [_outcome(request, item, own) for item, own in zip(items, keys, strict=True)]})


class OneTask(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="read_task",
        parameters=[fields_of(WholeTask)],
        responses={200: WholeTask, **problems("not_found", "invalid")},
    )
    def get(self, request: Request, task_id: int) -> Response:
        """A task with its steps: each with the verdict, the actions, and what came of them."""
        refuse_parameters(request, "fields")
        return Response(WholeTask(whole(request, task_id), only=wanted_fields(request, WholeTask)).data)


class CancelTask(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="cancel_task",
        request=NothingMore,
        responses={200: WholeTask, 202: WholeTask, **problems("not_found", "stale", *BODY_PROBLEMS)},
    )
    def post(self, request: Request, task_id: int) -> Response:
        """Cancel a task: 200 when it is canceled, 202 when it ends as soon as the action under way is settled."""
        refuse_parameters(request)
        read(NothingMore, request)
        services.cancel(find(request, task_id).pk, by=caller(request))
        task = whole(request, task_id)
        return Response(WholeTask(task).data, status=200 if task.is_final else 202)


class AnswerTask(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="answer_task",
        request=GivenAnswer,
        examples=[OpenApiExample("An address", {"answer": "5 Mill Lane"}, request_only=True)],
        responses={200: WholeTask, **problems("not_found", "stale", *BODY_PROBLEMS)},
    )
    def post(self, request: Request, task_id: int) -> Response:
        """Answer the question of a task that is in needs_input; the agent goes on with the answer."""
        refuse_parameters(request)
        given = read(GivenAnswer, request)
        services.answer(find(request, task_id).pk, given["answer"], by=caller(request))
        return Response(WholeTask(whole(request, task_id)).data)


class Steps(ApiView):
    @extend_schema(tags=TAGS, operation_id="list_steps", responses={200: StepList, **problems("not_found", "invalid")})
    def get(self, request: Request, task_id: int) -> Response:
        """The steps of a task, in order. There are never more than its `max_steps`."""
        refuse_parameters(request)
        return Response({"results": StepPart(_steps().filter(task=find(request, task_id)), many=True).data})


class Actions(ApiView):
    @extend_schema(
        tags=TAGS, operation_id="list_actions", responses={200: ActionList, **problems("not_found", "invalid")}
    )
    def get(self, request: Request, task_id: int) -> Response:
        """Every tool call of a task, in order: its exact arguments, and what came of it."""
        refuse_parameters(request)
        actions = Action.objects.filter(task=find(request, task_id)).select_related("step").order_by("id")
        return Response({"results": ActionLine(actions, many=True).data})


class TaskCosts(ApiView):
    @extend_schema(tags=TAGS, operation_id="read_costs", responses={200: Costs, **problems("not_found", "invalid")})
    def get(self, request: Request, task_id: int) -> Response:
        """What a task used of models. A playbook uses none."""
        refuse_parameters(request)
        calls = list(ModelCall.objects.filter(task=find(request, task_id)).order_by("id"))
        counted = ("input_tokens", "cached_tokens", "output_tokens")
        sums = {name: sum(getattr(call, name) for call in calls) for name in counted}
        priced = [call.cost for call in calls if call.cost is not None]
        costs = {
            "calls": len(calls),
            **sums,
            "cost": sum(priced, Decimal(0)),
            "unpriced_calls": len(calls) - len(priced),
        }
        return Response(Costs(costs | {"results": calls}).data)


def may_submit(request: Request) -> None:
    if not caller(request).has_perm("agents.submit_task"):
        raise NotAllowed(
            "Creating tasks needs the permission agents.submit_task: ask an operator for the group Submitters."
        )


def asked_for(body: dict[str, Any]) -> dict[str, Any]:
    """A body as the service takes it."""
    return {name: value for name, value in body.items() if name != "idempotency_key"}


def _outcome(request: Request, item: dict[str, Any], key: str) -> dict[str, Any]:
    """One task of a batch: as if it had been sent alone."""
    try:
        serializer = BatchItem(data=item)
        serializer.is_valid(raise_exception=True)
        body = serializer.validated_data
        task = services.submit(
            **asked_for(body), by=caller(request), idempotency_key=body.get("idempotency_key") or key
        )
    except Exception as error:
        response = answer_problem(error, {})
        if response is None or response.status_code >= 500:
            raise
        return {"status": response.status_code, "problem": response.data}
    return {"status": 202, "task": Receipt(task).data}


def wait_seconds(request: Request) -> int:
    """What “Prefer: wait=N” asks for, within our bounds; a preference that we don't know is passed over (RFC 7240)."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait" and seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
            return min(int(seconds), LONGEST_WAIT)
    return 0


def came_to_rest(task_id: int, seconds: float) -> bool:
    """Waits until the task is over or needs somebody. No connection to the database is held between two looks."""
    until = time.monotonic() + seconds
    while True:
        status = AgentTask.objects.values_list("status", flat=True).get(pk=task_id)
        if status in FINAL or status in PARKED:
            return True
        if time.monotonic() >= until:
            return False
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))


def wanted_fields(request: Request, serializer: type[Any]) -> list[str] | None:
    """The fields that `fields` names; None for all. Raises Invalid for one that is none."""
    said = request.query_params.get("fields")
    if said is None:
        return None
    known: Iterable[str] = serializer.Meta.fields
    for name in (names := said.split(",")):
        if name not in known:
            near = nearest(name[:100], known)
            hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"
            raise Invalid(f"“{name[:100]}” is not a field; {hint}", field="fields")
    return names


def _steps() -> QuerySet[Step]:
    return Step.objects.order_by("number").prefetch_related("actions")


def whole(request: Request, task_id: int) -> AgentTask:
    return get_object_or_404(visible_to(caller(request)).prefetch_related(Prefetch("steps", _steps())), pk=task_id)
