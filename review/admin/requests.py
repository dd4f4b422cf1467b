"""The pages of review requests: the queue, one request, and the answers to it."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from agents.admin.base import ReadOnlyAdmin, number_in, row_or_404
from agents.admin.listing import Chip, chips
from agents.errors import Invalid, NotAllowed, Refused
from agents.templatetags.countersign import in_short, one_line, risk_tone, visible
from review import services
from review.admin.forms import AnswerForm, ConfirmEditForm, form_class
from review.admin.reading import claimed_by_other, next_open, read_review, tool_of
from review.admin.schema_form import ArgumentsForm
from review.difference import difference
from review.models import Answer, RequestStatus, ReviewRequest
from review.services import ANSWERS, Given, may_decide

REFUSED = 409
FORBIDDEN = 403
EVERYTHING = "all"
OPENED = frozenset({Answer.APPROVE, Answer.EXTEND, Answer.RESPOND, Answer.FINISH})
"""Answers whose form is open at first. Nobody is led to vouch for what a verifier doubts, or for what is in doubt."""
KEYS = (("a", Answer.APPROVE), ("e", Answer.EDIT), ("r", Answer.REJECT))
"""As static/countersign/desk.js has them."""


class StatusFilter(admin.SimpleListFilter):
    """Open requests, unless something else is asked for."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*RequestStatus.choices, (EVERYTHING, "All")]

    def choices(self, changelist: ChangeList) -> Any:
        for value, label in self.lookup_choices:
            chosen = self.value() == value or (self.value() is None and value == RequestStatus.OPEN)
            yield {
                "selected": chosen,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == EVERYTHING:
            return queryset
        return queryset.filter(status=self.value() or RequestStatus.OPEN)


@admin.register(ReviewRequest)
class ReviewRequestAdmin(ReadOnlyAdmin):
    list_display = ("what", "how_risky", "kind", "agent", "submitter", "age", "claim")
    list_display_links = ("what",)
    list_filter = ("kind", "risk", "task__agent", StatusFilter)
    list_before_template = "countersign/chips.html"
    list_select_related = ("task__agent", "task__submitted_by", "claimed_by")
    search_fields = ("title",)
    search_help_text = "Words of question or goal, or #12"
    nothing = "Nothing waits for a decision. What needs a person appears here."

    # --- The queue

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewRequest]:
        is_mine = ExpressionWrapper(Q(task__submitted_by=request.user.pk), output_field=BooleanField())
        return ReviewRequest.objects.defer("shown").annotate(is_mine=is_mine)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is open by risk and age; what is closed, the latest first."""
        is_open = request.GET.get("status", RequestStatus.OPEN) == RequestStatus.OPEN
        return ("-risk", "id") if is_open else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReviewRequest], search_term: str
    ) -> tuple[QuerySet[ReviewRequest], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        if words.startswith("#") and (number := number_in(words.removeprefix("#"))):
            return queryset.filter(task=number), False
        return queryset.filter(Q(title__icontains=words) | Q(task__goal__icontains=words)), False

    def chips(self, changelist: ChangeList, request: HttpRequest) -> list[Chip]:
        return chips(
            changelist,
            request,
            "status",
            RequestStatus.choices,
            default=RequestStatus.OPEN,
            everything=EVERYTHING,
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().changelist_view(request, {"title": "Review queue"} | (extra_context or {}))

    @admin.display(description="What, and why it is asked")
    def what(self, asked: ReviewRequest) -> str:
        why = asked.reasons[0]["message"] if asked.reasons else ""
        if why == asked.title:
            why = asked.task.goal
        if asked.is_mine:  # type: ignore[attr-defined]
            why = "You submitted this task, so somebody else decides."
        return format_html(
            '<span class="cs-cell" dir="auto">{}</span><span class="cs-cell cs-why" dir="auto" title="{}">{}</span>',
            one_line(asked.title),
            visible(why[:1000]),
            one_line(why),
        )

    @admin.display(description="Risk")
    def how_risky(self, asked: ReviewRequest) -> str:
        return format_html('<span class="cs-pill cs-{}">{}</span>', risk_tone(asked.risk), asked.get_risk_display())

    @admin.display(description="Agent")
    def agent(self, asked: ReviewRequest) -> str:
        return asked.task.agent.title

    @admin.display(description="Submitter")
    def submitter(self, asked: ReviewRequest) -> str:
        return asked.task.submitted_by.get_username()

    @admin.display(description="Age")
    def age(self, asked: ReviewRequest) -> str:
        since = (asked.closed_at or timezone.now()) - asked.opened_at
        return format_html(
            '<time class="cs-nowrap" datetime="{}" title="{}">{}</time>',
            asked.opened_at.isoformat(),
            f"{asked.opened_at:%d %b %Y %H:%M:%S}",
            in_short(since),
        )

    @admin.display(description="Claimed by", empty_value="")
    def claim(self, asked: ReviewRequest) -> str:
        held = asked.claimed_until is not None and asked.claimed_until > timezone.now()
        return str(asked.claimed_by) if held and asked.claimed_by else ""

    # --- The pages

    def get_urls(self) -> list[URLPattern]:
        def posted(view: Any, address: str, name: str) -> URLPattern:
            return path(f"<int:pk>/{address}", self.admin_site.admin_view(require_POST(view)), name=name)

        return [
            posted(self.claim_view, "claim/", "review_reviewrequest_claim"),
            posted(self.release_view, "release/", "review_reviewrequest_release"),
            posted(self.edit_view, "edit/", "review_reviewrequest_edit"),
            posted(self.decide_view, "decide/<str:answer>/", "review_reviewrequest_decide"),
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

    def claim_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._simply(request, pk, services.claim)

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._simply(request, pk, services.release)

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The edit's first half: is it valid, and what does it change? Nothing is decided yet."""
        asked = self._asked(request, pk)
        tool = tool_of(asked)
        if tool is None or asked.action is None:
            return self._page(request, asked, refused="There is nothing to edit here: the tool is not registered.")
        was = asked.action.arguments
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
        confirm = ConfirmEditForm(initial=typed, auto_id="id_edit_%s")
        return self._page(
            request,
            asked,
            edit_form=form,
            confirm=confirm,
            changes=changes,
            would_be=tool.describe(form.arguments),
            status=200,
        )

    def decide_view(self, request: HttpRequest, pk: int, answer: str) -> HttpResponse:
        asked = self._asked(request, pk)
        if answer not in ANSWERS[asked.kind]:
            raise Http404(f"“{answer}” is no answer to this request.")
        form = form_class(answer, asked)(request.POST, auto_id=f"id_{answer}_%s")
        if not form.is_valid():
            return self._page(request, asked, answered=(answer, form), status=422)
        given = form.given()
        try:
            services.decide(asked.pk, cast(User, request.user), answer, form.cleaned_data["digest"], given)
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
        tool = tool_of(asked)
        if answer == Answer.EDIT and tool and asked.action:
            extra["edit_form"] = ArgumentsForm(tool, asked.action.arguments, now=given.arguments)
        if isinstance(refused, Invalid) and refused.field in form.fields:
            del extra["refused"]  # it stands at its field
        status = FORBIDDEN if isinstance(refused, NotAllowed) else None
        return self._page(request, asked, status=status, **extra)

    def _onwards(self, request: HttpRequest, asked: ReviewRequest, answer: Answer) -> HttpResponseRedirect:
        """On to the next open request, or back to the queue; what was done is said, with the way to its task."""
        task = reverse("admin:agents_agenttask_change", args=[asked.task_id])
        done = format_html('{}: {} <a href="{}">Task {}</a>', answer.label, one_line(asked.title), task, asked.task_id)
        messages.success(request, done)
        if answer == Answer.TAKE_OVER:
            opened = ReviewRequest.objects.filter(task=asked.task_id, status=RequestStatus.OPEN).first()
            if opened:
                return redirect("admin:review_reviewrequest_change", opened.pk)
        following = next_open(request.user)
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
        related = ("task__agent", "task__version", "task__submitted_by", "task__owner", "action", "claimed_by")
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
        page = read_review(asked, request.user)
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
            "keys": [(key, answer.label) for key, answer in KEYS if answer in ANSWERS[asked.kind]],
            "typed": answered[1].data.get("comment", "") if answered and not may else "",
            "decisions": list(asked.decisions.select_related("person")),
            "is_mine": asked.claimed_by_id == request.user.pk and not claimed_by_other(asked, request.user),
            **extra,
        }
        tool = tool_of(asked)
        if may and Answer.EDIT in ANSWERS[asked.kind] and tool and asked.action:
            context.setdefault("edit_form", ArgumentsForm(tool, asked.action.arguments))
        if answered and answered[0] == Answer.EDIT:
            context.setdefault("edit_refused", answered[1].non_field_errors() or answered[1].errors.get("arguments"))
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
            offered.append({"answer": answer, "label": answer.label, "form": form, "sent": sent, "opened": opened})
        return offered
