"""What a person types to write an order by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from yipan.order.matters import matters
from yipan.order.models import Priority
from yipan.order.orders.rules import SENTENCE
from yipan.places.models import Level
from yipan.report.dictionary import ELEMENTS

LEVELS = [
    ("", _("these units themselves")),
    (Level.CITY.value, _("every city below them")),
    (Level.COUNTY.value, _("every county below them")),
    (Level.TOWNSHIP.value, _("every township below them")),
    (Level.VILLAGE.value, _("every village and neighbourhood below them")),
    (Level.FACILITY.value, _("every facility below them")),
]
PRIORITIES = [
    (Priority.P0.value, _("P0: read within 15 minutes")),
    (Priority.P1.value, _("P1: read within 60 minutes")),
    (Priority.P2.value, _("P2: read within 4 hours")),
    (Priority.P3.value, _("P3: read within 24 hours")),
]


class NewOrder(forms.Form):
    """One matter, one sentence, whom it is for, by when, and the test by which it is done."""

    matter = forms.ChoiceField(label=_("Matter"))
    title = forms.CharField(
        label=_("The one thing to do"),
        max_length=SENTENCE,
        help_text=_("One sentence, one verb, one time."),
    )
    title_other = forms.CharField(
        label=_("The same in the other language"),
        max_length=SENTENCE,
        required=False,
        help_text=_("Empty: whoever reads the other language sees this one, and is told so."),
    )
    body = forms.CharField(
        label=_("What it means in practice"), widget=forms.Textarea(attrs={"rows": 3})
    )
    body_other = forms.CharField(
        label=_("The same in the other language"),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
    )
    units = forms.CharField(
        label=_("For which units"),
        help_text=_("Codes, separated by commas; each delivery has one accountable unit."),
        widget=forms.TextInput(attrs={"list": "units"}),
    )
    level = forms.ChoiceField(label=_("Meaning"), choices=LEVELS, required=False)
    priority = forms.TypedChoiceField(
        label=_("How soon it must be read"),
        choices=PRIORITIES,
        coerce=int,
        widget=forms.RadioSelect,
        initial=Priority.P2.value,
    )
    due_at = forms.DateTimeField(
        label=_("Done by"),
        required=False,
        help_text=_("Empty: as long after its release as the matter usually takes."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    closure = forms.CharField(
        label=_("Done when"),
        max_length=300,
        required=False,
        help_text=_("The one test by which it is closed; empty: the matter's own."),
    )
    closure_other = forms.CharField(
        label=_("The same in the other language"), max_length=300, required=False
    )
    elements = forms.MultipleChoiceField(
        label=_("Data it asks for"),
        required=False,
        help_text=_("Only what the dictionary knows: an order may not bring a new form."),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["matter"].choices = [  # type: ignore[attr-defined]
            (matter.id, str(matter.label)) for matter in matters().values()
        ]
        self.fields["elements"].choices = [  # type: ignore[attr-defined]
            (element.id, element.label) for element in ELEMENTS.values()
        ]
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.TextInput | forms.Textarea | forms.Select):
                field.widget.attrs.setdefault("class", "inp")
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"help-{name}"

    def clean_due_at(self) -> datetime | None:
        """A browser sends the wall clock of the province, without a zone."""
        typed: datetime | None = self.cleaned_data["due_at"]
        return typed.replace(tzinfo=self.zone) if typed else None
