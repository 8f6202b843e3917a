"""Pairs of persons who may be one, and what people decided; no identifier is ever here."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Identity, Incident, User
from yipan.places.models import Unit


class Pair(models.Model):
    """Two sealed persons with how much speaks for their being one: ids and weights, nothing else."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")  # of `one`
    one = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="+")
    weight = models.FloatField()  # log2 of the odds that they are one
    probability = models.FloatField()
    proposed_at = models.DateTimeField()
    proposed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "one", "other"], name="pair_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="pair_in_order"),
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1), name="pair_probability"
            ),
        ]


class Verdict(models.TextChoices):
    """What a person decided of a pair."""

    SAME = "same", _("the same person")
    DIFFERENT = "different", _("not the same")
    OPEN = "open", _("open again")


class Decision(models.Model):
    """One decision on one pair; the latest known at a moment holds, so that each can be undone."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="decisions")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=9, choices=Verdict)
    reason = models.CharField(max_length=300)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="pair_decided_with_reason"),
        ]
        indexes = [models.Index(fields=["pair", "recorded_at"])]
