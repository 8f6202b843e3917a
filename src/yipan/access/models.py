"""Who is asking: accounts, roles at a place, incidents, and the append-only audit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yipan.access.errors import AuditSealed
from yipan.places.models import Package, Unit


class User(AbstractUser):
    """A person with an account. What they may do is in their grants, never here."""

    email = models.EmailField(_("e-mail"), blank=True)
    display_name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=8, blank=True)  # empty: the installation's own
    demo = models.BooleanField(default=False)  # made by `yipan demo`, cannot exist on a live system

    def __str__(self) -> str:
        return self.display_name or self.username


class Role(models.TextChoices):
    """The eight roles; a role counts only together with the unit it is granted at."""

    FRONT_LINE = "front_line", _("front-line reporter")
    COUNTY_OFFICER = "county_officer", _("county duty officer")
    HEALTH_OFFICER = "health_officer", _("health officer")
    DEPARTMENT = "department", _("department officer")
    ANALYST = "analyst", _("analyst")
    COMMANDER = "commander", _("commander")
    AUDITOR = "auditor", _("auditor")
    ADMINISTRATOR = "administrator", _("administrator")


class Grant(models.Model):
    """One role of one person over one subtree, up to a sensitivity, for a period [from, to).

    Without a unit it covers the whole installation, before any package is loaded: only an
    administrator's grant may be so wide.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=16, choices=Role)
    unit = models.ForeignKey(Unit, null=True, on_delete=models.CASCADE, related_name="grants")
    sensitivity = models.PositiveSmallIntegerField(
        default=1
    )  # 0 public … 3 identifiable health data
    granted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "unit"],
                condition=Q(valid_to__isnull=True),
                name="grant_once",
            ),
            models.CheckConstraint(
                condition=Q(unit__isnull=False) | Q(role="administrator"),
                name="only_administrators_without_unit",
            ),
            models.CheckConstraint(condition=Q(sensitivity__lte=3), name="sensitivity_0_3"),
        ]


class ResponseLevel(models.IntegerChoices):
    """Emergency response levels; I is the gravest."""

    I = 1, "I"  # noqa: E741
    II = 2, "II"
    III = 3, "III"
    IV = 4, "IV"


class Incident(models.Model):
    """One emergency (or exercise): its disease, places, level, and the clock it runs on."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="incidents")
    slug = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120)
    disease = models.CharField(max_length=60)  # key of a parameter set
    places = models.ManyToManyField(
        Unit, related_name="incidents"
    )  # roots of the affected subtrees
    response_level = models.PositiveSmallIntegerField(choices=ResponseLevel)
    exercise = models.BooleanField(default=False)
    activated_at = models.DateTimeField()
    stood_down_at = models.DateTimeField(null=True)
    # An exercise or a demonstration runs on its own clock: board now = clock_at + (now − clock_set_at).
    clock_at = models.DateTimeField(null=True)
    clock_set_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(response_level__gte=1, response_level__lte=4), name="response_level_1_4"
            ),
            models.CheckConstraint(
                condition=Q(clock_at__isnull=True) | Q(exercise=True),
                name="only_exercises_bend_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the language in use."""
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


class IncidentLevelChange(models.Model):
    """A change of an incident's response level, activation and stand-down included."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="level_changes")
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    response_level = models.PositiveSmallIntegerField(null=True)  # null: stood down
    reason = models.TextField()


class Installation(models.Model):
    """The one row that says what this database is: live, or a demonstration."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    demo = models.BooleanField(default=False)
    setup_code_hash = models.CharField(max_length=200, blank=True)
    setup_code_expires_at = models.DateTimeField(null=True)
    setup_code_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_installation")]


class AuditRecord(models.Model):
    """One act, written in the same transaction as the change; never updated, never deleted.

    Triggers in the database refuse UPDATE and DELETE too (migration 0002), so no other program
    with this connection can do it either.
    """

    at = models.DateTimeField()  # on the incident's clock
    recorded_at = models.DateTimeField(db_default=Now())  # on the database's own clock
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    event = models.CharField(max_length=48)  # "order.issued"
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    unit = models.ForeignKey(
        # A record outlives its unit: nothing may be set to null here afterwards.
        Unit,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    incident = models.ForeignKey(Incident, null=True, on_delete=models.PROTECT, related_name="+")
    detail = models.JSONField(default=dict)  # no personal data

    class Meta:
        indexes = [
            models.Index(fields=["event", "at"]),
            models.Index(fields=["object_type", "object_id"]),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new record; an existing one is sealed."""
        if not self._state.adding:
            raise AuditSealed.of(self.pk)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: a record is never deleted."""
        raise AuditSealed.of(self.pk)


class AuditLink(models.Model):
    """One record's place in the chain: its hash covers the record and every link before it.

    Written by a later job, not with the record: a chain grown in the same transaction would let
    only one act happen at a time. Triggers refuse to change or delete a link too.
    """

    record = models.OneToOneField(
        AuditRecord,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="link",
    )
    position = models.PositiveBigIntegerField(unique=True)  # 1, 2, 3 … without a gap
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()


class AuditAnchor(models.Model):
    """The chain's end as it stood on one day, signed; a copy of it lies outside the database."""

    day = models.DateField(unique=True)  # in UTC
    position = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    public_key = models.CharField(max_length=64)  # Ed25519, hexadecimal
    signature = models.CharField(max_length=128)


class Identity(models.Model):
    """Who a pseudonym is: sealed with a key outside the database, apart from all that is said of them.

    Nothing else in the database names a person; registers, cases and statuses carry the pseudonym.
    """

    purpose = models.CharField(max_length=24)  # the same person has another pseudonym for another
    pseudonym = models.CharField(max_length=26)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    sealed = models.BinaryField()  # empty once erased
    key_id = models.CharField(max_length=16)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose", "pseudonym"], name="pseudonym_once"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("recorded_at")), name="identity_expires"
            ),
        ]
        indexes = [models.Index(fields=["expires_at"])]


class EventKind(models.TextChoices):
    """What can be the ground of a person's status: found by a health service, never a department's wish."""

    POSITIVE_TEST = "positive_test", _("positive test")
    CONTACT = "contact", _("contact with a case")
    EXPOSURE = "exposure", _("stay at a place with spread")


class HealthEvent(models.Model):
    """One registered epidemiological event of one person, with its evidence."""

    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="events")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=EventKind)
    occurred_on = models.DateField()  # last contact, last day of the stay, day of the sample
    evidence = models.JSONField()  # what kind of event needs: no identifiers
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")


class PersonStatus(models.Model):
    """What one person must do, by one rule, because of one event, until one moment."""

    event = models.OneToOneField(HealthEvent, on_delete=models.PROTECT, related_name="status")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=32)  # key of STATUS_RULES
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    end_reason = models.CharField(max_length=200, blank=True)
    slip_digest = models.CharField(max_length=64, unique=True)  # of the code on the person's slip

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("set_at")), name="status_expires"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="status_ended_by_somebody",
            ),
        ]


class Appeal(models.Model):
    """A person's objection to their own status, and the ruling it must get within a day."""

    status = models.ForeignKey(PersonStatus, on_delete=models.PROTECT, related_name="appeals")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    text = models.TextField()
    due_at = models.DateTimeField()
    ruled_at = models.DateTimeField(null=True)
    ruled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    upheld = models.BooleanField(null=True)  # true: the person was right, the status was wrong
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(ruled_at__isnull=True), name="one_open_appeal"
            ),
            models.CheckConstraint(
                condition=Q(ruled_at__isnull=True, ruled_by__isnull=True, upheld__isnull=True)
                | Q(ruled_at__isnull=False, ruled_by__isnull=False, upheld__isnull=False),
                name="ruled_by_somebody",
            ),
        ]


class CodeKind(models.TextChoices):
    """Two ways back into an account; what each may do differs (see access/recovery)."""

    RECOVERY = "recovery", _("recovery code")  # held by the person: a new password, nothing more
    RESET = "reset", _("reset code")  # from an administrator: also removes second factors


class RecoveryCode(models.Model):
    """A one-time code that lets a person set a new password; only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    kind = models.CharField(max_length=8, choices=CodeKind)
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)


class Attempts(models.Model):
    """Failed sign-ins of one account or one address; held here so that all processes agree."""

    key = models.CharField(
        max_length=80, primary_key=True
    )  # "account:<digest>", "address:<digest>"
    failures = models.PositiveSmallIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)
    locks = models.PositiveSmallIntegerField(default=0)


class ApiToken(models.Model):
    """A machine's key to the API in one person's name: narrower than the person, never wider."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    actions = models.JSONField()  # the acts it may do, out of those its person may
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
