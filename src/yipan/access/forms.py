"""The forms of the pages of access; they read input, the actions decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from yipan.access.models import ResponseLevel, Role
from yipan.access.rules import ACTION_WORDS, DISEASES, Action
from yipan.kernel.errors import YipanError

NEW_PASSWORD = {"autocomplete": "new-password"}
ONE_TIME = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}


def beside_field(fault: YipanError, *tried: forms.Form) -> YipanError | None:
    """Put a refusal beside the field it names; return it where no form has that field.

    What is returned stands above the form.
    """
    for form in tried:
        if fault.where in form.fields:
            form.add_error(fault.where, f"{fault.message} {fault.remedy}".strip())
            return None
    return fault


class PasswordTwice(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
        help_text=_("At least 12 characters; four words that only you would put together do well."),
    )
    again = forms.CharField(
        label=_("The same password again"),
        strip=False,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse two that differ."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", _("The two passwords differ."))
        return given


class FirstStartForm(PasswordTwice):
    """Who the first administrator is."""

    code = forms.CharField(
        label=_("One-time code"),
        max_length=40,
        widget=forms.TextInput(attrs=ONE_TIME),
        help_text=_("The terminal printed it when the server started for the first time."),
    )
    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    display_name = forms.CharField(
        label=_("Name shown to others"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    field_order = ["code", "username", "display_name", "language", "password", "again"]


class RecoverForm(PasswordTwice):
    """Back into an account with a one-time code."""

    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    code = forms.CharField(
        label=_("Recovery code or reset code"),
        max_length=40,
        widget=forms.TextInput(attrs=ONE_TIME),
        help_text=_("Sixteen letters and digits; spaces, dashes and case do not matter."),
    )

    field_order = ["username", "code", "password", "again"]


class ChangePasswordForm(PasswordTwice):
    """A person's own new password."""

    old = forms.CharField(
        label=_("Present password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    field_order = ["old", "password", "again"]


class PersonForm(forms.Form):
    """A new person with the first role."""

    username = forms.CharField(label=_("Sign-in name"), max_length=150)
    display_name = forms.CharField(label=_("Name shown to others"), max_length=120)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class GrantForm(forms.Form):
    """A role at a unit."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    unit = forms.CharField(
        label=_("Place"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"list": "places", "autocomplete": "off"}),
        help_text=_(
            "Code or name; the role covers everything below it. Leave it empty for an "
            "administrator of the whole installation."
        ),
    )
    sensitivity = forms.TypedChoiceField(
        label=_("Up to which sensitivity"),
        coerce=int,
        initial=1,
        choices=[
            (0, _("0 – public")),
            (1, _("1 – counts of small places")),
            (2, _("2 – line list, pseudonymous")),
            (3, _("3 – persons")),
        ],
    )


class IncidentForm(forms.Form):
    """A new incident or exercise."""

    name_zh = forms.CharField(label=_("Name in Chinese"), max_length=120)
    name_en = forms.CharField(label=_("Name in English"), max_length=120)
    slug = forms.SlugField(
        label=_("Short name"), max_length=60, help_text=_("It stands in addresses: flood-2021.")
    )
    disease = forms.ChoiceField(label=_("Disease"), choices=list(DISEASES.items()))
    places = forms.CharField(
        label=_("Places"),
        max_length=500,
        widget=forms.TextInput(attrs={"list": "places", "autocomplete": "off"}),
        help_text=_("Codes or names, separated by commas; each covers everything below it."),
    )
    response_level = forms.TypedChoiceField(
        label=_("Response level"), coerce=int, choices=ResponseLevel.choices
    )
    exercise = forms.BooleanField(
        label=_("This is an exercise"),
        required=False,
        help_text=_("Marked on every page, message and order; it cannot reach a live channel."),
    )
    clock_at = forms.DateTimeField(
        label=_("The exercise's clock begins at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=_("For exercises only; empty means the real time."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class LevelForm(forms.Form):
    """Another response level."""

    response_level = forms.TypedChoiceField(
        label=_("Response level"), coerce=int, choices=ResponseLevel.choices
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class StandDownForm(forms.Form):
    """The end of an incident."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class TokenForm(forms.Form):
    """A machine's token."""

    name = forms.CharField(label=_("What it is for"), max_length=80)
    days = forms.IntegerField(label=_("Days until it expires"), min_value=1, max_value=366)
    actions = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(a.value, words) for a, words in ACTION_WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, allowed: frozenset[Action], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(a.value, words) for a, words in ACTION_WORDS.items() if a in allowed]
        self.fields["actions"].choices = choices  # type: ignore[attr-defined]


class SlipForm(forms.Form):
    """A person's code, and what they say against their status."""

    code = forms.CharField(
        label=_("Code on the slip"), max_length=40, widget=forms.TextInput(attrs=ONE_TIME)
    )
    text = forms.CharField(
        label=_("Why it is wrong"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("For instance: I was elsewhere on that day; who can confirm it."),
    )


class RulingForm(forms.Form):
    """The ruling on a person's appeal."""

    upheld = forms.ChoiceField(
        label=_("Ruling"),
        choices=[
            ("yes", _("the person is right: the status ends now")),
            ("no", _("the status stays")),
        ],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The person will read it."),
    )


class AuditFilter(forms.Form):
    """Which records to show."""

    event = forms.CharField(label=_("Act"), required=False, max_length=48)
    person = forms.CharField(label=_("Person"), required=False, max_length=150)
    place = forms.CharField(label=_("Place"), required=False, max_length=120)
    first = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
