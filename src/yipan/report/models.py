"""What came in: submissions, values as versions, the line list, and rows kept aside."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident, User
from yipan.places.models import Unit


class Source(models.TextChoices):
    """By which door a report came in."""

    FORM = "form", _("page form")
    FILE = "file", _("file upload")
    API = "api", _("API")
    BULLETIN = "bulletin", _("published bulletin")
    RECEIPT = "receipt", _("order receipt")
    SYNTHETIC = "synthetic", _("synthetic (demonstration)")


class Submission(models.Model):
    """One delivery of facts by one actor for one unit; the client key makes a replay harmless."""

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="submissions", db_index=False
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="submissions")
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=12, choices=Source)
    client_key = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField()
    device_at = models.DateTimeField(null=True)
    file_name = models.CharField(max_length=255, blank=True)
    file_digest = models.CharField(max_length=64, blank=True)
    file_encoding = models.CharField(max_length=24, blank=True)  # how a text file was read
    file_expires_on = models.DateField(null=True)  # the original is kept until then
    file_kind = models.CharField(max_length=8, blank=True, db_default="")  # counts, cases
    # A long file is read in pieces; it is read to its end when the two are equal.
    rows_total = models.PositiveIntegerField(null=True)  # number of its last row
    rows_read = models.PositiveIntegerField(null=True)
    columns_unread = models.JSONField(null=True)  # [[header, the known one most like it], …]
    rows_accepted = models.PositiveIntegerField(default=0)
    rows_aside = models.PositiveIntegerField(default=0)
    subject = models.CharField(max_length=64, blank=True)  # a receipt names the delivery by its id

    class Meta:
        indexes = [
            models.Index(fields=["incident", "unit", "received_at"]),
            models.Index(fields=["incident", "received_at"]),
        ]


class Value(models.Model):
    """One version of one fact: (unit, element, day) → value. A correction is a new version."""

    # The constraint and indexes below begin with these two; indexes of their own would double the
    # cost of a morning's 250,000 values.
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="values", db_index=False
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="values", db_index=False)
    element = models.CharField(max_length=48)  # id in report/dictionary
    day = models.DateField()
    version = models.PositiveIntegerField(default=1)
    value = models.FloatField(null=True)  # null: withdrawn
    unchanged = models.BooleanField(default=False)  # an explicit "no change"
    recorded_at = models.DateTimeField()  # from when the board knew
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="values")
    reason = models.TextField(blank=True)
    row = models.PositiveIntegerField(null=True)  # where it stood in its file

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "unit", "element", "day", "version"], name="value_version_once"
            ),
            models.CheckConstraint(
                condition=Q(version=1) | ~Q(reason=""), name="correction_has_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["incident", "element", "day", "unit"]),
        ]


class Case(models.Model):
    """One row of the line list, pseudonymous; versions by (incident, pseudonym, version)."""

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="cases", db_index=False
    )
    unit = models.ForeignKey(
        Unit, on_delete=models.PROTECT, related_name="cases"
    )  # county of residence
    pseudonym = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    onset_day = models.DateField(null=True)
    report_day = models.DateField()  # data day of confirmation
    age_band = models.CharField(max_length=8, blank=True)
    sex = models.CharField(max_length=1, blank=True)
    imported = models.BooleanField(null=True)
    cluster = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=8, blank=True)  # cured, died, void (no case after all)
    outcome_day = models.DateField(null=True)
    recorded_at = models.DateTimeField()
    expires_at = models.DateTimeField()  # retention is set at creation
    synthetic = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="cases")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "pseudonym", "version"], name="case_version_once"
            ),
            models.CheckConstraint(
                condition=Q(version=1) | ~Q(reason=""), name="case_correction_has_reason"
            ),
        ]
        indexes = [models.Index(fields=["incident", "report_day", "unit"])]


class Settlement(models.TextChoices):
    """How a row that was kept aside came to rest."""

    CORRECTED = "corrected", _("corrected and taken")
    DISMISSED = "dismissed", _("dismissed with a reason")


class RowAside(models.Model):
    """A row that could not be taken: kept whole, with what was wrong and what would be right."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="aside")
    unit = models.ForeignKey(
        Unit, null=True, on_delete=models.PROTECT, related_name="+"
    )  # whose row it is, where that could be told; otherwise its sender's
    kind = models.CharField(max_length=8, default="counts")  # counts, cases
    row = models.PositiveIntegerField()
    field = models.CharField(max_length=80, blank=True)
    raw = models.JSONField()
    code = models.CharField(max_length=8)
    params = models.JSONField(default=dict)  # the message's figures: each reader's own language
    message = models.TextField()
    remedy = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    settlement = models.CharField(max_length=12, choices=Settlement, blank=True)
    reason = models.TextField(blank=True)
    replaced_by = models.ForeignKey(
        Submission, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, settlement="")
                | (Q(settled_at__isnull=False) & ~Q(settlement="")),
                name="settled_when_and_how",
            ),
            models.CheckConstraint(
                condition=~Q(settlement="dismissed") | ~Q(reason=""),
                name="dismissal_has_reason",
            ),
        ]


class Absence(models.Model):
    """A known reason why a unit is not heard from (line fault, shift change): help, not blame."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="absences")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)  # half-open
    reason = models.CharField(max_length=200)
    noted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    noted_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["incident", "unit", "since"])]
