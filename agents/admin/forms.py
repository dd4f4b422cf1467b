"""What is typed into our own pages? Forms that keep a text as it was typed; what is wrong with it, the services say."""

from typing import Any

from django import forms
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.db.models import Q

from agents.api.scopes import DEFAULT, SCOPES
from agents.errors import Refused
from agents.models import Agent
from agents.states import Priority
from tools.registry import registry


class VerbatimField(forms.CharField):
    """Text as it was typed: nothing is stripped, and a browser's line ends become plain ones."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strip": False} | options)
        # NUL is refused by the services, in a sentence.
        self.validators = []

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def validate(self, value: str) -> None:
        """Blanks alone say nothing."""
        super().validate(value.strip())


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
        choices=Priority.choices, initial=Priority.NORMAL, coerce=int, required=False, empty_value=None
    )


class AnswerForm(RefusableForm):
    """The submitter's answer to the agent's question."""

    answer = VerbatimField(
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "The answer is empty: say it in a sentence."},
    )


class DefinitionForm(forms.Form):
    """An agent's definition as YAML, and what changed."""

    text = VerbatimField(
        label="Definition",
        widget=forms.Textarea(
            attrs={"rows": 32, "class": "cs-mono cs-editor__text", "spellcheck": "false", "wrap": "off"}
        ),
        error_messages={"required": "The definition is empty."},
    )
    note = forms.CharField(
        required=False, max_length=200, label="What changed", help_text="A few words for the list of versions."
    )


class KillSwitchForm(RefusableForm):
    """What is stopped, and why."""

    why = forms.CharField(
        max_length=300,
        label="Why",
        help_text="Everybody who is stopped by it reads this.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    tool = forms.ChoiceField(required=False)
    agent = forms.ModelChoiceField(queryset=Agent.objects.order_by("title"), required=False, empty_label="All agents")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tools = [(name, name) for name in sorted(registry.names())]
        self.fields["tool"].choices = [("", "All tools"), *tools]  # type: ignore[attr-defined]


class ApiKeyForm(RefusableForm):
    """A key for a service."""

    name = forms.CharField(max_length=80, help_text="What it is for, such as “website, production”.")
    owner = forms.ModelChoiceField(
        queryset=User.objects.none(),
        help_text="Who the key acts as: you, or an account that can't sign in.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {may}") for scope, may in SCOPES.items()],
        initial=DEFAULT,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it may do, as far as its owner may.",
    )
    expires_at = forms.SplitDateTimeField(
        required=False,
        label="Expires",
        help_text="Empty: never.",
        widget=forms.SplitDateTimeWidget(date_attrs={"type": "date"}, time_attrs={"type": "time"}),
    )

    def __init__(self, *args: Any, maker: User, **kwargs: Any) -> None:
        """`maker`: who makes it. A key for another person who can sign in would let its maker act as that person."""
        super().__init__(*args, **kwargs)
        service = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        owners = User.objects.filter(Q(pk=maker.pk) | service, is_active=True).order_by("username")
        self.fields["owner"].queryset = owners  # type: ignore[attr-defined]
        self.fields["owner"].initial = maker.pk
