"""What was decided: one matter, one order, one accountable unit for each delivery."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yipan.access.models import Incident, User
from yipan.places.models import Level, Unit
from yipan.plan.models import Signature
from yipan.report.dictionary import in_language


class Priority(models.IntegerChoices):
    """How soon a person must acknowledge: 15 min, 60 min, 4 h, 24 h."""

    P0 = 0, "P0"
    P1 = 1, "P1"
    P2 = 2, "P2"
    P3 = 3, "P3"


class OrderState(models.TextChoices):
    """An order's own life; its deliveries have theirs."""

    DRAFT = "draft", pgettext_lazy("state", "draft")
    HELD = "held", pgettext_lazy("state", "held for undo")
    ISSUED = "issued", pgettext_lazy("state", "issued")
    WITHDRAWN = "withdrawn", pgettext_lazy("state", "withdrawn")


class DeliveryState(models.TextChoices):
    """Where one delivery stands. Overdue is computed, never a state."""

    ISSUED = "issued", pgettext_lazy("state", "issued")
    DELIVERED = "delivered", pgettext_lazy("state", "delivered")
    ACKNOWLEDGED = "acknowledged", pgettext_lazy("state", "acknowledged")
    ACCEPTED = "accepted", pgettext_lazy("state", "accepted")
    RETURNED = "returned", pgettext_lazy("state", "returned")
    IN_PROGRESS = "in_progress", pgettext_lazy("state", "in progress")
    CLAIMED_DONE = "claimed_done", pgettext_lazy("state", "claimed done")
    VERIFIED = "verified", pgettext_lazy("state", "verified")
    CLOSED = "closed", pgettext_lazy("state", "closed")
    REASSIGNED = "reassigned", pgettext_lazy("state", "reassigned")
    SUPERSEDED = "superseded", pgettext_lazy("state", "superseded")
    CANCELLED = "cancelled", pgettext_lazy("state", "cancelled")


class Order(models.Model):
    """One matter to be done, where it came from, and by when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="orders")
    matter = models.SlugField(max_length=48)  # e.g. "workplaces"
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    body_zh = models.TextField()
    body_en = models.TextField()
    closure_zh = models.CharField(max_length=300)  # the one test by which it is closed
    closure_en = models.CharField(max_length=300)
    priority = models.PositiveSmallIntegerField(choices=Priority)
    state = models.CharField(max_length=12, choices=OrderState)
    signature = models.ForeignKey(
        Signature, null=True, on_delete=models.PROTECT, related_name="orders"
    )
    source = models.JSONField(default=dict)  # option, paragraph …: where it came from
    issuer = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    post_zh = models.CharField(max_length=120, blank=True)  # the duty post that must read it
    post_en = models.CharField(max_length=120, blank=True)
    elements = models.JSONField(default=list)  # data elements the order asks for, by id
    closure_check = models.JSONField(
        default=dict
    )  # {"kind": "value", "element": …} where a machine can tell
    drafted_at = models.DateTimeField()
    drafted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    issued_at = models.DateTimeField(null=True)
    issued_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True)  # clocks start here
    withdrawn_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # by when it must be done
    due_minutes = models.PositiveIntegerField(null=True)  # or: so long after its release
    exercise = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(priority__lte=3), name="priority_0_3"),
            models.CheckConstraint(
                condition=Q(issued_at__isnull=True, issued_by__isnull=True)
                | Q(issued_at__isnull=False, issued_by__isnull=False),
                name="issued_by_and_at_together",
            ),
        ]
        indexes = [models.Index(fields=["incident", "state", "released_at"])]

    @property
    def title(self) -> str:
        """The title in the language in use."""
        return in_language(self.title_zh, self.title_en)

    @property
    def body(self) -> str:
        """The text in the language in use."""
        return in_language(self.body_zh, self.body_en)

    @property
    def closure(self) -> str:
        """The closure test in the language in use."""
        return in_language(self.closure_zh, self.closure_en)

    @property
    def post(self) -> str:
        """The duty post in the language in use."""
        return in_language(self.post_zh, self.post_en)


class Target(models.Model):
    """For whom an order is meant: one unit, or every unit of one level below it.

    The deliveries are written from this in one statement when the order is released.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="targets")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=Level, blank=True)  # empty: the unit itself

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "unit", "level"], name="target_once")
        ]


class ReturnReason(models.TextChoices):
    """Why a unit gives an order back; there is no other reason."""

    WRONG_UNIT = "wrong_unit", _("another unit should have it")
    DUPLICATE = "duplicate", _("it repeats an order already here")
    LACKS_MEANS = "lacks_means", _("the means are lacking")
    UNLAWFUL = "unlawful", _("it is against the law")


class Delivery(models.Model):
    """An order at its one accountable unit."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="deliveries", db_constraint=False
    )
    unit = models.ForeignKey(
        Unit, on_delete=models.PROTECT, related_name="deliveries", db_constraint=False
    )
    state = models.CharField(max_length=12, choices=DeliveryState)
    acknowledge_by = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    return_reason = models.CharField(max_length=12, choices=ReturnReason, blank=True)
    belongs_to = models.ForeignKey(  # who should have it, in the words of the unit that returned it
        Unit, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    accepted_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "unit"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True, return_reason="")
                | (Q(returned_at__isnull=False) & ~Q(return_reason="")),
                name="returned_when_and_why",
            ),
        ]
        indexes = [models.Index(fields=["unit", "state"]), models.Index(fields=["state", "due_at"])]


class DeliveryEvent(models.Model):
    """One step of one delivery; the client key makes a replayed act harmless."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="events", db_constraint=False
    )
    act = models.CharField(max_length=16)
    at = models.DateTimeField()  # the incident's clock, read on the server
    device_at = models.DateTimeField(null=True)  # pressed while there was no network
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12)
    note = models.TextField(blank=True)
    client_key = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["delivery", "at"]), models.Index(fields=["at"])]


class Outbox(models.Model):
    """A message to be sent by a channel, written in the same transaction as what it tells."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="outbox", db_constraint=False
    )
    channel = models.CharField(max_length=16)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "channel"], name="outbox_once")]
