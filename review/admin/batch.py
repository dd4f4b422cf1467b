"""The page on which many like requests are decided at once: each with its arguments, and afterwards what came of it."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from agents.admin.base import number_in
from agents.admin.forms import RefusableForm, VerbatimField
from agents.admin.listing import count_up_to
from agents.errors import NotAllowed, Refused
from agents.privacy.showing import rows_of_list, show_to
from review import password
from review.admin.reading import ORDER, decidable
from review.batch import ANSWERS, Outcome, Row, decide_together
from review.models import Kind, RequestStatus, ReviewRequest
from review.services import Given, wants_password

SHOWN = 200
"""Rows of one page; what is decided goes, and the next ones come."""


class TogetherForm(RefusableForm):
    """One answer to all that are ticked, with one reason."""

    answer = forms.ChoiceField(
        choices=[(str(one), one.label) for one in ANSWERS],
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose what to say to them.",
            "invalid_choice": "This can't be said to many at once.",
        },
    )
    comment = VerbatimField(
        required=False,
        label="Reason",
        help_text="One for all of them. To reject or to end needs it; the agent or the submitter reads it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    password = forms.CharField(
        required=False,
        strip=False,
        label="Your password, once more",
        help_text="Some of these are of critical risk: approving them needs it.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@dataclass(frozen=True)
class Line:
    """A request as a row of the page."""

    asked: ReviewRequest
    ticked: bool

    @property
    def value(self) -> str:
        return f"{self.asked.pk}:{self.asked.digest}"


class BatchPages:
    """What the admin of review requests answers for many at once. It is mixed into that class."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("together/", wrap(self.together_view), name="review_reviewrequest_together"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def alike(self, asked: ReviewRequest) -> dict[str, Any]:
        """How many other open calls of the same tool and agent there are, for the way to this page."""
        if asked.kind != Kind.ACTION or asked.action is None or asked.status != RequestStatus.OPEN:
            return {}
        is_open = ReviewRequest.objects.filter(status=RequestStatus.OPEN)
        others = _alike(is_open, asked.action.tool, asked.task.agent_id).exclude(pk=asked.pk)
        return {"alike": count_up_to(others)}

    def together_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request) or not request.user.has_perm("review.decide"):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method != "POST":
            return self._together(request, TogetherForm())
        person: User = request.user  # type: ignore[assignment]
        form, rows = TogetherForm(request.POST), _rows(request.POST.getlist("row"))
        if not form.is_valid():
            return self._together(request, form, rows, status=422)
        answer = form.cleaned_data["answer"]
        given = Given(comment=form.cleaned_data["comment"])
        try:
            if any(wants_password(one, answer) for one in _named(rows)):
                given = Given(given.comment, proof=password.prove(person, form.cleaned_data["password"]))
            outcomes = decide_together(rows, person, answer, given)
        except Refused as refused:
            form.refuse(refused)
            return self._together(request, form, rows, status=403 if isinstance(refused, NotAllowed) else 422)
        return self._came_of_it(request, outcomes)

    def _together(
        self, request: HttpRequest, form: TogetherForm, ticked: list[Row] | None = None, status: int = 200
    ) -> HttpResponse:
        """What a person may decide, tick by tick. A tick stays only on exactly what was ticked."""
        person: User = request.user  # type: ignore[assignment]
        tool, agent = request.GET.get("tool", ""), number_in(request.GET.get("agent"))
        open_ones = _alike(decidable(person), tool, agent).defer("shown").order_by(*ORDER)
        found = list(open_ones.select_related("task__submitted_by", "action")[: SHOWN + 1])
        show_to(request.user, *rows_of_list(found))
        kept = {(row.request, row.digest) for row in ticked or ()}
        lines = [Line(asked, (asked.pk, asked.digest) in kept) for asked in found[:SHOWN]]
        context = self._around(request, f"Decide together: {tool}") | {
            "tool": tool,
            "form": form,
            "lines": lines,
            "names": list(dict.fromkeys(name for line in lines for name in line.asked.action.arguments)),  # type: ignore[union-attr]
            "alike_in_reasons": all(_why(line) == _why(lines[0]) for line in lines),
            "more": len(found) > SHOWN,
            "critical": any(line.asked.password_again for line in lines),
            "gone": len(kept) - sum(line.ticked for line in lines),
        }
        return TemplateResponse(request, "countersign/review/together.html", context, status=status)

    def _came_of_it(self, request: HttpRequest, outcomes: list[Outcome]) -> HttpResponse:
        asked = {
            one.pk: one for one in ReviewRequest.objects.defer("shown").filter(pk__in=[o.request for o in outcomes])
        }
        show_to(request.user, *asked.values())
        context = self._around(request, "What came of it") | {
            # What was passed over first: nobody finds it among two hundred.
            "told": [(one, asked.get(one.request)) for one in sorted(outcomes, key=lambda one: bool(one.decision))],
            "decided": sum(outcome.decision is not None for outcome in outcomes),
            "address": request.get_full_path(),
        }
        return TemplateResponse(request, "countersign/review/came_of_it.html", context)

    def _around(self, request: HttpRequest, title: str) -> dict[str, Any]:
        site = self.admin_site.each_context(request)  # type: ignore[attr-defined]
        return {**site, "opts": self.opts, "title": title}  # type: ignore[attr-defined]


def _alike(rows: QuerySet[ReviewRequest], tool: str, agent: int | None) -> QuerySet[ReviewRequest]:
    alike = rows.filter(kind=Kind.ACTION, action__tool=tool)
    return alike.filter(task__agent=agent) if agent is not None else alike


def _why(line: Line) -> tuple[int, Any]:
    """Why a row is asked; where it is the same for all, it is said once."""
    return line.asked.risk, line.asked.reasons


def _rows(values: list[str]) -> list[Row]:
    """The rows that were ticked, as the form names them: `12:9f2c…`. What is no row is none."""
    parts = [value.partition(":") for value in values]
    return [Row(int(pk), digest) for pk, _, digest in parts if number_in(pk) is not None]


def _named(rows: list[Row]) -> QuerySet[ReviewRequest]:
    return ReviewRequest.objects.filter(pk__in=[row.request for row in rows]).defer("shown")
