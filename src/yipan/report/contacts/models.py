"""What is known of cases' exposures and contacts: rows about persons that are never overwritten.

An amendment is a row of its own that replaces another, with a reason; what was known before it stays
a query. Each row says at its creation when it ends. Who a person is stands only in access.Identity.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yipan.access.models import Identity, Incident, User
from yipan.places.models import Unit


class PersonRow(models.Model):
    """One thing that happened to one person: when, since when we know, until when we keep it."""

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.CASCADE, related_name="replaced_by"
    )
    void = models.BooleanField(default=False)  # what it replaces never happened
    reason = models.CharField(max_length=300, blank=True)
    client_key = models.CharField(max_length=80, null=True, unique=True)
    synthetic = models.BooleanField(default=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(replaces__isnull=True) | ~Q(reason=""),
                name="%(class)s_amended_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("recorded_at")), name="%(class)s_expires"
            ),
        ]
        indexes = [models.Index(fields=["incident", "recorded_at"])]


class CasePerson(PersonRow):
    """Which sealed person a case of the line list is."""

    case = models.CharField(max_length=64, db_index=True)  # pseudonym in the line list
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")


class ExposureKind(models.TextChoices):
    """How a case may have been infected: travel and dates, never registration or origin."""

    TRAVEL = "travel", _("travel to a place with spread")
    HOUSEHOLD = "household", _("household")
    MEAL = "meal", _("meal together")
    WORKPLACE = "workplace", _("workplace")
    TRANSPORT = "transport", _("transport")
    HEALTH_CARE = "health_care", _("health care")
    GATHERING = "gathering", _("gathering")
    MARKET = "market", _("market or shop")
    SCHOOL = "school", _("school")
    OTHER = "other", _("other")


class Exposure(PersonRow):
    """Where a case was, from day to day, while it may have been infected or have infected others."""

    case = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=12, choices=ExposureKind)
    place = models.ForeignKey(Unit, null=True, on_delete=models.PROTECT, related_name="+")
    setting = models.CharField(max_length=80, blank=True)  # in words: no person's name
    first_day = models.DateField()
    last_day = models.DateField()

    class Meta(PersonRow.Meta):
        constraints = [
            *PersonRow.Meta.constraints,
            models.CheckConstraint(
                condition=Q(first_day__lte=F("last_day")), name="exposure_days_in_order"
            ),
        ]


class Contact(PersonRow):
    """One person who was near one case, with the last day of it; follow-up is counted from that day."""

    case = models.CharField(max_length=64, db_index=True)  # the source, in the line list
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=ExposureKind)
    last_day = models.DateField()


class VisitResult(models.TextChoices):
    """What a follow-up found."""

    WELL = "well", _("seen, well")
    SYMPTOMS = "symptoms", _("seen, with symptoms")
    NOT_FOUND = "not_found", _("not found")
    REFUSED = "refused", _("refused")
    BECAME_CASE = "became_case", _("confirmed as a case")
    ENDED = "ended", _("follow-up ended early")


class Visit(PersonRow):
    """One follow-up of one contact for one day: by visit or by telephone."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="visits")
    day = models.DateField()
    result = models.CharField(max_length=12, choices=VisitResult)
    symptoms = models.CharField(max_length=120, blank=True)  # keys of the disease's list, "|fever|"
    case = models.CharField(max_length=64, blank=True)  # which case it became

    class Meta(PersonRow.Meta):
        constraints = [
            *PersonRow.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(result="ended") | ~Q(reason=""), name="visit_ended_with_reason"
            ),
        ]


class Certainty(models.TextChoices):
    """How sure it is that one case infected another."""

    CONFIRMED = "confirmed", pgettext_lazy("link", "confirmed")
    PROBABLE = "probable", _("probable")
    POSSIBLE = "possible", _("possible")


class Link(PersonRow):
    """One case infected another, as tracing found."""

    source = models.CharField(max_length=64, db_index=True)
    case = models.CharField(max_length=64, db_index=True)
    certainty = models.CharField(max_length=9, choices=Certainty, default=Certainty.PROBABLE)
    kind = models.CharField(max_length=12, choices=ExposureKind, default=ExposureKind.OTHER)

    class Meta(PersonRow.Meta):
        constraints = [
            *PersonRow.Meta.constraints,
            models.CheckConstraint(condition=~Q(source=F("case")), name="link_not_to_itself"),
        ]
