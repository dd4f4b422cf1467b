"""The page of one review request, and the answers to it. The queue is in `queue`, many at once in `batch`."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from agents.admin.base import row_or_404
from agents.errors import Invalid, NotAllowed, Refused
from agents.privacy.showing import answer_to, hides_from, may_reveal, reveal, rows_of_list, show_to, shown_until
from agents.spending.totals import of_task
from agents.templatetags.countersign import one_line
from review import password, services
from review.admin.batch import BatchPages
from review.admin.forms import AnswerForm, CallForm, form_class
from review.admin.handing import HandingPages
from review.admin.queue import QueuePages
from review.admin.reading import (
    claimed_by_other,
    next_open,
    read_review,
    reopened_since,
    similar_decisions,
    tool_by_name,
    tool_of,
    tools_of,
)
from review.admin.schema_form import ArgumentsForm
from review.difference import difference
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import ANSWERS, Given, may_decide
from review.spot_checks import escalations
from tools.registry import Tool

COUNTED = timedelta(days=90)
"""The period over which it is counted how well the rules escalate."""
REFUSED = 409
FORBIDDEN = 403
OPENED = frozenset({Answer.APPROVE, Answer.EXTEND, Answer.RESPOND, Answer.FINISH})
"""Answers whose form is open at first. Nobody is led to vouch for what a verifier doubts, or for what is in doubt."""
KEYS = {
    Answer.APPROVE: "a",
    Answer.EDIT: "e",
    Answer.REJECT: "r",
    Answer.ACCEPT: "a",
    Answer.RETRY: "r",
    Answer.HAPPENED: "h",
    Answer.NOT_HAPPENED: "r",
    Answer.EXTEND: "e",
    Answer.RESPOND: "g",
    Answer.TAKE_OVER: "t",
    Answer.CALL: "u",
    Answer.FINISH: "f",
    Answer.GIVE_BACK: "g",
    Answer.FINE: "a",
    Answer.NOT_FINE: "r",
    Answer.TERMINATE: "x",
}
"""The key that goes to each answer: no kind of request takes two answers with the same."""
OTHER_KEYS = (("c", "Comment"), ("d", "Hand it to somebody else"), ("m", "Claim or release"), ("n", "The next one"))


@dataclass(frozen=True)
class Call:
    """A call by hand, as far as it is typed: a tool, its arguments, and what would happen once they are valid."""

    tool: Tool
    form: ArgumentsForm
    would_be: str = ""
    confirm: CallForm | None = None


@admin.register(ReviewRequest)
class ReviewRequestAdmin(HandingPages, BatchPages, QueuePages):  # type: ignore[misc]
    def get_urls(self) -> list[URLPattern]:
        def posted(view: Any, address: str, name: str) -> URLPattern:
            return path(f"<int:pk>/{address}", self.admin_site.admin_view(require_POST(view)), name=name)

        return [
            posted(self.claim_view, "claim/", "review_reviewrequest_claim"),
            posted(self.release_view, "release/", "review_reviewrequest_release"),
            posted(self.edit_view, "edit/", "review_reviewrequest_edit"),
            posted(self.look_up_view, "look-up/", "review_reviewrequest_look_up"),
            posted(self.reveal_view, "reveal/", "review_reviewrequest_reveal"),
            posted(self.call_view, "call/", "review_reviewrequest_call"),
            posted(self.decide_view, "decide/<str:answer>/", "review_reviewrequest_decide"),
            path("<int:pk>/next/", self.admin_site.admin_view(self.next_view), name="review_reviewrequest_next"),
            path("escalations/", self.admin_site.admin_view(self.escalations_view), name="review_escalations"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The review page. It is looked at: every answer has an address of its own."""
        if request.method != "GET":
            raise PermissionDenied("A review request is part of the record: it is not edited.")
        return self._page(request, self._asked(request, object_id))

    def escalations_view(self, request: HttpRequest) -> HttpResponse:
        """How well each agent's rules tell what needs a person."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Are the right things asked?",
            "rows": escalations(timezone.now() - COUNTED),
            "days": COUNTED.days,
        }
        return TemplateResponse(request, "countersign/review/escalations.html", context)

    def claim_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._simply(request, pk, services.claim)

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._simply(request, pk, services.release)

    def reveal_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows this person the task's personal data for a while; the journal says so."""
        return self._simply(request, pk, lambda _, person: reveal(self._asked(request, pk).task_id, by=person))

    def next_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Leaves this one as it is, and opens the one after it."""
        return self._to_next(request, self._asked(request, pk))

    def look_up_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the tool's own system says of a call in doubt, shown beside the two answers. Nothing is decided."""
        asked = self._asked(request, pk)
        try:
            said = services.look_up(asked.pk, cast(User, request.user))
        except Refused as refused:
            return self._page(request, self._asked(request, pk), refused=refused.message)
        words = {"result": said.result, "verification": said.verification, "error": said.problem}
        seen = answer_to(request.user, {asked.task_id: words})[asked.task_id]
        shown = replace(said, result=seen["result"], verification=seen["verification"], problem=seen["error"])
        return self._page(request, self._asked(request, pk), looked_up=shown, looked_up_at=timezone.now(), status=200)

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The edit's first half: is it valid, and what does it change? Nothing is decided yet."""
        asked = self._asked(request, pk)
        tool = tool_of(asked)
        if tool is None or asked.action is None:
            return self._page(request, asked, refused="There is nothing to edit here: the tool is not registered.")
        was = asked.action.arguments
        if hides_from(request.user, asked.action):
            return self._page(
                request, asked, refused="Have the personal data shown first: an edit needs the real values."
            )
        form = ArgumentsForm(tool, was, request.POST)
        if request.POST.get("digest") != asked.digest:
            refused = "What you saw is not what is asked now. Nothing was decided; look at the page again."
            return self._page(request, asked, edit_form=form, refused=refused)
        if not form.is_valid():
            return self._page(request, asked, edit_form=form, status=422)
        changes = difference(was, form.arguments)
        if not changes:
            form.add_error(None, "Nothing is changed. Approve it as it is, or change a field.")
            return self._page(request, asked, edit_form=form, status=422)
        typed = {"digest": asked.digest, "arguments": form.arguments}
        confirm = form_class(Answer.EDIT, asked)(initial=typed, auto_id="id_edit_%s")
        return self._page(
            request,
            asked,
            edit_form=form,
            confirm=confirm,
            changes=changes,
            would_be=tool.describe(form.arguments),
            status=200,
        )

    def call_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A call by hand, its first half: is it valid, and what would happen? Nothing is decided yet."""
        asked = self._asked(request, pk)
        tool = tool_by_name(asked, request.POST.get("tool", ""))
        if tool is None:
            return self._page(request, asked, refused="Choose one of the agent's tools first.")
        form = ArgumentsForm(tool, {}, request.POST)
        if request.POST.get("digest") != asked.digest:
            refused = "What you saw is not what is asked now. Nothing was called; look at the page again."
            return self._page(request, asked, call=Call(tool, form), refused=refused)
        if not form.is_valid():
            return self._page(request, asked, call=Call(tool, form), status=422)
        typed = {"digest": asked.digest, "tool": tool.name, "arguments": form.arguments}
        call = Call(tool, form, tool.describe(form.arguments), CallForm(initial=typed, auto_id="id_call_%s"))
        return self._page(request, asked, call=call, status=200)

    def decide_view(self, request: HttpRequest, pk: int, answer: str) -> HttpResponse:
        asked = self._asked(request, pk)
        if answer not in ANSWERS[asked.kind]:
            raise Http404(f"“{answer}” is no answer to this request.")
        person = cast(User, request.user)
        form = form_class(answer, asked)(request.POST, auto_id=f"id_{answer}_%s")
        if not form.is_valid():
            extra = _edited(asked, answer, form.cleaned_data.get("arguments"))
            return self._page(request, asked, answered=(answer, form), status=422, **extra)
        given = form.given()
        try:
            if services.wants_password(asked, answer):
                given = replace(given, proof=password.prove(person, form.cleaned_data["password"]))
            services.decide(asked.pk, person, answer, form.cleaned_data["digest"], given)
        except Refused as refused:
            form.refuse(refused)
            return self._refused(request, pk, answer, form, given, refused)
        return self._onwards(request, asked, Answer(answer))

    # --- What the pages share

    def _refused(
        self, request: HttpRequest, pk: int, answer: str, form: AnswerForm, given: Given, refused: Refused
    ) -> HttpResponse:
        """The page as it is now, with what was typed."""
        asked = self._asked(request, pk)
        extra: dict[str, Any] = {"answered": (answer, form), "refused": refused.message}
        extra |= _edited(asked, answer, given.arguments)
        if answer == Answer.CALL and (called := tool_by_name(asked, given.tool)):
            extra["call"] = Call(called, ArgumentsForm(called, {}, now=given.arguments))
        if isinstance(refused, Invalid) and refused.field in form.fields:
            del extra["refused"]  # it stands at its field
        status = FORBIDDEN if isinstance(refused, NotAllowed) else None
        return self._page(request, asked, status=status, **extra)

    def _onwards(self, request: HttpRequest, asked: ReviewRequest, answer: Answer) -> HttpResponseRedirect:
        """On to the next open request, or back to the queue; what was done is said, with the way to its task."""
        if answer == Answer.CALL:
            messages.success(request, "A worker carries it out; the task comes back to you with what came of it.")
            return redirect("admin:agents_agenttask_change", asked.task_id)
        task = reverse("admin:agents_agenttask_change", args=[asked.task_id])
        done = format_html('{}: {} <a href="{}">Task {}</a>', answer.label, one_line(asked.title), task, asked.task_id)
        messages.success(request, done)
        if answer == Answer.TAKE_OVER:
            opened = ReviewRequest.objects.filter(
                task=asked.task_id, status=RequestStatus.OPEN, kind=Kind.TAKEOVER
            ).first()
            if opened:
                return redirect("admin:review_reviewrequest_change", opened.pk)
        return self._to_next(request)

    def _to_next(self, request: HttpRequest, after: ReviewRequest | None = None) -> HttpResponseRedirect:
        following = next_open(request.user, after)
        if following is None:
            messages.info(request, "Nothing else waits for you.")
            return redirect("admin:review_reviewrequest_changelist")
        return redirect("admin:review_reviewrequest_change", following.pk)

    def _simply(self, request: HttpRequest, pk: int, verb: Any) -> HttpResponseRedirect:
        asked = self._asked(request, pk)
        try:
            verb(asked.pk, request.user)
        except Refused as refused:
            messages.error(request, refused.message)
        return redirect("admin:review_reviewrequest_change", asked.pk)

    def _asked(self, request: HttpRequest, pk: int | str) -> ReviewRequest:
        if not self.has_view_permission(request):
            raise PermissionDenied
        related = (
            "task__agent",
            "task__version",
            "task__submitted_by",
            "task__owner",
            "action",
            "claimed_by",
            "assigned_to",
        )
        return row_or_404(ReviewRequest.objects.select_related(*related), pk)

    def _page(
        self,
        request: HttpRequest,
        asked: ReviewRequest,
        *,
        answered: tuple[str, AnswerForm] | None = None,
        status: int | None = None,
        **extra: Any,
    ) -> HttpResponse:
        decisions, similar = list(asked.decisions.select_related("person")), similar_decisions(asked)
        reopened = reopened_since(asked, request.user)
        hidden = show_to(request.user, asked, asked.task, asked.action, *decisions, *similar, *rows_of_list(similar))
        page = read_review(asked, request.user, reopened)
        why_not = may_decide(asked, cast(User, request.user))
        may = page.is_open and not why_not
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Review {asked.pk}",
            "page": page,
            "asked": asked,
            "task": asked.task,
            "may": may,
            "why_not": why_not if page.is_open else "",
            "answers": self._answers(asked, answered, cast(User, request.user)) if may else [],
            "answered": answered,
            "keys": [*((KEYS[answer], answer.label) for answer in ANSWERS[asked.kind]), *OTHER_KEYS],
            **self.handing(request, asked),
            **self.alike(asked),
            "typed": answered[1].data.get("comment", "") if answered and not may else "",
            "decisions": decisions,
            "similar": similar,
            "hides": bool(hidden),
            "may_reveal": may_reveal(request.user),
            "shown_until": shown_until(request.user, asked.task_id),
            "spent": of_task(asked.task) if asked.kind == Kind.LIMIT else None,
            "is_mine": asked.claimed_by_id == request.user.pk and not claimed_by_other(asked, request.user),
            **extra,
        }
        tool = tool_of(asked)
        if may and Answer.EDIT in ANSWERS[asked.kind] and tool and asked.action:
            context["edit_is_masked"] = asked.action in hidden
            context.setdefault("edit_form", ArgumentsForm(tool, asked.action.arguments))
        if may and asked.kind == Kind.TAKEOVER:
            context["tools"] = tools_of(asked)
            if chosen := tool_by_name(asked, request.GET.get("tool", "")):
                context.setdefault("call", Call(chosen, ArgumentsForm(chosen, {})))
        if answered and answered[0] == Answer.EDIT:
            wrong = [
                answered[1].non_field_errors(),
                *(answered[1].errors.get(name) for name in ("arguments", "password")),
            ]
            context.setdefault("edit_refused", next(filter(None, wrong), None))
        refused = status or (REFUSED if answered or extra.get("refused") else 200)
        return TemplateResponse(request, "countersign/review/page.html", context, status=refused)

    def _answers(
        self, asked: ReviewRequest, answered: tuple[str, AnswerForm] | None, person: User
    ) -> list[dict[str, Any]]:
        """Each answer that this person may give, with its form; one that was refused keeps what was typed."""
        offered = []
        for answer in ANSWERS[asked.kind]:
            if services.may_answer(asked, person, answer):
                continue
            sent = answered is not None and answered[0] == answer
            form = (
                answered[1]
                if answered and sent
                else form_class(answer, asked)(initial={"digest": asked.digest}, auto_id=f"id_{answer}_%s")
            )
            opened = answer in OPENED
            offered.append(
                {
                    "answer": answer,
                    "label": answer.label,
                    "key": KEYS[answer],
                    "form": form,
                    "sent": sent,
                    "opened": opened,
                }
            )
        return offered


def _edited(asked: ReviewRequest, answer: str, arguments: Any) -> dict[str, Any]:
    """The form of an edit that was refused, with what was typed; nothing for another answer."""
    tool = tool_of(asked)
    if answer != Answer.EDIT or tool is None or asked.action is None:
        return {}
    return {"edit_form": ArgumentsForm(tool, asked.action.arguments, now=arguments)}
