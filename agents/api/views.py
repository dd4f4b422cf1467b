"""Which address does what? Each view reads a request, calls one service function, and answers."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import services
from agents.api.fields import Body, json_type
from agents.api.kinds import KINDS
from agents.api.lists import KnownFilters, NewestFirst, TaskFilter
from agents.api.serializers import (
    GivenAnswer,
    NewTask,
    NothingMore,
    ProblemDetails,
    Receipt,
    TaskLine,
    WholeTask,
    task_url,
)
from agents.errors import Invalid
from agents.models import AgentTask, Step

TAGS = ["tasks"]
# Without OPTIONS: it is for pages of other origins, which may not call.
METHODS = ["get", "post", "head"]
EXAMPLE = {"agent": "shop-desk", "goal": "Refund order 1042, the kettle arrived broken", "priority": "normal"}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location="header",
    description="1 to 255 printable ASCII characters of your choice. The same key and body never make a second task.",
)


def problems(*codes: str) -> dict[tuple[int, str], OpenApiResponse]:
    """The problems that an operation may answer with, for the schema."""
    by_status: dict[int, list[str]] = {}
    for code in ("not_signed_in", *codes, "unavailable"):
        by_status.setdefault(KINDS[code].status, []).append(KINDS[code].title)
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemDetails, ". ".join(titles) + ".")
        for status, titles in by_status.items()
    }


class MaySubmit(BasePermission):
    message = "Creating tasks needs the permission agents.submit_task: ask an operator for the group Submitters."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method != "POST" or caller(request).has_perm("agents.submit_task")


class Tasks(generics.ListAPIView[AgentTask]):
    http_method_names = METHODS
    queryset = AgentTask.objects.none()
    serializer_class = TaskLine
    pagination_class = NewestFirst
    filter_backends = [KnownFilters]
    filterset_class = TaskFilter

    def get_permissions(self) -> list[Any]:
        return [*super().get_permissions(), MaySubmit()]

    def get_queryset(self) -> QuerySet[AgentTask]:
        return visible_to(caller(self.request)).defer("inputs", "result", "plan", "guidance")

    @extend_schema(tags=TAGS, operation_id="list_tasks", responses={200: TaskLine(many=True), **problems("invalid")})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's tasks, newest first. Those of others are in it for who may see all tasks."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=TAGS,
        operation_id="create_task",
        parameters=[IDEMPOTENCY_KEY],
        request=NewTask,
        examples=[OpenApiExample("A refund", EXAMPLE, request_only=True)],
        responses={
            202: Receipt,
            **problems(
                "malformed",
                "not_allowed",
                "too_large",
                "unsupported_media_type",
                "invalid",
                "idempotency_key_reused",
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Give an agent a goal. When the answer is there the task is safe: nothing that dies later loses it."""
        wanted = read(NewTask, request)
        task = services.submit(**wanted, by=caller(request), idempotency_key=idempotency_key(request))
        return Response(Receipt(task).data, status=202, headers={"Location": task_url(task)})


class OneTask(APIView):
    http_method_names = METHODS

    @extend_schema(tags=TAGS, operation_id="read_task", responses={200: WholeTask, **problems("not_found")})
    def get(self, request: Request, task_id: int) -> Response:
        """A task with its steps: each with the verdict, the actions, and what came of them."""
        return Response(WholeTask(whole(request, task_id)).data)


class CancelTask(APIView):
    http_method_names = METHODS

    @extend_schema(
        tags=TAGS,
        operation_id="cancel_task",
        request=NothingMore,
        responses={200: WholeTask, 202: WholeTask, **problems("not_allowed", "not_found", "stale", "invalid")},
    )
    def post(self, request: Request, task_id: int) -> Response:
        """Cancel a task: 200 when it is canceled, 202 when it ends as soon as the action under way is settled."""
        read(NothingMore, request)
        services.cancel(find(request, task_id).pk, by=caller(request))
        task = whole(request, task_id)
        return Response(WholeTask(task).data, status=200 if task.is_final else 202)


class AnswerTask(APIView):
    http_method_names = METHODS

    @extend_schema(
        tags=TAGS,
        operation_id="answer_task",
        request=GivenAnswer,
        responses={
            200: WholeTask,
            **problems("malformed", "not_allowed", "not_found", "stale", "unsupported_media_type", "invalid"),
        },
    )
    def post(self, request: Request, task_id: int) -> Response:
        """Answer the question of a task that is in needs_input; the agent goes on with the answer."""
        given = read(GivenAnswer, request)
        services.answer(find(request, task_id).pk, given["answer"], by=caller(request))
        return Response(WholeTask(whole(request, task_id)).data)


class NoSuchAddress(APIView):
    """What is not there is said in the form of all other problems."""

    authentication_classes = []
    permission_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(f"There is nothing at {request.path[:200]}; /api/docs lists the addresses.")


def problem_page(request: HttpRequest) -> HttpResponse:
    """What the types of problems mean."""
    return render(request, "api/problems.html", {"kinds": KINDS.values()})


def caller(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated has seen to it
    return request.user


def visible_to(user: User) -> QuerySet[AgentTask]:
    """The tasks that this caller may know of."""
    tasks = AgentTask.objects.select_related("agent", "version", "submitted_by").defer("version__definition")
    return tasks if user.has_perm("agents.view_all_tasks") else tasks.filter(submitted_by=user)


def find(request: Request, task_id: int) -> AgentTask:
    """Raises Http404 for a task that is not there, and for one that this caller may not know of."""
    return get_object_or_404(visible_to(caller(request)), pk=task_id)


def whole(request: Request, task_id: int) -> AgentTask:
    steps = Step.objects.order_by("number").prefetch_related("actions")
    return get_object_or_404(visible_to(caller(request)).prefetch_related(Prefetch("steps", steps)), pk=task_id)


def read(body: type[Body], request: Request) -> dict[str, Any]:
    data = request.data
    if not isinstance(data, dict):
        raise Invalid(f"The body must be a JSON object such as {{}}; it is {json_type(data)}.")
    serializer = body(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise Invalid("The idempotency key must be 1 to 255 printable ASCII characters.", field="idempotency_key")
    return key or ""
