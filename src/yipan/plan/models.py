"""What we could do: a scenario, its options with their price, and the signature that chose one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language

from yipan.access.models import User
from yipan.assess.models import Assessment
from yipan.places.models import Unit


class Scenario(models.Model):
    """One question put to the engines: from which assessment, over which weeks, on which assumptions."""

    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="scenarios")
    start_day = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    members = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField()
    assumptions = models.JSONField()  # dated, sourced data; shown beside the result
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    seconds = models.FloatField()
    limits = models.JSONField(
        default=dict
    )  # accepted risk, beds, R, least and most levels, priorities
    answer = models.JSONField(
        default=dict
    )  # of a search: frontier, prices, what is impossible and why


class Option(models.Model):
    """One way to go on, with intervals from the ensemble."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="options")
    number = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=24)  # hold, tiered, open; targeted, robust, uniform; edit-7 …
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)
    members = models.PositiveIntegerField()
    openings = models.JSONField()  # tier -> setting -> level by week (what is ordered)
    results = (
        models.JSONField()
    )  # infections, peak_beds, value_added …: quantiles; series for plots
    base = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="edits")
    reason = models.TextField(default="", blank=True)  # of an edit: why, kept with it
    changes = models.JSONField(default=list)  # of an edit: what was changed, in order
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scenario", "number"], name="option_number_once"),
            models.UniqueConstraint(fields=["scenario", "key"], name="option_key_once"),
            models.CheckConstraint(
                condition=Q(base__isnull=True) | ~Q(reason=""), name="edit_has_reason"
            ),
            models.CheckConstraint(condition=Q(members__gte=1), name="option_has_members"),
        ]
        ordering = ["number"]

    @property
    def name(self) -> str:
        """The name in the language in use."""
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


class OptionCounty(models.Model):
    """What one option means for one county: its level of opening each week and what it risks."""

    option = models.ForeignKey(Option, on_delete=models.CASCADE, related_name="counties")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    tier = models.CharField(max_length=12)
    levels = models.JSONField()  # setting -> [level per week]
    results = models.JSONField()  # infections and value added: quantiles

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["option", "unit"], name="option_county_once")
        ]


class Signature(models.Model):
    """The headquarters' decision: one option of one scenario, by one commander, with a reason."""

    scenario = models.OneToOneField(Scenario, on_delete=models.PROTECT, related_name="signature")
    option = models.ForeignKey(Option, on_delete=models.PROTECT, related_name="signatures")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="signature_has_reason")]


class SearchState(models.TextChoices):
    """How far a search for the best openings has come."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Search(models.Model):
    """One search for the best openings of a scenario, run beside the pages; its progress and its end."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="searches")
    state = models.CharField(max_length=12, choices=SearchState, default=SearchState.RUNNING)
    limits = models.JSONField(default=dict)
    label = models.CharField(max_length=80, default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    heard_at = (
        models.DateTimeField()
    )  # a search that is not heard for a while was lost with its process
    ended_at = models.DateTimeField(null=True)
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    stopping = models.BooleanField(default=False)  # somebody asked it to end
    fault = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scenario"], condition=Q(state="running"), name="one_search_at_a_time"
            )
        ]
