"""The pages of agents and their versions: one is made by writing it down, and never changed afterwards."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from agents import what_if
from agents.admin.base import ReadOnlyAdmin, row_or_404
from agents.admin.forms import DefinitionForm
from agents.admin.rules import calibration_page, rules_page, warnings_of
from agents.admin.starter import CONSTRAINTS, STARTER
from agents.definition import AgentDefinition, loading
from agents.definition.wording import sentence
from agents.models import Agent, AgentVersion
from agents.versions import publish
from tools.registry import registry

VERSIONS_SHOWN = 100


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = ("title", "name", "newest", "state")
    search_fields = ("name", "title")
    nothing = "There is no agent yet."
    adds = "New agent"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return Agent.objects.annotate(newest_number=Max("versions__number"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.add_agentversion")

    @admin.display(description="Newest version")
    def newest(self, agent: Agent) -> str:
        number = agent.newest_number  # type: ignore[attr-defined]
        return f"v{number}" if number else "none"

    @admin.display(description="Takes tasks")
    def state(self, agent: Agent) -> str:
        tone, label = ("good", "Enabled") if agent.enabled else ("quiet", "Disabled")
        return format_html('<span class="cs-pill cs-{}">{}</span>', tone, label)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/new-version/", wrap(self.new_version_view), name="agents_agent_new_version"),
            path("<int:pk>/rules/", wrap(self.rules_view), name="agents_agent_rules"),
            path("<int:pk>/calibration/", wrap(self.calibration_view), name="agents_agent_calibration"),
            path("<int:pk>/enable/", wrap(require_POST(self.enable_view)), name="agents_agent_enable"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The agent's page with its versions."""
        if request.method != "GET":
            raise PermissionDenied("An agent is changed by a new version of it.")
        agent = self._agent(request, object_id)
        versions = list(agent.versions.select_related("created_by").order_by("-number")[:VERSIONS_SHOWN])
        context = self._context(request, agent, agent.title) | {
            "agent": agent,
            "versions": versions,
            "definition": versions[0].read() if versions else None,
            "warnings": warnings_of(agent, versions[0].read()) if versions else [],
            "may_publish": self.has_add_permission(request),
            "may_change": request.user.has_perm("agents.change_agent"),
            "may_submit": request.user.has_perm("agents.submit_task"),
            "may_see_versions": request.user.has_perm("agents.view_agentversion"),
        }
        return TemplateResponse(request, "countersign/agent/agent.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new agent, from a starter that works as it stands."""
        return self._editor(request, None, STARTER)

    def new_version_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        agent = self._agent(request, pk)
        current = agent.current_version
        return self._editor(request, agent, loading.dump(current.read()) if current else STARTER)

    def rules_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The constraints of the current version, to be read, tried and changed."""
        agent = self._agent(request, pk)
        if not request.user.has_perm("agents.view_agentversion"):
            raise PermissionDenied
        context = self._context(request, agent, f"Constraints of {agent}")
        return rules_page(request, agent, context, may_publish=self.has_add_permission(request))

    def calibration_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        agent = self._agent(request, pk)
        if not request.user.has_perm("agents.view_agentversion"):
            raise PermissionDenied
        return calibration_page(request, agent, self._context(request, agent, f"Calibration of {agent}"))

    def enable_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Lets an agent take new tasks, or no more of them. Tasks that it has go on."""
        agent = self._agent(request, pk)
        if not request.user.has_perm("agents.change_agent"):
            raise PermissionDenied
        Agent.objects.filter(pk=agent.pk).update(enabled=request.POST.get("enabled") == "yes")
        return redirect("admin:agents_agent_change", agent.pk)

    def _editor(self, request: HttpRequest, agent: Agent | None, start: str) -> HttpResponse:
        """One text, and each mistake in it named at its line; nothing is saved until there is none."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DefinitionForm(request.POST or None, initial={"text": start})
        problems: list[Any] = []
        replay = None
        if request.method == "POST" and form.is_valid():
            text = form.cleaned_data["text"]
            definition, problems = _read(text, agent)
            if definition is not None and agent and "try" in request.POST:
                replay = what_if.replay(agent, definition)
            elif definition is not None:
                return self._publish(request, agent, definition, form.cleaned_data["note"])
        context = self._context(request, agent, f"New version of {agent}" if agent else "New agent") | {
            "agent": agent,
            "form": form,
            "problems": problems,
            "replay": replay,
            "examples": CONSTRAINTS,
            "wrong_lines": " ".join(str(one[0]) for one in problems),
            "tools": sorted(registry.all(), key=lambda one: one.name),
        }
        status = 422 if problems or form.errors else 200
        return TemplateResponse(request, "countersign/agent/editor.html", context, status=status)

    def _publish(
        self, request: HttpRequest, agent: Agent | None, definition: AgentDefinition, note: str
    ) -> HttpResponse:
        before = agent.current_version if agent else None
        version = publish(definition, by=request.user, note=note)  # type: ignore[arg-type]
        if before and version.pk == before.pk:
            messages.info(request, f"Nothing is changed: this is {version} already.")
        else:
            messages.success(request, f"{version} is published. New tasks are given to it; the others keep theirs.")
        return redirect("admin:agents_agent_change", version.agent_id)

    def _agent(self, request: HttpRequest, pk: int | str) -> Agent:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return row_or_404(Agent.objects.all(), pk)

    def _context(self, request: HttpRequest, agent: Agent | None, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "original": agent, "title": title}


@admin.register(AgentVersion)
class VersionAdmin(ReadOnlyAdmin):
    list_display = ("version", "note", "created_by", "created_at")
    list_filter = ("agent",)
    list_select_related = ("agent", "created_by")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentVersion]:
        return AgentVersion.objects.defer("definition")

    @admin.display(description="Version")
    def version(self, version: AgentVersion) -> str:
        return f"{version.agent.title} v{version.number}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A version as it is, to be read."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied("A version never changes.")
        version = row_or_404(AgentVersion.objects.select_related("agent", "created_by"), object_id)
        definition = version.read()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": version,
            "title": str(version),
            "version": version,
            "definition": definition,
            "tools": [(name, registry.get(name) if name in registry else None) for name in definition.tools],
            "rules": [(sentence(one), one) for one in definition.constraints],
            "text": loading.dump(definition),
        }
        return TemplateResponse(request, "countersign/agent/version.html", context)


def _read(text: str, agent: Agent | None) -> tuple[AgentDefinition | None, list[Any]]:
    """The definition, or its mistakes; among them a name that would make, or change, another agent than was meant."""
    try:
        definition = loading.parse(text)
    except loading.DefinitionErrors as errors:
        return None, list(errors.problems)
    if agent and definition.name != agent.name:
        wrong = f"this is a version of {agent.name}; a new agent is made with “New agent”"
    elif agent is None and Agent.objects.filter(name=definition.name).exists():
        wrong = f"there is an agent {definition.name} already; open it to make a new version of it"
    else:
        return definition, []
    lines = text.splitlines()
    line = next((number for number, one in enumerate(lines, start=1) if one.startswith("name:")), 1)
    return None, [(line, "name", wrong)]
