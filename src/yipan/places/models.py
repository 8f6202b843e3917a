"""The board itself: the tree of units, its people, boundaries and links, as one loaded data package."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Package(models.Model):
    """A province data package as it was loaded."""

    name = models.SlugField(max_length=80, unique=True)
    version = models.CharField(max_length=40)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64)
    publication_hour = models.PositiveSmallIntegerField(default=8)
    level_names = models.JSONField(default=dict)  # level -> {"zh": …, "en": …}
    sources = models.JSONField(default=list)  # [{"title", "publisher", …}]
    notes = models.JSONField(default=dict)  # {"zh": [...], "en": [...]}: what the data do not say
    parameters = models.JSONField(
        default=dict
    )  # small package-wide tables that stages read (events …)
    digest = models.CharField(max_length=64)  # sha256 over the package's files
    loaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class ContactTables(models.Model):
    """A package's contact matrices: apart, because every page reads its package and none the matrices."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="contact_tables")
    by_area = models.JSONField()  # area -> setting -> [age of participant][age of contact]


class Level(models.TextChoices):
    """Levels of the tree, from the top; a package gives its own names for them."""

    PROVINCE = "province", _("province")
    CITY = "city", _("city")
    COUNTY = "county", _("county")
    TOWNSHIP = "township", _("township")
    VILLAGE = "village", _("village or neighbourhood")
    FACILITY = "facility", _("facility")


class Unit(models.Model):
    """A node of the tree: an administrative unit or a facility. Integer nested set (lft, rgt)."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="units")
    code = models.CharField(max_length=32)
    level = models.CharField(max_length=12, choices=Level)
    kind = models.CharField(
        max_length=24
    )  # county: district, county, city; facility: hospital, school …
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    lft = models.PositiveIntegerField()
    rgt = models.PositiveIntegerField()
    depth = models.PositiveSmallIntegerField()
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)  # half-open
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    population = models.PositiveBigIntegerField(null=True)
    area_km2 = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    reports = models.BooleanField(default=False)  # owes a daily report
    synthetic = models.BooleanField(default=False)  # invented for a demonstration

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "code"], name="unit_code_once"),
            models.CheckConstraint(condition=Q(lft__lt=F("rgt")), name="unit_lft_before_rgt"),
        ]
        indexes = [
            models.Index(fields=["package", "lft", "rgt"]),
            models.Index(fields=["package", "level", "code"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name_en}"

    @property
    def name(self) -> str:
        """The name in the language in use."""
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


class AgePopulation(models.Model):
    """People of one unit in one of 16 five-year age groups (15 is 75 and over)."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="ages")
    age_group = models.PositiveSmallIntegerField()
    population = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "age_group"], name="age_once"),
            models.CheckConstraint(condition=Q(age_group__lte=15), name="age_group_0_15"),
        ]


class Figure(models.Model):
    """One published figure of a unit: beds, value added of a sector, nurses …"""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="figures")
    name = models.CharField(max_length=64)
    period = models.CharField(max_length=16)
    value = models.FloatField()
    unit_of_measure = models.CharField(max_length=32)
    source = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "name", "period"], name="figure_once")
        ]


class Adjacency(models.Model):
    """Two units that touch; stored once, a before b by code."""

    a = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    b = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    border_km = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["a", "b"], name="adjacency_once")]


class TravelLink(models.Model):
    """Expected trips per day from one unit to another, by a named model or survey."""

    origin = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    destination = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    trips_per_day = models.FloatField()
    basis = models.CharField(max_length=40)  # "radiation model", "gravity model", a survey's name

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["origin", "destination"], name="travel_link_once"),
            models.CheckConstraint(condition=Q(trips_per_day__gte=0), name="travel_not_negative"),
        ]


class Topology(models.Model):
    """The package's boundaries as one TopoJSON text (objects `counties` and `cities`, id = code)."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="topology")
    body = models.TextField()
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=200)
    rights_zh = models.TextField()
    rights_en = models.TextField()


class PublishedCount(models.Model):
    """A count the authority published for one data day, as the package carries it (facts, cumulative)."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="published")
    day = models.DateField()
    known_from = models.DateTimeField()
    confirmed = models.PositiveIntegerField()
    cured = models.PositiveIntegerField(null=True)
    deaths = models.PositiveIntegerField(null=True)
    source = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "day", "source"], name="published_once")
        ]
