"""What does a reviewer see? What was shown when the request opened, as it is stored, and what changed since."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from agents.privacy.showing import answer_to
from review.difference import difference
from review.models import Decision, Kind, RequestStatus, ReviewRequest
from tools.registry import Tool, registry

STEPS_SHOWN = 25
LOOKED_THROUGH = 1000
"""Who has left that many as they are begins again."""
ORDER = ("-risk", F("due_at").asc(nulls_last=True), "id")
"""What is decided first: what risks most, then what is due first, then what is oldest."""
SIMILAR_SHOWN = 5
SIMILAR_AMONG = 5000
"""How many requests back similar ones are looked for."""

Person = AbstractBaseUser | AnonymousUser

QUESTIONS = {
    Kind.PLAN: "The agent wants to do this",
    Kind.ACTION: "This will happen if you approve",
    Kind.RESULT: "This ran, and a person has to say whether it succeeded",
    Kind.IN_DOUBT: "This was started, and nobody knows whether it happened",
    Kind.LIMIT: "The task is at its limit",
    Kind.ESCALATION: "The agent hands this over",
    Kind.TAKEOVER: "A person works on this task",
    Kind.SPOT_CHECK: "This ran without anybody being asked",
}


@dataclass(frozen=True)
class ReviewPage:
    request: ReviewRequest
    question: str
    reasons: list[dict[str, Any]]
    action: dict[str, Any] | None
    origins: dict[str, list[dict[str, Any]]]
    """Where the values of each argument come from, those from outside first."""
    plan: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    steps_left_out: int
    evidence: dict[str, Any]
    reopened: list[dict[str, Any]]
    """What changed since it was asked before; what was said then does not count."""
    claimed_by_other: bool

    @property
    def reasons_say_more(self) -> bool:
        """Do the reasons say more than the title does?"""
        return any(one["message"] != self.request.title for one in self.reasons)

    @property
    def is_open(self) -> bool:
        return self.request.status == RequestStatus.OPEN


def read_review(request: ReviewRequest, person: Person, reopened: list[dict[str, Any]]) -> ReviewPage:
    """The page of a request over which this person's masks are; `reopened_since` looks before they are."""
    shown = request.shown
    steps = shown.get("steps") or []
    evidence = dict(shown.get("evidence") or {})
    return ReviewPage(
        request=request,
        question=_question(request, evidence),
        reasons=request.reasons,
        action=shown.get("action"),
        origins=_origins(shown.get("action") or {}),
        plan=_plan(request, shown),
        steps=steps[-STEPS_SHOWN:],
        steps_left_out=max(len(steps) - STEPS_SHOWN, 0),
        evidence=evidence,
        reopened=reopened,
        claimed_by_other=claimed_by_other(request, person),
    )


def claimed_by_other(request: ReviewRequest, person: Person) -> bool:
    """Does somebody else look at it right now? A claim that has run out is none."""
    holds = request.claimed_by_id not in (None, person.pk)
    return holds and request.claimed_until is not None and request.claimed_until > timezone.now()


def next_open(person: Person, after: ReviewRequest | None = None) -> ReviewRequest | None:
    """The open request that this person should look at next: by risk, due time, age; not their own, not another's.

    `after`: the one that they leave as it is; after the last comes the first.
    """
    keys = list(decidable(person).order_by(*ORDER).values_list("pk", flat=True)[: LOOKED_THROUGH if after else 1])
    if after is not None and after.pk in keys:
        keys = [*keys[keys.index(after.pk) + 1 :], *keys[: keys.index(after.pk)]]
    return ReviewRequest.objects.only("pk").filter(pk__in=keys[:1]).first()


def decidable(person: Person) -> QuerySet[ReviewRequest]:
    free = Q(claimed_by=None) | Q(claimed_by=person.pk) | Q(claimed_until__lte=Now())
    taken_over_by_other = Q(kind=Kind.TAKEOVER) & ~Q(task__owner=person.pk)
    rows = ReviewRequest.objects.filter(free, status=RequestStatus.OPEN)
    rows = rows.exclude(task__submitted_by=person.pk).exclude(taken_over_by_other)
    # Who has said their part waits for the others, and nobody is led to a call whose yes is not theirs to give.
    said = Decision.objects.filter(request=OuterRef("pk"), person=person.pk)
    rows = rows.exclude(Exists(said), approvals_needed__gt=1).exclude(edited_by=person.pk)
    return rows.filter(_theirs(person))


def _theirs(person: Person) -> Q:
    """Not another's to answer, by a delegation, an escalation or the agent's rules."""
    groups = list(person.groups.values_list("name", flat=True))  # type: ignore[union-attr]
    assigned = Q(assigned_to=person.pk) | Q(assigned_to=None, assigned_group__in=["", *groups])
    approves = Q(approvers_group__in=["", *groups]) | Q(escalated_at__isnull=False, escalate_to__in=groups)
    return assigned & approves & (Q(expires_at=None) | Q(expires_at__gt=Now()))


def tool_of(request: ReviewRequest) -> Tool | None:
    """The tool of the action in question, if it is still registered here."""
    if request.action is None or request.action.tool not in registry:
        return None
    return registry.get(request.action.tool)


def similar_decisions(request: ReviewRequest) -> list[Decision]:
    """How the latest questions of this kind were decided: about the same tool, or where none is, of the same agent.

    Only so far back that a rare tool does not make the page slow.
    """
    if request.kind == Kind.TAKEOVER:
        return []  # What somebody did on another task of theirs says nothing here.
    about: dict[str, Any] = {"request__task__agent": request.task.agent_id, "request__action": None}
    if request.action is not None:
        about = {"request__action__tool": request.action.tool}
    recent = Decision.objects.filter(
        request__kind=request.kind,
        request__status=RequestStatus.DECIDED,
        request__gt=request.pk - SIMILAR_AMONG,
        **about,
    )
    found = recent.exclude(request=request.pk).select_related("person", "request").defer("request__shown")
    return list(found.order_by("-id")[:SIMILAR_SHOWN])


def tools_of(request: ReviewRequest) -> list[Tool]:
    """The tools of the task's agent that are registered here."""
    return [registry.get(name) for name in request.task.version.read().tools if name in registry]


def tool_by_name(request: ReviewRequest, name: str) -> Tool | None:
    """One of the agent's tools, or None."""
    return next((tool for tool in tools_of(request) if tool.name == name), None)


def _question(request: ReviewRequest, evidence: dict[str, Any]) -> str:
    if request.kind == Kind.RESULT and request.action_id is None:
        return "This is the agent's result, before anybody reads it"
    if request.kind == Kind.ACTION and request.status != RequestStatus.OPEN:
        return "This was asked"
    return QUESTIONS[Kind(request.kind)]


def _origins(action: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(action.get("origins") or (), key=lambda one: not one["tainted"]):
        name, _, inside = one["at"].removeprefix("/").partition("/")
        name = name.replace("~1", "/").replace("~0", "~")
        found.setdefault(name, []).append({**one, "inside": inside})
    return found


def _plan(request: ReviewRequest, shown: dict[str, Any]) -> list[dict[str, Any]]:
    """The plan that is asked about, or else the one in force."""
    asked = shown.get("asked")
    if request.kind == Kind.PLAN and isinstance(asked, dict):
        return asked.get("steps") or []
    return shown.get("plan") or []


def reopened_since(request: ReviewRequest, person: Person) -> list[dict[str, Any]]:
    """What differs between what was approved before and what would run now; empty where nothing was voided."""
    changed = (request.shown.get("evidence") or {}).get("changed")
    if not isinstance(changed, dict):
        return []
    return difference_seen(person, request.task_id, changed["before"], changed["now"])


def difference_seen(person: Person, task: int, was: Any, now: Any) -> list[dict[str, Any]]:
    """What changed, as this person sees it. Compared first and masked then: two values may have the same mask."""
    changes = difference(was, now)
    seen = answer_to(person, {task: {"precondition": [was, now], "details": changes}})
    return list(seen[task]["details"])
