"""What an office said of a value that was out of the ordinary; nothing said is overwritten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import User


class Verdict(models.TextChoices):
    """What was said of a value: the office above lets it stand or asks; the unit answers."""

    STANDS = "stands", _("it stands")
    ASKED = "asked", _("asked")
    ANSWERED = "answered", _("answered")


class Review(models.Model):
    """One thing said of one version of a value; the latest counts."""

    value = models.ForeignKey("report.Value", on_delete=models.CASCADE, related_name="reviews")
    verdict = models.CharField(max_length=8, choices=Verdict)
    words = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="stands") | ~Q(words=""), name="question_and_answer_have_words"
            ),
        ]
        indexes = [models.Index(fields=["value", "at"])]
