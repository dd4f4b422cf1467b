"""What may a submitter type? Forms that keep the text as it was typed; what is wrong with it, the services say."""

from typing import Any

from django import forms

from agents.errors import Refused
from agents.models import Agent
from agents.states import Priority


class VerbatimField(forms.CharField):
    """Text as it was typed: nothing is stripped, and a browser's line ends become plain ones."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strip": False} | options)
        # NUL is refused by the services, in a sentence.
        self.validators = []

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class RefusableForm(forms.Form):
    """A form that shows what a service refused, at the field that it was about."""

    def refuse(self, refused: Refused) -> None:
        field = refused.field if refused.field in self.fields else None
        self.add_error(field, refused.message)


class SubmitForm(RefusableForm):
    """A goal for an agent."""

    agent = forms.ModelChoiceField(
        queryset=Agent.objects.filter(enabled=True, versions__isnull=False).distinct().order_by("title"),
        to_field_name="name",
        empty_label=None,
        error_messages={"invalid_choice": "There is no such agent, or it takes no new tasks."},
    )
    goal = VerbatimField(
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you want, in a sentence or a few. The agent reads exactly this.",
        error_messages={"required": "The goal is empty: say what you want in a sentence."},
    )
    max_steps = forms.IntegerField(
        required=False,
        label="Step limit",
        help_text="Empty: the agent's own. At the limit a reviewer is asked.",
        widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
    )
    priority = forms.TypedChoiceField(
        choices=Priority.choices, initial=Priority.NORMAL, coerce=int, required=False, empty_value=Priority.NORMAL
    )


class AnswerForm(RefusableForm):
    """The submitter's answer to the agent's question."""

    answer = VerbatimField(
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "The answer is empty: say it in a sentence."},
    )
