"""What people send to assess by page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from yipan.assess.models import Verdict


class VerdictForm(forms.Form):
    """What a person made of an alarm."""

    verdict = forms.ChoiceField(label=_("What was found"), choices=Verdict)
    reason = forms.CharField(label=_("In a few words"), max_length=400, required=False)
