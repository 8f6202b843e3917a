"""The fields of the pages about cases, contacts, sites and specimens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yipan.report.contacts.models import Certainty, ExposureKind, VisitResult
from yipan.report.contacts.rules import SYMPTOMS
from yipan.report.laboratory.models import Result, Step
from yipan.report.models import Register
from yipan.report.quarantine.models import SiteKind

PLACE = {"list": "places", "autocomplete": "off"}
CASE = {"autocomplete": "off", "spellcheck": "false"}
OFF = {"autocomplete": "off"}


def _day() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})


class KeyedForm(forms.Form):
    """A form whose sending twice is taken once: it carries its own key."""

    client_key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)


class PersonForm(KeyedForm):
    """Who somebody is: kept sealed, shown to nobody without a reason."""

    number = forms.CharField(
        label=_("Number of the identity document"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=OFF),
        help_text=_("Without one: name and telephone. All of this is sealed at once."),
    )
    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, widget=forms.TextInput(attrs=OFF)
    )
    phone = forms.CharField(
        label=_("Telephone"), max_length=40, required=False, widget=forms.TextInput(attrs=OFF)
    )
    address = forms.CharField(
        label=_("Address"), max_length=300, required=False, widget=forms.TextInput(attrs=OFF)
    )


class ContactForm(PersonForm):
    """A person who was near a case."""

    kind = forms.ChoiceField(label=_("How they met"), choices=ExposureKind.choices)
    last_day = forms.DateField(label=_("Last contact"), widget=_day())
    unit = forms.CharField(
        label=_("Followed at"),
        max_length=120,
        widget=forms.TextInput(attrs=PLACE),
        help_text=_("Code or name of the county, township or village where the person is."),
    )


class ExposureForm(KeyedForm):
    """Where a case was."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ExposureKind.choices)
    first_day = forms.DateField(label=_("First day"), widget=_day())
    last_day = forms.DateField(label=_("Last day"), widget=_day())
    place = forms.CharField(
        label=_("Place (if known)"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs=PLACE),
        help_text=_("Code or name; it is then listed until it has been screened."),
    )
    setting = forms.CharField(
        label=_("In words"),
        max_length=80,
        required=False,
        help_text=_("The market, the train and its number: no person's name."),
    )


class LinkForm(KeyedForm):
    """Who infected this case."""

    source = forms.CharField(
        label=_("Infected by case"),
        max_length=64,
        min_length=8,
        widget=forms.TextInput(attrs=CASE),
        help_text=_("The first eight letters of its pseudonym."),
    )
    certainty = forms.ChoiceField(label=_("How sure"), choices=Certainty.choices)
    kind = forms.ChoiceField(label=_("How"), choices=ExposureKind.choices)


class VisitForm(KeyedForm):
    """One follow-up."""

    day = forms.DateField(label=_("For the day"), widget=_day())
    result = forms.ChoiceField(
        label=_("Result"), choices=VisitResult.choices, widget=forms.RadioSelect
    )
    symptoms = forms.MultipleChoiceField(
        label=_("Symptoms"), required=False, widget=forms.CheckboxSelectMultiple
    )
    case = forms.CharField(
        label=_("Case (if confirmed)"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs=CASE),
        help_text=_("The first eight letters of the pseudonym on the line list."),
    )
    reason = forms.CharField(
        label=_("Note, or the reason for ending"), max_length=300, required=False
    )

    def __init__(self, *args: Any, symptoms: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["symptoms"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(key, SYMPTOMS.get(key, key)) for key in symptoms]


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(label=_("Reason"), max_length=200, min_length=3)


class HandOverForm(ReasonForm):
    """Where the person is now."""

    unit = forms.CharField(
        label=_("To"), max_length=120, widget=forms.TextInput(attrs=PLACE),
        help_text=_("Code of the unit where the person is now."),
    )  # fmt: skip


class LastDayForm(ReasonForm):
    """A last contact that was later or earlier than recorded."""

    last_day = forms.DateField(label=_("Last contact"), widget=_day())


class SiteForm(forms.Form):
    """A quarantine site or a laboratory."""

    kind = forms.ChoiceField(label=_("Kind"), choices=SiteKind.choices, widget=forms.HiddenInput)
    code = forms.CharField(label=_("Code"), max_length=32)
    name_zh = forms.CharField(label=_("Name in Chinese"), max_length=120, required=False)
    name_en = forms.CharField(label=_("Name in English"), max_length=120, required=False)
    unit = forms.CharField(label=_("Place"), max_length=120, widget=forms.TextInput(attrs=PLACE))
    places = forms.IntegerField(label=_("Places, or tests a day"), min_value=0)


class PlacesForm(forms.Form):
    """What a site holds from now on."""

    places = forms.IntegerField(label=_("Places, or tests a day"), min_value=0)
    reason = forms.CharField(label=_("Reason"), max_length=300)


class MoveForm(KeyedForm):
    """Into a site."""

    site = forms.ChoiceField(label=_("Site"))

    def __init__(
        self, *args: Any, sites: list[tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["site"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = sites or []


class SpecimenForm(KeyedForm):
    """One step of one specimen."""

    number = forms.CharField(
        label=_("Specimen number"),
        max_length=60,
        min_length=4,
        widget=forms.TextInput(attrs=OFF),
        help_text=_("As on the tube; kept as a pseudonym only."),
    )
    laboratory = forms.ChoiceField(label=_("Laboratory"))
    step = forms.ChoiceField(label=_("Step"), choices=Step.choices)
    result = forms.ChoiceField(
        label=_("Result"), choices=[("", _("none")), *Result.choices], required=False
    )
    occurred_at = forms.DateTimeField(
        label=_("When"), required=False, widget=_moment(), help_text=_("Empty: now.")
    )
    case = forms.CharField(
        label=_("Of the case (when taken)"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs=CASE),
    )
    unit = forms.CharField(
        label=_("Taken at"), max_length=120, required=False, widget=forms.TextInput(attrs=PLACE)
    )

    def __init__(
        self, *args: Any, laboratories: list[tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["laboratory"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = laboratories or []


class EventForm(KeyedForm):
    """One event of the registers of persons, places and stock."""

    register = forms.ChoiceField(label=_("Register"), choices=Register.choices)
    concept = forms.CharField(
        label=_("What"), max_length=80, widget=forms.TextInput(attrs={"list": "concepts", **OFF}),
        help_text=_("The concept of the dictionary, such as obs_central or screened."),
    )  # fmt: skip
    change = forms.FloatField(
        label=_("Change"), initial=1,
        help_text=_("1: begins, or came in; −1: ends, or went; a quantity of stock."),
    )  # fmt: skip
    unit = forms.CharField(label=_("Where"), max_length=120, widget=forms.TextInput(attrs=PLACE))
    subject = forms.CharField(
        label=_("Whom or what"), max_length=64, required=False, widget=forms.TextInput(attrs=OFF),
        help_text=_("A person's document number becomes a pseudonym at once; of a place, its code."),
    )  # fmt: skip
    populations = forms.CharField(
        label=_("Groups"), max_length=200, required=False,
        help_text=_("With commas, such as students, poor."),
    )  # fmt: skip
    occurred_at = forms.DateTimeField(
        label=_("When"), required=False, widget=_moment(), help_text=_("Empty: now.")
    )


class BringForm(forms.Form):
    """Files of another system."""

    system = forms.ChoiceField(
        label=_("From"),
        choices=[
            ("godata", _("Go.Data (WHO)")),
            ("sormas", _("SORMAS")),
            ("linelist", _("line list with the tags of R's linelist")),
            ("fhir", _("FHIR R4 bundle")),
        ],
    )
    cases = forms.FileField(label=_("Cases"), required=False)
    contacts = forms.FileField(label=_("Contacts"), required=False)
    relationships = forms.FileField(label=_("Relationships (Go.Data)"), required=False)
    follow_ups = forms.FileField(label=_("Follow-ups (Go.Data)"), required=False)
    persons = forms.FileField(label=_("Persons (SORMAS)"), required=False)
    places = forms.FileField(
        label=_("Names of places"), required=False,
        help_text=_("CSV with name,code where the export names places otherwise."),
    )  # fmt: skip
    date_format = forms.CharField(
        label=_("How days are written"), max_length=20, required=False,
        help_text=_("Empty: 2020-02-24. Otherwise such as %d/%m/%Y."),
    )  # fmt: skip
    probable = forms.BooleanField(label=_("Take probable cases too"), required=False)
