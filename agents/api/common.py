"""What do all addresses of the API share? Who calls, what they may see, how a body is read, what may go wrong."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.fields import Body, json_type
from agents.api.kinds import KINDS
from agents.api.rates import KeyRate
from agents.api.serializers import ProblemDetails
from agents.errors import Invalid
from agents.models import AgentTask, ApiKey
from agents.privacy.showing import answer_to

# Without OPTIONS: it is for pages of other origins, which may not call.
METHODS = ["get", "post", "head"]


class HasScope(BasePermission):
    """A key may do what its scopes say. A person who is signed in with a session has no scopes, only permissions."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        reading = request.method in ("GET", "HEAD")
        scope = getattr(view, "read_scope" if reading else "write_scope")
        self.message = f"The API key lacks the scope {scope}; ask for a key that has it."
        return not isinstance(request.auth, ApiKey) or scope in request.auth.scopes


class ApiView(APIView):
    """An address of the API: for those with a key of its scope, at its rate; an unchanged answer is not sent again."""

    http_method_names = METHODS
    permission_classes = [IsAuthenticated, HasScope]
    throttle_classes = [KeyRate]
    read_scope = "tasks:read"
    write_scope = "tasks:write"
    task_member = ""
    """The member of an answer, or of each of its results, that has the task's key where the address does not."""

    @method_decorator(conditional_page)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """What one caller sees is no other's: nobody between keeps it, and it is asked for again each time."""
        if isinstance(getattr(response, "data", None), dict) and response.status_code < 400:
            response.data = self.seen(request, response.data)
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    def seen(self, request: Request, data: dict[str, Any]) -> dict[str, Any]:
        """The answer with masks over people's data, unless the caller submitted the task."""
        mine = caller(request).get_username()
        if data.get("submitted_by") == mine:
            return data
        if (task := self.kwargs.get("task_id")) is not None:
            return answer_to(request.user, {task: data})[task]
        if not self.task_member:
            return data
        if self.task_member != "id" and self.task_member in data:
            return answer_to(request.user, {(task := data[self.task_member]): data})[task]
        results = data.get("results", [])
        by_task: dict[int, list[Any]] = {}
        for place, one in enumerate(results):
            if one.get("submitted_by") != mine:
                by_task.setdefault(one.get(self.task_member, 0), []).append((place, one))
        seen = answer_to(request.user, {task: {"all": [one for _, one in some]} for task, some in by_task.items()})
        for task, some in by_task.items():
            for (place, _), one in zip(some, seen[task]["all"], strict=True):
                results[place] = one
        return data


def fields_of(serializer: Any) -> OpenApiParameter:
    """The parameter that chooses among the fields of an answer."""
    items = {"type": "string", "enum": list(serializer.Meta.fields)}
    return OpenApiParameter(
        "fields",
        {"type": "array", "items": items, "minItems": 1},
        description="Only these fields, divided by commas, such as “id,status”.",
        explode=False,
        style="form",
    )


def problems(*codes: str) -> dict[tuple[int, str], OpenApiResponse]:
    """The problems that an operation may answer with, for the schema."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(("malformed", "not_signed_in", "not_allowed", *codes, "too_many", "unavailable")):
        by_status.setdefault(KINDS[code].status, []).append(KINDS[code].title)
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemDetails, ". ".join(titles) + ".")
        for status, titles in sorted(by_status.items())
    }


def caller(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated has seen to it
    return request.user


def may_know_of(user: User, prefix: str = "") -> Q:
    """The condition on tasks that this caller may know of: their own, those of their teams, or all."""
    if user.has_perm("agents.view_all_tasks"):
        return Q()
    mates = User.objects.filter(teams__members=user).values("pk")
    return Q(**{f"{prefix}submitted_by": user}) | Q(**{f"{prefix}submitted_by__in": mates})


def visible_to(user: User) -> QuerySet[AgentTask]:
    tasks = AgentTask.objects.select_related("agent", "version", "submitted_by").defer("version__definition")
    return tasks.filter(may_know_of(user))


def find(request: Request, task_id: int) -> AgentTask:
    """Raises Http404 for a task that is not there, and for one that this caller may not know of."""
    return get_object_or_404(visible_to(caller(request)), pk=task_id)


def read(body: type[Body], request: Request) -> dict[str, Any]:
    data = request.data
    if not isinstance(data, dict):
        raise Invalid(f"The body must be a JSON object such as {{}}; it is {json_type(data)}.")
    serializer = body(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refuse_parameters(request: Request, *known: str) -> None:
    """Where there are no parameters, one that is sent was meant for something: it is named."""
    for name in request.query_params:
        if name not in known:
            raise Invalid(
                f"{name[:100]} is not a parameter here; known are: {', '.join(known) or 'none'}.", field=name[:100]
            )


def idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise Invalid("The idempotency key must be 1 to 255 printable ASCII characters.", field="idempotency_key")
    return key or ""
