"""What was decided: one matter, one order, one accountable unit for each delivery."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident, User
from yipan.places.models import Unit
from yipan.plan.models import Signature


class Priority(models.IntegerChoices):
    """How soon a person must acknowledge: 15 min, 60 min, 4 h, 24 h."""

    P0 = 0, "P0"
    P1 = 1, "P1"
    P2 = 2, "P2"
    P3 = 3, "P3"


class OrderState(models.TextChoices):
    """An order's own life; its deliveries have theirs."""

    DRAFT = "draft", _("draft")
    HELD = "held", _("held for undo")
    ISSUED = "issued", _("issued")
    WITHDRAWN = "withdrawn", _("withdrawn")


class DeliveryState(models.TextChoices):
    """Where one delivery stands. Overdue is computed, never a state."""

    ISSUED = "issued", _("issued")
    DELIVERED = "delivered", _("delivered")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")
    ACCEPTED = "accepted", _("accepted")
    RETURNED = "returned", _("returned")
    IN_PROGRESS = "in_progress", _("in progress")
    CLAIMED_DONE = "claimed_done", _("claimed done")
    VERIFIED = "verified", _("verified")
    CLOSED = "closed", _("closed")
    REASSIGNED = "reassigned", _("reassigned")
    SUPERSEDED = "superseded", _("superseded")
    CANCELLED = "cancelled", _("cancelled")


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
    drafted_at = models.DateTimeField()
    drafted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    issued_at = models.DateTimeField(null=True)
    issued_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True)  # clocks start here
    withdrawn_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # by when it must be done
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
        return self.title_zh if (get_language() or "").startswith("zh") else self.title_en

    @property
    def body(self) -> str:
        """The text in the language in use."""
        return self.body_zh if (get_language() or "").startswith("zh") else self.body_en

    @property
    def closure(self) -> str:
        """The closure test in the language in use."""
        return self.closure_zh if (get_language() or "").startswith("zh") else self.closure_en


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
    accepted_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "unit"], name="delivery_once")]
        indexes = [models.Index(fields=["unit", "state"]), models.Index(fields=["state", "due_at"])]


class DeliveryEvent(models.Model):
    """One step of one delivery; the client key makes a replayed act harmless."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="events", db_constraint=False
    )
    at = models.DateTimeField()
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12)
    note = models.TextField(blank=True)
    client_key = models.CharField(max_length=64, unique=True)


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
