"""Specimens: taken, received, resulted or rejected, each step an event."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Identity
from yipan.report.contacts.models import PersonRow
from yipan.report.quarantine.models import Site


class Step(models.TextChoices):
    """What happened to a specimen."""

    TAKEN = "taken", _("taken")
    RECEIVED = "received", _("received by the laboratory")
    RESULT = "result", _("result")
    REJECTED = "rejected", _("rejected")


class Result(models.TextChoices):
    """What the test says."""

    POSITIVE = "positive", _("positive")
    NEGATIVE = "negative", _("negative")
    UNCLEAR = "unclear", _("inconclusive")


class SpecimenEvent(PersonRow):
    """One step of one specimen; its number is kept as a pseudonym only."""

    specimen = models.CharField(max_length=32, db_index=True)
    laboratory = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    step = models.CharField(max_length=8, choices=Step)
    result = models.CharField(max_length=8, choices=Result, blank=True)
    case = models.CharField(max_length=64, blank=True, db_index=True)  # of whom, if a case
    identity = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta(PersonRow.Meta):
        constraints = [
            *PersonRow.Meta.constraints,
            models.CheckConstraint(
                condition=(Q(step="result") & ~Q(result="")) | (~Q(step="result") & Q(result="")),
                name="result_at_its_step",
            ),
        ]
