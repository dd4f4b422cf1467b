"""The parts of the review page around a decision: to whom it goes, what people say, and whether it still holds."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from agents import services
from agents.admin.forms import RefusableForm, VerbatimField
from agents.errors import Refused
from review import handing
from review.admin.reading import difference_seen
from review.models import ReviewRequest
from review.quorum import people_who_may
from review.services import may_decide

PEOPLE_SHOWN = 200


class DelegateForm(RefusableForm):
    """To whom a request goes."""

    to = forms.ChoiceField(
        label="To",
        error_messages={"required": "Choose a person or a group.", "invalid_choice": "They can't decide it."},
    )
    comment = VerbatimField(required=False, label="What they should know", widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, data: QueryDict | None = None, *, asked: ReviewRequest, person: User) -> None:
        super().__init__(data, auto_id="id_delegate_%s")
        may = people_who_may(asked.task)
        people = may.exclude(pk=person.pk)[:PEOPLE_SHOWN]
        groups = Group.objects.filter(Exists(may.filter(groups=OuterRef("pk")).order_by())).order_by("name")
        self.fields["to"].choices = [  # type: ignore[attr-defined]
            ("", "Choose …"),
            ("Groups", [(f"group:{one.pk}", one.name) for one in groups[:PEOPLE_SHOWN]]),
            ("People", [(f"person:{one.pk}", one.get_username()) for one in people]),
        ]

    def chosen(self) -> User | Group:
        what, _, pk = self.cleaned_data["to"].partition(":")
        return Group.objects.get(pk=pk) if what == "group" else User.objects.get(pk=pk)


class CommentForm(RefusableForm):
    """Something to say without deciding."""

    comment = VerbatimField(
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "The comment is empty: say it in a sentence."},
    )


class HandingPages:
    """What the admin of review requests answers for these parts. It is mixed into that class."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        at = "review_reviewrequest"
        return [
            path("<int:pk>/delegate/", wrap(require_POST(self.delegate_view)), name=f"{at}_delegate"),
            path("<int:pk>/comment/", wrap(require_POST(self.comment_view)), name=f"{at}_comment"),
            path("<int:pk>/since/", wrap(self.since_view), name=f"{at}_since"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def delegate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        asked = self._asked(request, pk)  # type: ignore[attr-defined]
        person: User = request.user  # type: ignore[assignment]
        form = DelegateForm(request.POST, asked=asked, person=person)
        if form.is_valid():
            try:
                handing.delegate(asked.pk, person, form.chosen(), form.cleaned_data["comment"])
            except Refused as refused:
                form.refuse(refused)
            else:
                return redirect("admin:review_reviewrequest_change", asked.pk)
        return self._page(request, self._asked(request, pk), status=409, delegate_form=form)  # type: ignore[attr-defined]

    def comment_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        asked = self._asked(request, pk)  # type: ignore[attr-defined]
        form = CommentForm(request.POST, auto_id="id_comment_%s")
        if form.is_valid():
            try:
                handing.comment(asked.pk, request.user, form.cleaned_data["comment"])  # type: ignore[arg-type]
            except Refused as refused:
                form.refuse(refused)
            else:
                return redirect("admin:review_reviewrequest_change", asked.pk)
        return self._page(request, self._asked(request, pk), status=409, comment_form=form)  # type: ignore[attr-defined]

    def since_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Does what an approval would rely on still hold? The tool is asked again; it may take a moment."""
        asked = self._asked(request, pk)  # type: ignore[attr-defined]
        action = asked.action
        was = action.precondition if action else None
        now = services.fingerprint(action.tool, action.arguments) if action and was is not None else None
        changes = difference_seen(request.user, asked.task_id, was, now) if was is not None else []
        context = {"changes": changes, "at": timezone.now(), "relies": was}
        response = TemplateResponse(request, "countersign/review/since.html", context)
        response["X-Countersign-Fragment"] = "1"
        return response

    def handing(self, request: HttpRequest, asked: ReviewRequest) -> dict[str, Any]:
        """What the review page needs for these parts."""
        person: User = request.user  # type: ignore[assignment]
        parts: dict[str, Any] = {"said": handing.said_about(asked), "now": timezone.now()}
        if asked.status == "open" and not may_decide(asked, person):
            parts["delegate_form"] = DelegateForm(asked=asked, person=person)
            parts["comment_form"] = CommentForm(auto_id="id_comment_%s")
        return parts
