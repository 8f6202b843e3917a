"""What it means: one assessment is a snapshot of what was known at a moment, with its method."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident, User
from yipan.places.models import Unit


class Assessment(models.Model):
    """The whole picture as known at one moment; nothing recorded later entered it."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="assessments")
    known_at = models.DateTimeField()
    data_day = models.DateField()  # the last data day known
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    method = models.JSONField()  # versions and parameters, each with its source
    province = models.JSONField()  # the province's figures: see assess/situation
    series = models.JSONField()  # daily series for the curve, Rt by city: see assess/situation
    outlook = models.JSONField(default=dict)  # a closer look, empty until made: see assess/outlook
    seconds = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "known_at"], name="assessment_once")
        ]
        ordering = ["known_at"]


class Tier(models.TextChoices):
    """Risk tiers of a county, with the two answers that are not a tier."""

    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")
    UNDECIDED = "undecided", _("undecided")
    NO_DATA = "no_data", _("no data")


class UnitSituation(models.Model):
    """One county or city in one assessment."""

    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="units")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="situations")
    confirmed_new = models.IntegerField(null=True)
    confirmed_7d = models.IntegerField(null=True)
    confirmed_14d = models.IntegerField(null=True)
    confirmed = models.IntegerField(null=True)
    cured = models.IntegerField(null=True)
    deaths = models.IntegerField(null=True)
    active = models.IntegerField(null=True)
    last_case_day = models.DateField(null=True)
    reported_at = models.DateTimeField(null=True)  # last heard from
    tier = models.CharField(max_length=12, choices=Tier, blank=True)
    rule = models.PositiveSmallIntegerField(null=True)  # which rule fired
    trace = models.JSONField(default=list)  # each rule, the values it used, its outcome
    chances = models.JSONField(default=dict)  # probability of each tier; empty: cannot be said
    pending = models.JSONField(default=dict)  # expected, not yet reported; empty: cannot be said
    rt = models.JSONField(null=True)  # {"mean", "q025", …} or {"note": "too_few_cases", …}
    synthetic = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assessment", "unit"], name="situation_once")
        ]


class TierChange(models.Model):
    """A county's tier changed: from what, to what, by which rule of which pack, on which values."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="tier_changes")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="tier_changes")
    assessment = models.ForeignKey(
        Assessment, on_delete=models.CASCADE, related_name="tier_changes"
    )
    at = models.DateTimeField()
    before = models.CharField(max_length=12, choices=Tier, blank=True)
    after = models.CharField(max_length=12, choices=Tier)
    pack = models.CharField(max_length=60)
    rule = models.PositiveSmallIntegerField(null=True)
    trace = models.JSONField()


DATA_QUALITY = ("streak", "zeros")
"""Kinds that ask about the reporting, not about the disease."""


class AlarmKind(models.TextChoices):
    """What an alarm is about."""

    EXCESS = "excess", _("more cases than expected")
    REINTRODUCTION = "reintroduction", _("first case after quiet weeks")
    CLUSTER = "cluster", _("cluster in space and time")
    LINKED = "linked_cases", _("cases linked to each other")
    STREAK = "streak", _("the same number day after day")
    ZEROS = "zeros", _("no case among active neighbours")


class Verdict(models.TextChoices):
    """What a person made of an alarm."""

    TRUE = "true", _("something was there")
    FALSE = "false", _("false alarm")
    UNCLEAR = "unclear", _("cannot be told")


class Alarm(models.Model):
    """A question the numbers raise about a unit, with its evidence; people answer it.

    Order's job reads those that nobody has judged and drafts; assess never calls it.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="alarms")
    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="alarms")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="alarms")
    kind = models.CharField(max_length=16, choices=AlarmKind)
    day = models.DateField()  # the data day it speaks of
    at = models.DateTimeField()  # from when the board could know
    observed = models.FloatField(null=True)
    expected = models.FloatField(null=True)
    p_value = models.FloatField(
        null=True
    )  # of the null its evidence names; null: a rule, not a test
    evidence = models.JSONField()  # method, null, window, places …
    verdict = models.CharField(max_length=8, choices=Verdict, blank=True)
    judged_at = models.DateTimeField(null=True)
    judged_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "unit", "kind", "day"], name="alarm_once"),
            models.CheckConstraint(
                condition=models.Q(verdict="", judged_at__isnull=True)
                | (~models.Q(verdict="") & models.Q(judged_at__isnull=False)),
                name="alarm_judged_when_and_how",
            ),
            models.CheckConstraint(
                condition=~models.Q(verdict="false") | ~models.Q(reason=""),
                name="false_alarm_has_reason",
            ),
        ]
        indexes = [models.Index(fields=["incident", "day"])]
