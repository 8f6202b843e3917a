"""Every read of the board and every set-based write to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, Model, Q, QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from scipy.sparse import csr_array

from yipan.kernel.time import BoardTime
from yipan.places.errors import UnitNotFound
from yipan.places.models import (
    Adjacency,
    AgePopulation,
    ContactTables,
    Figure,
    Level,
    Package,
    PublishedCount,
    Topology,
    TravelLink,
    Unit,
)
from yipan.places.schema import AGE_GROUPS, SETTINGS

M = TypeVar("M", bound=Model)

CARRIED = ":carried"
"""Ends the source of a published count that nobody published: the last total stands."""


# --- the package


def packages() -> QuerySet[Package]:
    """Return the loaded packages, the latest first."""
    return Package.objects.order_by("-loaded_at", "-pk")


def current_package() -> Package | None:
    """Return the package the board shows: the one loaded last, or None on an empty board."""
    return packages().first()


def package_named(name: str) -> Package | None:
    """Return the package of that name, or None."""
    return Package.objects.filter(name=name).first()


def board_time(package: Package) -> BoardTime:
    """Return the package's time conventions: its zone and its hour of publication."""
    return BoardTime(ZoneInfo(package.time_zone), package.publication_hour)


def contacts(package: Package, area: str = "overall") -> dict[str, NDArray[np.float64]]:
    """Return mean contacts per day [age of participant, age of contact] by setting; empty if not given."""
    kept = ContactTables.objects.filter(package=package).first()
    tables = kept.by_area.get(area, {}) if kept is not None else {}
    return {s: np.array(tables[s], dtype=np.float64) for s in SETTINGS if s in tables}


# --- the tree


def units(package: Package, *, level: str | None = None, on: date | None = None) -> QuerySet[Unit]:
    """Return units in the order of the tree, those of one level and in being on a day if asked."""
    found = Unit.objects.filter(package=package).order_by("lft")
    if level is not None:
        found = found.filter(level=level)
    return found.filter(in_being(on)) if on is not None else found


def in_being(on: date) -> Q:
    """Return the condition of units in being on a day; its periods are half-open."""
    begun = Q(valid_from__isnull=True) | Q(valid_from__lte=on)
    return begun & (Q(valid_to__isnull=True) | Q(valid_to__gt=on))


def province(package: Package) -> Unit:
    """Return the top unit of the package."""
    return Unit.objects.get(package=package, parent=None)


def by_code(package: Package, code: str) -> Unit:
    """Return the unit of that code; raises UnitNotFound (B652)."""
    found = Unit.objects.filter(package=package, code=code).first()
    if found is None:
        raise UnitNotFound(
            _("No unit has the code %(code)s.") % {"code": code},
            where=package.name,
            remedy=_("Look it up by name in the search."),
        )
    return found


def by_codes(package: Package, codes: Iterable[str]) -> dict[str, Unit]:
    """Return the units of those codes that exist, by code."""
    return {u.code: u for u in Unit.objects.filter(package=package, code__in=list(codes))}


def counties(package: Package, *, on: date | None = None) -> QuerySet[Unit]:
    """Return the counties by code, those in being on a day if asked."""
    return units(package, level=Level.COUNTY, on=on).order_by("code")


def cities(package: Package, *, on: date | None = None) -> QuerySet[Unit]:
    """Return the cities by code, those in being on a day if asked."""
    return units(package, level=Level.CITY, on=on).order_by("code")


def subtree(unit: Unit, *, itself: bool = True, level: str | None = None) -> QuerySet[Unit]:
    """Return a unit and all below it in the order of the tree, those of one level if asked."""
    inside = Unit.objects.filter(package_id=unit.package_id, lft__gte=unit.lft, rgt__lte=unit.rgt)
    if level is not None:
        inside = inside.filter(level=level)
    return (inside if itself else inside.exclude(pk=unit.pk)).order_by("lft")


def ancestors(unit: Unit, *, itself: bool = False) -> QuerySet[Unit]:
    """Return the units above a unit, the root first."""
    above = Unit.objects.filter(package_id=unit.package_id, lft__lte=unit.lft, rgt__gte=unit.rgt)
    return (above if itself else above.exclude(pk=unit.pk)).order_by("lft")


def ancestor_at(unit: Unit, level: str) -> Unit | None:
    """Return the unit itself or the one above it that stands at that level, or None."""
    return ancestors(unit, itself=True).filter(level=level).first()


def children(unit: Unit, *, on: date | None = None) -> QuerySet[Unit]:
    """Return the units directly below a unit, those in being on a day if asked."""
    found = Unit.objects.filter(parent=unit).order_by("lft")
    return found.filter(in_being(on)) if on is not None else found


def level_counts(package: Package) -> dict[str, int]:
    """Return the number of units at each level, every level named."""
    rows = Unit.objects.filter(package=package).values_list("level").annotate(n=Count("pk"))
    found = dict(rows.order_by())
    return {level: found.get(level, 0) for level in Level.values}


def effective_unit(package: Package, code: str, day: date) -> Unit:
    """Return the unit that answers for `code` on a day: itself, or the one it has merged into.

    Raises UnitNotFound (B652).
    """
    unit = by_code(package, code)
    passed = {unit.pk}
    while unit.valid_to is not None and day >= unit.valid_to and unit.merged_into is not None:
        unit = unit.merged_into
        if unit.pk in passed:  # a package is checked for this; a database may be older
            break
        passed.add(unit.pk)
    return unit


def effective_codes(package: Package, day: date) -> dict[str, str]:
    """Return, for every unit merged by that day, the code of the unit that answers for it."""
    merged = Unit.objects.filter(package=package, merged_into__isnull=False, valid_to__lte=day)
    return {
        code: effective_unit(package, code, day).code
        for code in merged.order_by("code").values_list("code", flat=True)
    }


def search(package: Package, text: str, *, limit: int = 20) -> list[Unit]:
    """Return units whose code begins with or whose name holds `text`, the higher levels first."""
    words = text.strip()
    if not words:
        return []
    named = Q(name_zh__icontains=words) | Q(name_en__icontains=words) | Q(code__istartswith=words)
    found = Unit.objects.filter(named, package=package).select_related("parent")
    return list(found.order_by("depth", "code")[:limit])


def reporting_units(package: Package, *, on: date | None = None) -> QuerySet[Unit]:
    """Return the units that owe a daily report."""
    return units(package, on=on).filter(reports=True)


# --- people


def age_matrix(units: Sequence[Unit]) -> NDArray[np.float64]:
    """Return residents by place and five-year age group, shape (len(units), 16).

    A unit without published ages has a row of zeros.
    """
    place = {unit.pk: i for i, unit in enumerate(units)}
    table = np.zeros((len(units), len(AGE_GROUPS)))
    rows = AgePopulation.objects.all()
    for pk, group, count in _of(rows, "unit", place).values_list("unit", "age_group", "population"):
        table[place[pk], group] = count
    return table


def elsewhere(package: Package) -> dict[str, int]:
    """Return residents, by unit code, who live in none of the units below it (development zones)."""
    rows = Figure.objects.filter(unit__package=package, name="population_elsewhere")
    return {code: int(n) for code, n in rows.values_list("unit__code", "value")}


# --- figures


def figures(
    units: Sequence[Unit], names: Iterable[str], *, period: str | None = None
) -> dict[str, dict[str, float]]:
    """Return figures as name → unit code → value, of a period or else the latest each unit has.

    A unit without the figure is not in its dictionary.
    """
    wanted = list(names)
    place = {unit.pk: unit.code for unit in units}
    rows = Figure.objects.filter(name__in=wanted).order_by("period")
    if period is not None:
        rows = rows.filter(period=period)
    found: dict[str, dict[str, float]] = {name: {} for name in wanted}
    for pk, name, value in _of(rows, "unit", place).values_list("unit", "name", "value"):
        found[name][place[pk]] = value
    return found


def sector_figures(
    units: Sequence[Unit], measure: str, *, period: str | None = None
) -> dict[str, dict[str, float]]:
    """Return value_added or employment as unit code → sector → value."""
    place = {unit.pk: unit.code for unit in units}
    prefix = f"{measure}:"
    rows = Figure.objects.filter(name__startswith=prefix).order_by("period")
    if period is not None:
        rows = rows.filter(period=period)
    found: dict[str, dict[str, float]] = {}
    for pk, name, value in _of(rows, "unit", place).values_list("unit", "name", "value"):
        found.setdefault(place[pk], {})[name.removeprefix(prefix)] = value
    return found


def _of(rows: QuerySet[M], field: str, place: Mapping[int, Any]) -> QuerySet[M]:
    return rows.filter(**{f"{field}__in": list(place)})


# --- links


def adjacency(package: Package, level: str = Level.COUNTY) -> list[tuple[str, str]]:
    """Return pairs of touching units of one level by code, each once, in order."""
    rows = Adjacency.objects.filter(a__package=package, a__level=level)
    return list(rows.order_by("a__code", "b__code").values_list("a__code", "b__code"))


def travel_matrix(units: Sequence[Unit]) -> csr_array:
    """Return expected trips per day among units, sparse, shape (origin, destination)."""
    place = {unit.pk: i for i, unit in enumerate(units)}
    links = TravelLink.objects.filter(origin__in=list(place), destination__in=list(place))
    rows = list(links.values_list("origin", "destination", "trips_per_day"))
    entries = (
        [n for _a, _b, n in rows],
        ([place[a] for a, _b, _n in rows], [place[b] for _a, b, _n in rows]),
    )
    return csr_array(entries, shape=(len(units), len(units)), dtype=np.float64)


def travel_basis(package: Package) -> str:
    """Return what the travel links rest on: a model's or a survey's name, empty without links."""
    found = TravelLink.objects.filter(origin__package=package)
    return found.values_list("basis", flat=True).first() or ""


def topology(package: Package) -> Topology | None:
    """Return the package's boundaries, or None where the map draws circles."""
    return Topology.objects.filter(package=package).first()


# --- published facts


def published(
    package: Package, *, at: datetime, level: str | None = None, day: date | None = None
) -> QuerySet[PublishedCount]:
    """Return published counts known at a moment, by day and unit; nothing learned later."""
    found = PublishedCount.objects.filter(unit__package=package, known_from__lte=at)
    if level is not None:
        found = found.filter(unit__level=level)
    if day is not None:
        found = found.filter(day=day)
    return found.select_related("unit").order_by("day", "unit__code")


def unallocated(
    package: Package, *, at: datetime, day: date, level: str = "city"
) -> dict[str, int | None]:
    """Return the root's published totals of a day less the sum of a level's, never scaled.

    The keys are confirmed, cured and deaths; None where either side was not published.
    """
    rows = published(package, at=at, day=day)
    top = rows.filter(unit__parent=None).first()
    parts = list(rows.filter(unit__level=level))
    found: dict[str, int | None] = {}
    for name in ("confirmed", "cured", "deaths"):
        whole: int | None = getattr(top, name, None)
        pieces = [getattr(row, name) for row in parts]
        known = whole is not None and pieces and None not in pieces
        found[name] = whole - sum(pieces) if known and whole is not None else None
    return found
