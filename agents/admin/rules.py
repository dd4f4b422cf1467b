"""The pages of an agent's constraints (sentences, a form, a trial on the last calls) and of its calibration."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from agents import calibration, what_if
from agents.admin.rule_form import RuleForm, initial_of
from agents.definition import AgentDefinition, loading
from agents.definition.wording import sentence
from agents.models import Agent
from agents.versions import publish

SIDE = 200
EXAMPLES = (
    ("A fixed limit", "value", "amount is above 100"),
    ("Never more than another step found", "must", "amount has to be at most get_order#/paid, same order_id=/order_id"),
    ("A sum a day", "limit", "at most 1000 of amount in a day"),
    ("So many calls for each customer", "limit", "at most 3 calls in a day, each customer_id"),
    ("Office hours", "outside", "08:00 to 18:00, Monday to Friday, Europe/Lisbon"),
)


def rules_page(request: HttpRequest, agent: Agent, context: dict[str, Any], *, may_publish: bool) -> HttpResponse:
    """Every constraint of the current version as a sentence; with the right, a form to add, change or remove one."""
    version = agent.current_version
    if version is None:
        raise PermissionDenied("The agent has no version yet.")
    definition = version.read()
    index = _index(request, definition)
    initial = initial_of(definition.constraints[index]) if index is not None else {}
    form = RuleForm(request.POST or None, definition=definition, initial=initial)
    replay = None
    if request.method == "POST":
        if not may_publish:
            raise PermissionDenied
        verb = request.POST.get("do")
        draft = _without(definition, index) if verb == "remove" else _with(form, definition, index)
        if draft is not None and verb == "try":
            replay = what_if.replay(agent, draft)
        elif draft is not None:
            made = publish(draft, by=request.user, note=_note(verb, index))  # type: ignore[arg-type]
            messages.success(request, f"{made} is published. New tasks are given to it; the others keep theirs.")
            return redirect("admin:agents_agent_rules", agent.pk)
    rules = [(number, sentence(one), one) for number, one in enumerate(definition.constraints)]
    context |= {
        "agent": agent,
        "version": version,
        "rules": rules,
        "form": form if may_publish else None,
        "index": index,
        "replay": replay,
        "examples": EXAMPLES,
        "here": reverse("admin:agents_agent_rules", args=[agent.pk]),
    }
    status = 422 if request.method == "POST" and form.errors else 200
    return TemplateResponse(request, "countersign/agent/rules.html", context, status=status)


def calibration_page(request: HttpRequest, agent: Agent, context: dict[str, Any]) -> HttpResponse:
    """What proposers said of their confidence, beside what verifiers and people found."""
    version = agent.current_version
    bands = version.read().confidence if version else None
    kinds = calibration.of_agent(agent, bands) if bands else []
    context |= {"agent": agent, "kinds": [(one, [_point(share) for share in one.bins]) for one in kinds]}
    return TemplateResponse(request, "countersign/agent/calibration.html", context)


def warnings_of(agent: Agent, definition: AgentDefinition) -> list[str]:
    """The bands that let through more errors than they may."""
    return [warning for kind in calibration.of_agent(agent, definition.confidence) for warning in kind.warnings]


def _point(share: calibration.Share) -> tuple[str, ...]:
    """Where a bin stands in the diagram of 200 by 200: x, both ends of its interval, radius, y."""
    low, high = share.interval
    places = (
        share.confidence * SIDE,
        (1 - high) * SIDE,
        (1 - low) * SIDE,
        2 + share.count**0.25,
        (1 - share.accuracy) * SIDE,
    )
    return tuple(f"{place:.1f}" for place in places)


def _index(request: HttpRequest, definition: AgentDefinition) -> int | None:
    """The constraint that is changed; None: a new one."""
    text = request.POST.get("rule", "") or request.GET.get("rule", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
    return number if number is not None and number < len(definition.constraints) else None


def _with(form: RuleForm, definition: AgentDefinition, index: int | None) -> AgentDefinition | None:
    """The definition with the form's constraint in its place; None, and the form says why, where it is not sound."""
    if not form.is_valid():
        return None
    data = definition.model_dump(mode="json", exclude_defaults=True)
    rules = list(data.get("constraints", []))
    place = len(rules) if index is None else index
    rules[place : place + 1] = [form.data_of_rule()]
    try:
        return loading.parse(loading.dump_data(data | {"constraints": rules}))
    except loading.DefinitionErrors as errors:
        for problem in errors.problems:
            form.add_error(
                None, f"{problem.path.removeprefix(f'constraints.{place}').lstrip('.')}: {problem.message}".lstrip(": ")
            )
        return None


def _without(definition: AgentDefinition, index: int | None) -> AgentDefinition | None:
    if index is None:
        return None
    kept = tuple(one for number, one in enumerate(definition.constraints) if number != index)
    return definition.model_copy(update={"constraints": kept})


def _note(verb: str | None, index: int | None) -> str:
    if verb == "remove":
        return f"Constraint {(index or 0) + 1} removed"
    return "A constraint added" if index is None else f"Constraint {index + 1} changed"
