"""Sites and what they hold: quarantine sites with places, laboratories with tests a day."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Identity, Incident, User
from yipan.places.models import Unit
from yipan.report.contacts.models import PersonRow
from yipan.report.dictionary import in_language


class SiteKind(models.TextChoices):
    """What a site is for."""

    QUARANTINE = "quarantine", _("quarantine site")
    LABORATORY = "laboratory", _("laboratory")


class Site(models.Model):
    """A place that takes persons or specimens; what it can hold is a log of events."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=SiteKind)
    code = models.CharField(max_length=32)
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    synthetic = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "kind", "code"], name="site_code_once")
        ]

    @property
    def name(self) -> str:
        """The name in the language in use."""
        return in_language(self.name_zh, self.name_en)


class Capacity(models.Model):
    """From when on a site has how many places, or a laboratory how many tests a day; 0 closes it."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="capacities")
    places = models.PositiveIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["site", "occurred_at"])]


class Move(models.TextChoices):
    """Into a site or out of it."""

    IN = "in", _("came in")
    OUT = "out", _("went out")


class Stay(PersonRow):
    """One person came into a quarantine site, or went out of it."""

    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    move = models.CharField(max_length=3, choices=Move)

    class Meta(PersonRow.Meta):
        constraints = [
            *PersonRow.Meta.constraints,
            models.CheckConstraint(condition=Q(move__in=["in", "out"]), name="stay_in_or_out"),
        ]
