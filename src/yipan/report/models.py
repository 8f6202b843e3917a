"""What came in: submissions, values as versions, the line list, and rows kept aside."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident, User
from yipan.places.models import Unit
from yipan.report.dictionary import in_language


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
    text = models.TextField(blank=True, db_default="")  # of an element answered in words (value 1)
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


# --- report once: the dictionary, requests, rulings, the one form


class Measure(models.TextChoices):
    """What kind of quantity an element is."""

    STOCK = "stock", _("stock")
    FLOW = "flow", _("flow")
    CUM = "cum", _("running total")
    RATE = "rate", _("rate")
    PRICE = "price", _("price")
    NEED = "need", _("need")
    TEXT = "text", _("text")
    LIST = "list", _("list")
    ATTR = "attr", _("attribute")
    DATE = "date", _("date")
    FLAG = "flag", _("yes or no")


class DataElement(models.Model):
    """One version of one element of the dictionary; the id never changes its meaning."""

    package = models.ForeignKey(
        "places.Package", on_delete=models.CASCADE, related_name="elements", db_index=False
    )
    element = models.CharField(max_length=48)
    version = models.PositiveIntegerField(default=1)
    label_zh = models.CharField(max_length=120)
    label_en = models.CharField(max_length=120)
    definition_zh = models.TextField(blank=True)
    definition_en = models.TextField(blank=True)
    concept = models.CharField(max_length=80)
    population = models.CharField(max_length=120, default="all")
    measure = models.CharField(max_length=8, choices=Measure)
    time_basis = models.CharField(max_length=8)  # instant, interval
    level = models.CharField(max_length=24, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    cutoff = models.CharField(max_length=16, blank=True)
    disaggregation = models.JSONField(default=list)
    source = models.CharField(max_length=12, blank=True)  # empty: it may be asked
    ask_period = models.CharField(max_length=8, blank=True)
    formula = models.CharField(max_length=400, blank=True)
    system = models.CharField(max_length=40, blank=True)
    owner = models.CharField(max_length=80, blank=True)
    freshness = models.CharField(max_length=16, blank=True)
    sensitivity = models.PositiveSmallIntegerField(default=0)
    legal_basis = models.CharField(max_length=200, blank=True)
    retention_days = models.PositiveIntegerField(null=True)
    reason_zh = models.TextField(blank=True)
    reason_en = models.TextField(blank=True)
    relevant = models.CharField(max_length=400, blank=True, db_default="")  # when it is asked
    decimals = models.PositiveSmallIntegerField(default=0, db_default=0)
    recorded_at = models.DateTimeField()  # from when this version counts
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "element", "version"], name="element_version_once"
            ),
            models.CheckConstraint(condition=Q(sensitivity__lte=3), name="element_sensitivity_0_3"),
        ]


class UnitConversion(models.Model):
    """What one unit of measure is in another, with its source or the assumption shown beside the value."""

    package = models.ForeignKey(
        "places.Package", on_delete=models.CASCADE, related_name="conversions"
    )
    source_unit = models.CharField(max_length=40)
    target_unit = models.CharField(max_length=40)
    factor = models.FloatField()
    note = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(factor__gt=0), name="conversion_positive"),
        ]


class RequestState(models.TextChoices):
    """Where a request for data stands."""

    DRAFT = "draft", _("draft")
    CHECKED = "checked", _("checked")
    RULING = "ruling", _("waits for a ruling")
    REJECTED = "rejected", _("rejected")
    ACTIVE = "active", _("active")
    EXPIRING = "expiring", _("expiring")
    CLOSED = "closed", _("closed")


class DataRequest(models.Model):
    """What one department asks for, for which decision, until when."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="data_requests")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")  # of whose subtree
    code = models.CharField(max_length=24)
    department_zh = models.CharField(max_length=80)
    department_en = models.CharField(max_length=80)
    title_zh = models.CharField(max_length=160)
    title_en = models.CharField(max_length=160)
    purpose = models.TextField(blank=True)
    decision = models.TextField(blank=True)  # the decision it serves
    legal_basis = models.CharField(max_length=200, blank=True)
    level = models.CharField(max_length=24)  # of the units that answer
    frequency = models.CharField(max_length=8, default="daily")
    cutoff = models.CharField(max_length=16, blank=True)
    deadline = models.CharField(max_length=16, blank=True)
    statutory = models.BooleanField(default=False)  # a freeze does not stop it
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.DRAFT)
    sunset_on = models.DateField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    active_from = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_reason = models.TextField(blank=True)
    minutes_alone = models.FloatField(default=0)  # of a unit's day, were the form sent apart
    minutes_added = models.FloatField(default=0)  # that it adds to the one page
    template = models.BinaryField(
        null=True
    )  # the department's own workbook, filled by its cell map
    cell_map = models.JSONField(
        default=dict
    )  # {"sheet", "first_row", "unit", "columns": {field: letter}}

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "code"], name="request_code_once"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | ~Q(closed_reason=""),
                name="request_closed_with_reason",
            ),
        ]

    @property
    def title(self) -> str:
        """The title in the language in use."""
        return in_language(self.title_zh, self.title_en)

    @property
    def department(self) -> str:
        """The department in the language in use."""
        return in_language(self.department_zh, self.department_en)


class Ruled(models.TextChoices):
    """How a field that waited was ruled on."""

    SAME = "same", _("it is the element as it stands")
    NEW = "new", _("it becomes an element of its own")
    REJECT = "reject", _("it is not asked")


class RequestedField(models.Model):
    """One field of a request: its labels, and what the requester confirmed of it."""

    request = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="fields")
    position = models.PositiveIntegerField()
    code = models.CharField(max_length=24)
    label_zh = models.CharField(max_length=160)
    label_en = models.CharField(max_length=160)
    concept = models.CharField(max_length=80)
    population = models.CharField(max_length=120, default="all")
    measure = models.CharField(max_length=8, choices=Measure)
    time_basis = models.CharField(max_length=8)
    unit = models.CharField(max_length=40, blank=True)
    cutoff = models.CharField(max_length=16, blank=True)
    definition = models.TextField(blank=True)
    # A conflict goes to a ruling with a clock; the ruling is published.
    asked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    ruled_at = models.DateTimeField(null=True)
    ruled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    ruling = models.CharField(max_length=8, choices=Ruled, blank=True)
    ruling_reason = models.TextField(blank=True)
    ruled_element = models.CharField(max_length=48, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "code"], name="field_code_once"),
            models.CheckConstraint(
                condition=Q(ruling="", ruled_at__isnull=True)
                | (~Q(ruling="") & Q(ruled_at__isnull=False) & ~Q(ruling_reason="")),
                name="ruling_has_when_and_why",
            ),
        ]

    @property
    def label(self) -> str:
        """The label in the language in use."""
        return in_language(self.label_zh, self.label_en)


class Freeze(models.Model):
    """From when to when all requests without a statutory flag are suspended."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="freezes")
    since = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    until = models.DateTimeField(null=True)  # half-open; thawed
    thawed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident"], condition=Q(until__isnull=True), name="one_freeze_at_a_time"
            ),
        ]


class MergedForm(models.Model):
    """The one form of one level and day: fixed when the day begins, kept for ever."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="merged_forms")
    level = models.CharField(max_length=24)
    day = models.DateField()
    made_at = models.DateTimeField()
    cutoff = models.CharField(max_length=16)
    daily = models.JSONField(default=list)  # [{"id", "version", "used_by": {code: fields}}]
    weekly = models.JSONField(default=list)
    fields = models.JSONField(default=list)  # lineage: how each requested field is met
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "level", "day"], name="merged_form_once"),
        ]


# --- registers


class Register(models.TextChoices):
    """Which register an event is of."""

    PERSON = "person", _("persons")
    PLACE = "place", _("places")
    STOCK = "stock", _("stock")


class RegisterEvent(models.Model):
    """One thing that happened: what it changes, by how much, when it happened and when we learnt it.

    Nothing is overwritten: a wrong event is voided by another, which says why. So any cut-off, any
    population and any moment of knowledge is a query.
    """

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="register_events", db_index=False
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", db_index=False)
    register = models.CharField(max_length=6, choices=Register)
    concept = models.CharField(max_length=80)  # of the element that it changes
    change = models.FloatField()  # +1 a person begins, −1 a person ends; a quantity of stock
    subject = models.CharField(
        max_length=64, blank=True
    )  # pseudonym of the person, code of the place
    populations = models.CharField(max_length=240, blank=True, default="")  # "|students|poor|"
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # of an event about a person
    voids = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="voided_by")
    reason = models.TextField(blank=True)
    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="register_events"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(voids__isnull=True) | ~Q(reason=""), name="void_has_reason"
            ),
            models.UniqueConstraint(
                fields=["voids"], condition=Q(voids__isnull=False), name="event_voided_once"
            ),
        ]
        indexes = [models.Index(fields=["incident", "concept", "occurred_at", "unit"])]


class TableRelease(models.Model):
    """One delivery of a department's table: what was known when it was made, and what it covered."""

    request = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="releases")
    day = models.DateField()
    known_at = models.DateTimeField()
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    format = models.CharField(max_length=8)
    units = models.PositiveIntegerField()
    cells = models.PositiveIntegerField()  # filled
    elements = models.JSONField(default=list)  # asked elements that it rests on

    class Meta:
        indexes = [models.Index(fields=["request", "known_at"])]


class TableHook(models.Model):
    """A department's machine that is told of each release of its table; each has a secret of its own."""

    request = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="hooks")
    address = models.CharField(max_length=300)
    secret = models.CharField(max_length=64)  # signs what is sent
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "address"],
                condition=Q(ended_at__isnull=True),
                name="hook_address_once",
            ),
        ]


class TableNotice(models.Model):
    """One notice of one release to one hook: written with the release, sent by the worker."""

    hook = models.ForeignKey(TableHook, on_delete=models.CASCADE, related_name="notices")
    release = models.ForeignKey(TableRelease, on_delete=models.CASCADE, related_name="notices")
    made_at = models.DateTimeField()  # on the system's clock, as all of these
    due_at = models.DateTimeField(null=True)  # null: nothing more to do
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hook", "release"], name="notice_once"),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(due_at__isnull=True), name="sent_is_done"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="notice_due")
        ]


# --- rooms that hold their own records: Django finds an application's models through this module

from yipan.report.contacts.models import CasePerson, Contact, Exposure, Link, Visit  # noqa: E402, F401
from yipan.report.duplicates.models import Decision, Pair  # noqa: E402, F401
from yipan.report.laboratory.models import SpecimenEvent  # noqa: E402, F401
from yipan.report.quarantine.models import Capacity, Site, Stay  # noqa: E402, F401
from yipan.report.review.models import Review  # noqa: E402, F401
