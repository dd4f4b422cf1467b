"""How does a person say what they want to hear of, and what became of what they were told?"""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from agents.admin.base import ReadOnlyAdmin
from agents.errors import Invalid
from agents.outgoing import addresses, signing
from review.models import ChatHook, Notice, Wish

NO_MAIL = "No mail server is set up here, so no mail is sent yet. Your wish is kept."
INTRO = (
    "You hear of requests that you may decide. A mail says what kind of decision is asked for and links to its page; "
    "it decides nothing."
)


class WishForm(forms.ModelForm):
    class Meta:
        model = Wish
        fields = ["mail", "least_risk"]


@admin.register(Wish)
class WishAdmin(ReadOnlyAdmin):
    """Each person has one page: their own."""

    def changelist_view(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not request.user.has_perm("review.change_wish"):
            raise PermissionDenied
        person = cast(User, request.user)
        wish = Wish.objects.filter(person=person).first() or Wish(person=person, mail=Wish.Mail.NONE)
        form = WishForm(request.POST or None, instance=wish)
        if request.method == "POST" and form.is_valid():
            wanted = {name: form.cleaned_data[name] for name in form.Meta.fields}
            Wish.objects.update_or_create(person=person, defaults=wanted)
            messages.success(request, "It is kept.")
            return redirect("admin:review_wish_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "My notifications",
            "intro": INTRO if settings.COUNTERSIGN_MAILS and person.email else f"{INTRO} {_missing(person)}",
            "form": form,
            "send": "Save",
        }
        return TemplateResponse(request, "countersign/form_page.html", context, status=422 if form.errors else 200)


class ChatHookForm(forms.ModelForm):
    class Meta:
        model = ChatHook
        fields = ["url", "least_risk", "is_enabled"]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            addresses.read(url)
        except Invalid as invalid:
            raise forms.ValidationError(invalid.message) from None
        return url


@admin.register(ChatHook)
class ChatHookAdmin(ModelAdmin):
    form = ChatHookForm
    list_display = ("url", "least_risk", "is_enabled", "created_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.secret = signing.new_secret()
            messages.warning(request, f"The secret that signs its messages, shown only now: {obj.secret}")
        super().save_model(request, obj, form, change)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "what", "request_id", "to", "status", "attempts", "due_at", "error")
    list_filter = ("status", "what")
    list_select_related = ("person", "hook")
    nothing = "Nobody was told of anything."

    @admin.display(description="To")
    def to(self, notice: Notice) -> str:
        return str(notice.person or notice.hook)


def _missing(person: User) -> str:
    return NO_MAIL if person.email else "Your account has no e-mail address: an operator can enter it."
