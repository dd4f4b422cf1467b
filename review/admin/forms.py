"""What does a person fill in for each answer? A form for each, with what is required and what it does, in words."""

import json
from typing import Any

from django import forms

from agents.admin.forms import RefusableForm, VerbatimField
from review.models import Answer, Kind, ReviewRequest
from review.services import Given, budget_of, deadline_asked, wants_password


class AnswerForm(RefusableForm):
    """One answer to a review request. It is bound to the digest of what was on the screen."""

    says = ""
    """What happens when it is sent."""
    comment_label = "Comment"
    comment_needed = False
    tone = ""
    """How its button looks: main, bad, or plain."""

    digest = forms.CharField(widget=forms.HiddenInput)
    comment = VerbatimField(required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        comment = self.fields["comment"]
        comment.label = self.comment_label
        comment.required = self.comment_needed
        comment.error_messages["required"] = f"{self.comment_label} is empty: say it in a sentence."
        # Last, below what an answer asks beside it.
        self.order_fields([name for name in self.fields if name != "comment"])

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"])

    def refuse(self, refused: Any) -> None:
        """What the services call a reason or guidance is typed as the comment here."""
        if refused.field in ("reason", "guidance", "feedback"):
            self.add_error("comment", refused.message)
        else:
            super().refuse(refused)


class WithPassword(forms.Form):
    """For a call of critical risk. What is wrong with the password is said when it is checked, and counted."""

    password = forms.CharField(
        strip=False,
        label="Your password, once more",
        help_text="This is of critical risk.",
        error_messages={"required": "Type your password once more: this is of critical risk."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ApproveForm(AnswerForm):
    says = "It runs with exactly these arguments."
    tone = "main"


class ApprovePlanForm(AnswerForm):
    says = "The agent goes by this plan. No call in it is approved: what is risky is asked for again."
    tone = "main"


class ConfirmEditForm(AnswerForm):
    """The last step of an edit: exactly the arguments whose difference was shown."""

    says = "It runs with the changed arguments."
    tone = "main"
    arguments = forms.JSONField(widget=forms.HiddenInput)

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], arguments=self.cleaned_data["arguments"])


class RejectForm(AnswerForm):
    says = "It does not run. The agent reads your feedback and proposes something else."
    comment_label = "Feedback"
    comment_needed = True
    tone = "bad"


class AcceptForm(AnswerForm):
    says = "You vouch for it, and the task goes on."
    tone = "main"


class RetryForm(AnswerForm):
    says = "It runs once more, as a new call with a new key."


class HappenedForm(AnswerForm):
    says = "You know that it took effect. The task goes on with the result that you give."
    tone = "main"
    result = VerbatimField(
        required=False,
        label="Its result",
        help_text="What the tool would have answered: JSON or text. The next steps read it.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "cs-mono"}),
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], result=_json_or_text(self.cleaned_data["result"]))


class NotHappenedForm(AnswerForm):
    says = "You know that it took no effect. It runs now, with the same key."


class ExtendForm(AnswerForm):
    says = "The task goes on with more steps."
    comment_label = "Guidance for the agent"
    tone = "main"
    steps = forms.IntegerField(
        label="More steps", min_value=1, initial=5, widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"})
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], steps=self.cleaned_data["steps"])


class ExtendTokensForm(AnswerForm):
    """For a budget of tokens."""

    says = "The budget gets this much more, and the task goes on."
    comment_label = "Guidance for the agent"
    tone = "main"
    amount = forms.DecimalField(
        label="How many more tokens", required=False, min_value=0, help_text="Empty: as many as are suggested."
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], amount=self.cleaned_data["amount"])


class ExtendDollarsForm(ExtendTokensForm):
    """For a budget of money."""

    amount = forms.DecimalField(
        label="How many more dollars", required=False, min_value=0, help_text="Empty: as many as are suggested."
    )


class ExtendDeadlineForm(AnswerForm):
    """For a deadline that has passed."""

    says = "The task goes on, until its new deadline."
    comment_label = "Guidance for the agent"
    tone = "main"
    deadline = forms.DateTimeField(
        label="New deadline (UTC)",
        required=False,
        help_text="Empty: as long again as it was given at first.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], deadline=self.cleaned_data["deadline"])


class RespondForm(AnswerForm):
    says = "The agent goes on with what you tell it."
    comment_label = "Guidance for the agent"
    comment_needed = True
    tone = "main"


class TakeOverForm(AnswerForm):
    says = "You own the task from now on. The agent does nothing until you finish it or give it back."


class FinishForm(AnswerForm):
    says = "The task is complete, with your result."
    tone = "main"
    result = VerbatimField(
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "The result is empty: say what came of the task."},
        help_text="The submitter reads it.",
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], result=self.cleaned_data["result"])


class FinishWithJsonForm(FinishForm):
    """For an agent whose results have a schema."""

    result = forms.JSONField(  # type: ignore[assignment]
        widget=forms.Textarea(attrs={"rows": 5, "class": "cs-mono"}),
        help_text="JSON, as the agent's result schema wants it.",
        error_messages={"invalid": "This is no JSON.", "required": "The result is empty."},
    )


class CallForm(AnswerForm):
    """The last step of a call by hand: exactly the arguments that were shown."""

    says = "A worker runs it, through the same rules as for the agent. You get the task back with what came of it."
    comment_label = "Why"
    comment_needed = True
    tone = "main"
    tool = forms.CharField(widget=forms.HiddenInput)
    arguments = forms.JSONField(widget=forms.HiddenInput, required=False)

    def given(self) -> Given:
        typed = self.cleaned_data
        return Given(comment=typed["comment"], tool=typed["tool"], arguments=typed["arguments"] or {})


class GiveBackForm(AnswerForm):
    says = "The agent makes a new plan, which must follow what you tell it."
    comment_label = "Guidance for the agent"
    comment_needed = True
    summary = VerbatimField(
        required=False,
        label="What you did",
        help_text="What you did outside of the agent's tools; what you did with them, it sees.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def given(self) -> Given:
        return Given(comment=self.cleaned_data["comment"], summary=self.cleaned_data["summary"])


class FineForm(AnswerForm):
    says = "It was right to let this run by itself."
    tone = "main"


class NotFineForm(AnswerForm):
    says = "A person should have been asked first. Nothing is undone by this: say what was wrong, and what you did."
    comment_label = "What was wrong"
    comment_needed = True
    tone = "bad"


class TerminateForm(AnswerForm):
    says = "The task ends without a result. The submitter reads the reason."
    comment_label = "Reason"
    comment_needed = True
    tone = "bad"


FORMS: dict[str, type[AnswerForm]] = {
    Answer.APPROVE: ApproveForm,
    Answer.EDIT: ConfirmEditForm,
    Answer.REJECT: RejectForm,
    Answer.ACCEPT: AcceptForm,
    Answer.RETRY: RetryForm,
    Answer.HAPPENED: HappenedForm,
    Answer.NOT_HAPPENED: NotHappenedForm,
    Answer.EXTEND: ExtendForm,
    Answer.RESPOND: RespondForm,
    Answer.TAKE_OVER: TakeOverForm,
    Answer.CALL: CallForm,
    Answer.FINISH: FinishForm,
    Answer.GIVE_BACK: GiveBackForm,
    Answer.FINE: FineForm,
    Answer.NOT_FINE: NotFineForm,
    Answer.TERMINATE: TerminateForm,
}


def form_class(answer: str, asked: ReviewRequest) -> type[AnswerForm]:
    """The form of an answer, with a field for the password where the request wants it once more."""
    form = _form_class(answer, asked)
    return type(form.__name__, (form, WithPassword), {}) if wants_password(asked, answer) else form


def _form_class(answer: str, asked: ReviewRequest) -> type[AnswerForm]:
    """Results have a schema for some agents; limits are of steps, a budget or a deadline."""
    if answer == Answer.APPROVE and asked.kind == Kind.PLAN:
        return ApprovePlanForm
    if answer == Answer.FINISH and asked.task.version.read().result_schema:
        return FinishWithJsonForm
    if answer == Answer.EXTEND and (reached := budget_of(asked)):
        return ExtendDollarsForm if reached["unit"] == "dollars" else ExtendTokensForm
    if answer == Answer.EXTEND and deadline_asked(asked, Given()):
        return ExtendDeadlineForm
    return FORMS[answer]


def _json_or_text(typed: str) -> Any:
    if not typed.strip():
        return None
    try:
        return json.loads(typed)
    except ValueError:
        return typed
