"""What was decided: one matter, one order, one accountable unit for each delivery."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
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
    SUPERSEDED = "superseded", pgettext_lazy("state", "superseded")


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
    second_at = models.DateTimeField(null=True)  # a P0's second signature, by another hand
    second_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveSmallIntegerField(default=1)
    amends = models.ForeignKey(  # the version before this one
        "self", null=True, on_delete=models.PROTECT, related_name="amendments"
    )
    duplicate_reason = models.TextField(blank=True)  # why it is sent although a like one is out

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(priority__lte=3), name="priority_0_3"),
            models.CheckConstraint(
                condition=Q(second_at__isnull=True, second_by__isnull=True)
                | Q(second_at__isnull=False, second_by__isnull=False),
                name="second_by_and_at_together",
            ),
            models.CheckConstraint(
                condition=Q(second_by__isnull=True)
                | Q(issued_by__isnull=True)
                | ~Q(second_by=F("issued_by")),
                name="two_hands_sign",
            ),
            models.CheckConstraint(
                condition=Q(amends__isnull=True, version=1)
                | Q(amends__isnull=False, version__gt=1),
                name="amendment_is_a_later_version",
            ),
            models.CheckConstraint(
                condition=Q(issued_at__isnull=True, issued_by__isnull=True)
                | Q(issued_at__isnull=False, issued_by__isnull=False),
                name="issued_by_and_at_together",
            ),
        ]
        indexes = [models.Index(fields=["incident", "state", "released_at"])]

    @property
    def title(self) -> str:
        """The title in the language in use, or in the only one it is written in."""
        return in_language(self.title_zh or self.title_en, self.title_en or self.title_zh)

    @property
    def body(self) -> str:
        """The text in the language in use, or in the only one it is written in."""
        return in_language(self.body_zh or self.body_en, self.body_en or self.body_zh)

    @property
    def closure(self) -> str:
        """The closure test in the language in use, or in the only one it is written in."""
        return in_language(self.closure_zh or self.closure_en, self.closure_en or self.closure_zh)

    @property
    def post(self) -> str:
        """The duty post in the language in use."""
        return in_language(self.post_zh or self.post_en, self.post_en or self.post_zh)

    @property
    def missing(self) -> str:
        """The language, of zh and en, in which the order's words are not written; empty for neither."""
        for code, texts in (
            ("zh", (self.title_zh, self.body_zh, self.closure_zh)),
            ("en", (self.title_en, self.body_en, self.closure_en)),
        ):
            if not all(texts):
                return code
        return ""

    @property
    def only_elsewhere(self) -> bool:
        """Whether the words are missing in the language in use, so that the other's are shown."""
        return self.missing == in_language("zh", "en")


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
    # The indexes below begin with these two; indexes of their own would double a fan-out's work.
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    unit = models.ForeignKey(
        Unit,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    state = models.CharField(max_length=12, choices=DeliveryState)
    acknowledge_by = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    return_reason = models.CharField(max_length=12, choices=ReturnReason, blank=True)
    belongs_to = models.ForeignKey(  # who should have it, in the words of the unit that returned it
        Unit,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    accepted_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # The unit first: an inbox is read by it. Three indexes, not four: each costs a fan-out.
            models.UniqueConstraint(fields=["unit", "order"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True, return_reason="")
                | (Q(returned_at__isnull=False) & ~Q(return_reason="")),
                name="returned_when_and_why",
            ),
        ]
        indexes = [models.Index(fields=["order", "state"], name="delivery_by_order")]


class DeliveryEvent(models.Model):
    """One step of one delivery; the client key makes a replayed act harmless."""

    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        related_name="events",
        db_constraint=False,
        db_index=False,
    )
    act = models.CharField(max_length=16)
    at = models.DateTimeField()  # the incident's clock, read on the server
    device_at = models.DateTimeField(null=True)  # pressed while there was no network
    actor = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12)
    note = models.TextField(blank=True)
    client_key = models.CharField(max_length=64)

    class Meta:
        # A constraint, not unique=True: that would bring a second index for LIKE on PostgreSQL.
        constraints = [models.UniqueConstraint(fields=["client_key"], name="event_key_once")]
        indexes = [models.Index(fields=["delivery", "at"]), models.Index(fields=["at"])]


class Notice(models.TextChoices):
    """What a message tells."""

    DELIVERED = "delivered", _("a new order")
    UNREAD = "unread", _("reminder: not read yet")
    DUE = "due", _("reminder: due soon")
    ESCALATED = "escalated", _("an order below waits for help")
    RETURNED = "returned", _("an order was given back")
    CLAIMED = "claimed", _("an order was reported done")
    CHANGED = "changed", _("an order changed its course")
    WITHDRAWN = "withdrawn", _("an order no longer stands")


class Outbox(models.Model):
    """A message to be sent by a channel, written in the same transaction as what it tells."""

    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        related_name="outbox",
        db_constraint=False,
        db_index=False,
    )
    unit = models.ForeignKey(  # who is told: the accountable unit, an office above, the issuer
        Unit, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    channel = models.CharField(max_length=16)
    kind = models.CharField(  # a Notice; of a webhook also the act of the step it tells
        max_length=12, choices=Notice, default=Notice.DELIVERED
    )
    step = models.PositiveSmallIntegerField(default=0)  # the how-many-eth of its kind
    address = models.CharField(max_length=200, blank=True)  # where the channel sends it
    queued_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)  # not to be tried before
    claimed_by = models.CharField(max_length=40, blank=True)  # the worker that has it in hand
    claimed_until = models.DateTimeField(null=True)  # then another worker may take it
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "channel", "kind", "step", "unit"], name="outbox_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["channel", "next_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="outbox_waiting",
            )
        ]


class InboxRevision(models.Model):
    """How often the inboxes of a unit have changed; written with each change, in its transaction.

    What a process remembers of an inbox holds while these numbers stand still. They only rise, and the
    row's own lock keeps two writers in order; the latest ids would not do: they can commit out of order.
    """

    unit = models.ForeignKey(
        Unit, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    below = models.BooleanField()  # of every unit below it and itself; else of this unit alone
    n = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "below"], name="revision_once")]


class Attempt(models.Model):
    """One try of a channel to send one message, and how it ended."""

    outbox = models.ForeignKey(
        Outbox, on_delete=models.CASCADE, related_name="tries", db_constraint=False
    )
    at = models.DateTimeField()
    worker = models.CharField(max_length=40)
    sent = models.BooleanField()
    error = models.TextField(blank=True)


class Breaker(models.Model):
    """A channel that failed too often in a row is left alone for a while, by every worker."""

    channel = models.CharField(max_length=16, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    open_until = models.DateTimeField(null=True)


class Minutes(models.Model):
    """The words of a meeting's decisions as they came in; each order names its paragraph."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="minutes")
    title = models.CharField(max_length=200)
    said_at = models.DateTimeField()  # "tonight" and "tomorrow" count from here
    paragraphs = models.JSONField()  # [text, …] in their order
    file_name = models.CharField(max_length=255, blank=True)
    digest = models.CharField(max_length=64)
    taken_at = models.DateTimeField()
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)  # a person has confirmed the orders

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "digest"], name="minutes_once")]


class Annex(models.Model):
    """What an office between issuer and unit adds: never an earlier deadline, never a data field."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="annexes")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")


class Answer(models.TextChoices):
    """What an office above does about a late order: one of these, or it goes one office up."""

    EXTEND = "extend", _("more time given")
    ASSIST = "assist", _("help sent")
    REASSIGN = "reassign", _("given to another unit")
    MOOT = "moot", _("answered by the unit meanwhile")


class Escalation(models.Model):
    """A late order brought before an office above; attention moves, accountability does not."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="escalations", db_constraint=False
    )
    kind = models.CharField(max_length=8, choices=[("unread", "unread"), ("undone", "undone")])
    step = models.PositiveSmallIntegerField()  # 1: the parent; 2: its parent …
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    answer_by = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=8, choices=Answer, blank=True)
    answered_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "kind", "step"], name="escalation_once"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="")
                | (Q(answered_at__isnull=False) & ~Q(answer="")),
                name="answered_when_and_how",
            ),
        ]
        indexes = [
            models.Index(
                fields=["unit", "answer_by"],
                condition=Q(answered_at__isnull=True),
                name="escalation_open",
            )
        ]


class Assist(models.Model):
    """Help that an office above sends to the unit that stays accountable."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="assists", db_constraint=False
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")  # who helps
    text = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")


class DutyHours(models.Model):
    """When a unit and all below it are on duty; only P3 clocks follow it, the others never stop."""

    unit = models.OneToOneField(Unit, on_delete=models.CASCADE, related_name="duty_hours")
    opens = models.TimeField()
    closes = models.TimeField()
    weekdays = models.JSONField(default=list)  # 0 Monday … 6 Sunday
    holidays = models.JSONField(default=list)  # ISO days

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(opens__lt=F("closes")), name="opens_before_closes")
        ]


class Outage(models.Model):
    """A line known to be down: the clocks of the units below stand still and the next channel is used."""

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="outages")
    channel = models.CharField(max_length=16, blank=True)  # empty: nothing reaches them
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)  # half-open; open while not yet mended
    reason = models.CharField(max_length=200)
    declared_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["unit", "since"])]


class Contact(models.Model):
    """Where a duty post can be reached by one channel; a post, never a person's private number."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="contacts")
    channel = models.CharField(max_length=16)
    address = models.CharField(max_length=200)
    rank = models.PositiveSmallIntegerField(default=1)  # 1 is tried first
    post = models.CharField(max_length=120, blank=True)
    secret = models.CharField(max_length=64, blank=True)  # signs what a webhook is sent

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "channel", "address"], name="contact_once")
        ]


class Shift(models.Model):
    """Who is on duty at a unit, from when to when."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="shifts")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="shifts")
    start = models.DateTimeField()
    end = models.DateTimeField()  # half-open
    handed_over_at = models.DateTimeField(null=True)
    handed_over_to = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    handover = models.TextField(blank=True)  # what the next shift must know

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="shift_has_length"),
            models.CheckConstraint(
                condition=Q(handed_over_at__isnull=True) | ~Q(handover=""),
                name="handover_says_something",
            ),
        ]
        indexes = [models.Index(fields=["unit", "start"])]


class Call(models.Model):
    """A telephone call from the duty room: by whom, to which post, when, what was said."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="calls", db_constraint=False
    )
    caller = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reached = models.CharField(max_length=120, blank=True)  # which post answered; empty: nobody
    note = models.TextField(blank=True)
