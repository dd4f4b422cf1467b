"""The addresses of what is there to be used, and of what was: agents, tools, kill switches, usage by day."""

from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents import kill_switches
from agents.api.common import ApiView, caller, may_know_of, problems, refuse_parameters
from agents.api.serializers import (
    AgentLine,
    AgentList,
    SwitchLine,
    SwitchList,
    ToolLine,
    ToolList,
    Usage,
    VersionLine,
    VersionList,
    WholeVersion,
)
from agents.errors import Invalid, NotAllowed
from agents.models import Agent, AgentVersion, ModelCall
from tools.registry import registry

TAGS = ["agents and tools"]
DAYS = 30


class Agents(ApiView):
    @extend_schema(tags=TAGS, operation_id="list_agents", responses={200: AgentList, **problems("invalid")})
    def get(self, request: Request) -> Response:
        """The agents here, by name."""
        refuse_parameters(request)
        return Response({"results": [line for agent in Agent.objects.order_by("name") if (line := _line(agent))]})


class OneAgent(ApiView):
    @extend_schema(tags=TAGS, operation_id="read_agent", responses={200: AgentLine, **problems("not_found", "invalid")})
    def get(self, request: Request, name: str) -> Response:
        """An agent: what it takes, what it may use, and what it answers with."""
        refuse_parameters(request)
        return Response(_line(_agent(name)))


class Versions(ApiView):
    @extend_schema(
        tags=TAGS, operation_id="list_agent_versions", responses={200: VersionList, **problems("not_found", "invalid")}
    )
    def get(self, request: Request, name: str) -> Response:
        """The versions of an agent, newest first."""
        refuse_parameters(request)
        versions = _agent(name).versions.defer("definition").order_by("-number")
        return Response({"results": VersionLine(versions, many=True).data})


class OneVersion(ApiView):
    @extend_schema(
        tags=TAGS, operation_id="read_agent_version", responses={200: WholeVersion, **problems("not_found", "invalid")}
    )
    def get(self, request: Request, name: str, number: int) -> Response:
        """A version with its whole definition, for who may see how agents are made."""
        refuse_parameters(request)
        if not caller(request).has_perm("agents.view_agentversion"):
            raise NotAllowed("Reading definitions needs the permission agents.view_agentversion.")
        return Response(WholeVersion(get_object_or_404(AgentVersion, agent=_agent(name), number=number)).data)


class Tools(ApiView):
    @extend_schema(tags=TAGS, operation_id="list_tools", responses={200: ToolList, **problems("invalid")})
    def get(self, request: Request) -> Response:
        """The tools here, by name, with the JSON Schemas of their arguments."""
        refuse_parameters(request)
        tools = sorted(registry.all(), key=lambda tool: tool.name)
        return Response({"results": ToolLine(tools, many=True).data})


class KillSwitches(ApiView):
    @extend_schema(tags=TAGS, operation_id="list_kill_switches", responses={200: SwitchList, **problems("invalid")})
    def get(self, request: Request) -> Response:
        """The kill switches that are engaged now, newest first: what does not start, since when, and why."""
        refuse_parameters(request)
        return Response({"results": SwitchLine(kill_switches.engaged(), many=True).data})


class UsageByDay(ApiView):
    read_scope = "usage:read"

    @extend_schema(
        tags=["usage"],
        operation_id="read_usage",
        parameters=[
            OpenApiParameter("since", OpenApiTypes.DATE, description="The first day; 30 days ago if left out."),
            OpenApiParameter("until", OpenApiTypes.DATE, description="The last day; today if left out."),
        ],
        responses={200: Usage, **problems("invalid")},
    )
    def get(self, request: Request) -> Response:
        """What the tasks that you may see used of models: by day (UTC), agent and model, newest first."""
        refuse_parameters(request, "since", "until")
        today = timezone.now().date()
        until = _day(request, "until", today)
        since = _day(request, "since", until - timedelta(days=DAYS) if until > date.min + timedelta(DAYS) else until)
        calls = ModelCall.objects.filter(may_know_of(caller(request), "task__"))
        lines = (
            calls.annotate(on=TruncDate("created_at"))
            .filter(on__gte=since, on__lte=until)
            .values("on", "task__agent__name", "model")
            .annotate(
                calls=Count("id"),
                input_sum=Sum("input_tokens"),
                cached_sum=Sum("cached_tokens"),
                output_sum=Sum("output_tokens"),
                cost_sum=Sum("cost"),
            )
            .order_by("-on", "task__agent__name", "model")
        )
        return Response(Usage({"results": [_usage(dict(line)) for line in lines]}).data)


def _usage(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "day": line["on"],
        "agent": line["task__agent__name"],
        "model": line["model"],
        "calls": line["calls"],
        "input_tokens": line["input_sum"],
        "cached_tokens": line["cached_sum"],
        "output_tokens": line["output_sum"],
        "cost": line["cost_sum"],
    }


def _day(request: Request, name: str, default: date) -> date:
    said = request.query_params.get(name)
    if said is None:
        return default
    try:
        if len(said) != len("2026-11-20"):
            raise ValueError
        return date.fromisoformat(said)
    except ValueError:
        raise Invalid(f"{name} must be a day such as 2026-11-20.", field=name) from None


def _agent(name: str) -> Agent:
    return get_object_or_404(Agent.objects.filter(versions__isnull=False).distinct(), name=name)


def _line(agent: Agent) -> dict[str, Any] | None:
    """An agent as callers see it; None for one without a version, which can't be given anything."""
    version = agent.current_version
    if version is None:
        return None
    definition = version.read()
    return {
        "name": agent.name,
        "title": definition.title,
        "description": definition.description,
        "enabled": agent.enabled,
        "version": version.number,
        "tools": list(definition.tools),
        "max_steps": definition.limits.max_steps,
        "ceiling_steps": definition.limits.ceiling_steps,
        "input_schema": definition.input_schema,
        "result_schema": definition.result_schema,
        "examples": list(definition.examples),
    }
