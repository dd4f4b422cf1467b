"""The pages of tasks: the list, one task's story, submitting, answering, canceling."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from agents import services
from agents.admin.base import ReadOnlyAdmin, number_in, row_or_404
from agents.admin.forms import AnswerForm, SubmitForm
from agents.admin.listing import Chip, SubmitterFilter, chips, search_tasks
from agents.admin.reading import mark, read_page, read_step, visible_tasks
from agents.errors import Refused
from agents.models import AgentTask, TaskEvent
from agents.privacy.showing import may_reveal, reveal, show_to, shown_until
from agents.states import Priority, TaskStatus
from agents.templatetags.countersign import one_line, tone, visible

REFUSED = 409
LINES_SHOWN = 200


@admin.register(AgentTask)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ("number", "what", "state", "agent", "submitted_by", "steps", "submitted")
    list_display_links = ("number", "what")
    list_filter = ("status", "agent", SubmitterFilter, "priority")
    list_select_related = ("agent", "submitted_by")
    list_before_template = "countersign/chips.html"
    search_fields = ("goal",)
    search_help_text = "Words of the goal, or #12"
    ordering = ("-id",)
    nothing = "No task is here."
    adds = "Submit a goal"

    # --- Who may see and do what

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentTask]:
        return visible_tasks(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.submit_task")

    # --- The list

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AgentTask], search_term: str
    ) -> tuple[QuerySet[AgentTask], bool]:
        return (search_tasks(queryset, search_term) if search_term else queryset), False

    def chips(self, changelist: ChangeList, request: HttpRequest) -> list[Chip]:
        return chips(changelist, request, "status__exact", TaskStatus.choices)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().changelist_view(request, {"title": "Tasks"} | (extra_context or {}))

    @admin.display(description="No.")
    def number(self, task: AgentTask) -> str:
        return f"#{task.pk}"

    @admin.display(description="Goal")
    def what(self, task: AgentTask) -> str:
        return format_html('<span class="cs-cell" dir="auto">{}</span>', one_line(task.goal))

    @admin.display(description="Status")
    def state(self, task: AgentTask) -> str:
        label = task.get_status_display()
        if task.parked_for:
            label = f"{label}: {task.get_parked_for_display().lower()}"
        return format_html('<span class="cs-pill cs-{}">{}</span>', tone(task.status), label)

    @admin.display(description="Steps")
    def steps(self, task: AgentTask) -> str:
        return format_html('<span class="cs-nowrap">{} of {}</span>', task.steps_taken, task.max_steps)

    @admin.display(description="Submitted")
    def submitted(self, task: AgentTask) -> str:
        return format_html(
            '<time class="cs-nowrap" datetime="{}" title="{}">{}</time>',
            task.created_at.isoformat(),
            f"{task.created_at:%d %b %Y %H:%M:%S}",
            f"{timezone.localtime(task.created_at):%d %b %H:%M}",
        )

    # --- The pages

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/live/", wrap(self.live_view), name="agents_agenttask_live"),
            path("<int:pk>/journal/", wrap(self.journal_view), name="agents_agenttask_journal"),
            path("<int:pk>/steps/<int:number>/", wrap(self.step_view), name="agents_agenttask_step"),
            path("<int:pk>/cancel/", wrap(require_POST(self.cancel_view)), name="agents_agenttask_cancel"),
            path("<int:pk>/answer/", wrap(require_POST(self.answer_view)), name="agents_agenttask_answer"),
            path("<int:pk>/reveal/", wrap(require_POST(self.reveal_view)), name="agents_agenttask_reveal"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The task's page. It is looked at: every change has an address of its own."""
        if request.method != "GET":
            raise PermissionDenied("A task is history: it is not edited.")
        return self._page(request, self._task(request, object_id))

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The moving part of the page; 204 while nothing has changed since the mark that the page carries."""
        task = self._task(request, pk)
        if request.GET.get("mark") == mark(task):
            return HttpResponse(status=204, headers={"X-Countersign-Fragment": "1"})
        context = self._page_context(request, task) | {"is_fragment": True}
        response = TemplateResponse(request, "countersign/task/live.html", context)
        response["X-Countersign-Fragment"] = "1"
        return response

    def journal_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self._task(request, pk)
        after = number_in(request.GET.get("after")) or 0
        found = TaskEvent.objects.filter(task=task, number__gt=after).order_by("number")
        events = list(found[: LINES_SHOWN + 1])
        show_to(request.user, *events)
        context = self._context(request, task, f"Journal of task {task.pk}") | {
            "events": events[:LINES_SHOWN],
            "next_after": events[LINES_SHOWN - 1].number if len(events) > LINES_SHOWN else None,
        }
        return TemplateResponse(request, "countersign/task/journal_page.html", context)

    def step_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        task = self._task(request, pk)
        shown = read_step(task, number)
        if shown is None:
            raise Http404(f"Task {pk} has no step {number}.")
        show_to(request.user, *shown.rows)
        context = self._context(request, task, f"Step {number} of task {task.pk}") | {
            "shown": shown,
            "may_review": request.user.has_perm("review.view_reviewrequest"),
        }
        return TemplateResponse(request, "countersign/task/step_page.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Submitting a goal."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SubmitForm(request.POST or None, initial=_initial(request))
        if request.method == "POST" and form.is_valid():
            try:
                task = services.submit(
                    agent=form.cleaned_data["agent"].name,
                    goal=form.cleaned_data["goal"],
                    max_steps=form.cleaned_data["max_steps"],
                    priority=form.cleaned_data["priority"] or Priority.NORMAL,
                    by=request.user,  # type: ignore[arg-type]  # signed in: admin_view saw to it
                )
            except Refused as refused:
                form.refuse(refused)
            else:
                return redirect("admin:agents_agenttask_change", task.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Submit a goal",
            "form": form,
            "no_agents": not form.fields["agent"].queryset.exists(),  # type: ignore[attr-defined]
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "countersign/task/submit.html", context, status=status)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self._task(request, pk)
        try:
            services.cancel(task.pk, by=request.user)  # type: ignore[arg-type]
        except Refused as refused:
            messages.error(request, refused.message)
        return _to(task)

    def answer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self._task(request, pk)
        form = AnswerForm(request.POST)
        if form.is_valid():
            try:
                services.answer(task.pk, form.cleaned_data["answer"], by=request.user)  # type: ignore[arg-type]
            except Refused as refused:
                task.refresh_from_db()
                if task.status != TaskStatus.NEEDS_INPUT:
                    return self._page(request, task, refused=refused.message, typed=form.cleaned_data["answer"])
                form.refuse(refused)
            else:
                return _to(task)
        return self._page(request, task, answer_form=form)

    def reveal_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows this person the task's personal data for a while; the journal says so."""
        task = self._task(request, pk)
        try:
            reveal(task.pk, by=request.user)  # type: ignore[arg-type]
        except Refused as refused:
            messages.error(request, refused.message)
        return _to(task)

    def _task(self, request: HttpRequest, pk: int | str) -> AgentTask:
        if not self.has_view_permission(request):
            raise PermissionDenied
        related = ("agent", "version", "submitted_by", "owner")
        return row_or_404(self.get_queryset(request).select_related(*related), pk)

    def _page(self, request: HttpRequest, task: AgentTask, **extra: Any) -> HttpResponse:
        context = self._page_context(request, task) | extra
        refused = extra.get("refused") or "answer_form" in extra
        return TemplateResponse(request, "countersign/task/page.html", context, status=REFUSED if refused else 200)

    def _page_context(self, request: HttpRequest, task: AgentTask) -> dict[str, Any]:
        person = request.user
        is_submitter = task.submitted_by_id == person.pk
        answer_form = AnswerForm(prefix=None)
        answer_form.fields["answer"].label = visible(task.question)
        hidden = show_to(person, task)
        page = read_page(task, person, number_in(request.GET.get("before")))
        hidden = show_to(person, *page.rows) or hidden
        return self._context(request, task, f"Task {task.pk}") | {
            "page": page,
            "hides": bool(hidden),
            "may_reveal": may_reveal(person),
            "shown_until": shown_until(person, task.pk),
            "may_cancel": not task.is_final and (is_submitter or person.has_perm("agents.cancel_any_task")),
            "may_answer": is_submitter,
            "may_review": person.has_perm("review.view_reviewrequest"),
            "may_see_version": person.has_perm("agents.view_agentversion"),
            "answer_form": answer_form,
        }

    def _context(self, request: HttpRequest, task: AgentTask, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": task,
            "task": task,
            "title": title,
        }


def _initial(request: HttpRequest) -> dict[str, str]:
    return {"agent": request.GET.get("agent", ""), "goal": request.GET.get("goal", "")}


def _to(task: AgentTask) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:agents_agenttask_change", args=[task.pk]))
