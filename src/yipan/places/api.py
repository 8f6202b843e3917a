"""The board for machines: units by code, name, level and parent; the packages they come from.

Who may see which unit is the stage above's to say: it puts `request.scope` on each request, and
whoever joins the API gives this router its `auth`. Without a scope that allows it nothing is told.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Protocol, TypeVar, cast

from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from yipan.places import queries
from yipan.places.models import Level, Package, Unit

router = Router(tags=["places"])

READ: Final = "place.read"
MOST: Final = 1000

M = TypeVar("M", bound=Model)


class Sees(Protocol):
    """What this room needs of a scope (`yipan.access.scope.Scope`)."""

    def check(self, action: Any, unit: Unit | None = None) -> None:
        """Return quietly where the act is allowed."""

    def filter(self, queryset: QuerySet[M], *, action: Any, unit: str = "unit") -> QuerySet[M]:
        """Return the rows that may be read."""

    def get(self, queryset: QuerySet[M], *, action: Any, unit: str = "unit", **lookup: Any) -> M:
        """Return one row, or raise what is raised for an absent one."""


class UnitOut(BaseModel):
    """One unit of the tree."""

    package: str
    code: str
    level: str
    kind: str
    name: str = Field(description="in the language asked for")
    name_zh: str
    name_en: str
    parent: str | None
    depth: int
    valid_from: date | None
    valid_to: date | None = Field(description="first day it no longer exists")
    merged_into: str | None
    population: int | None
    area_km2: float | None
    lon: float | None
    lat: float | None
    reports: bool = Field(description="owes a daily report")
    synthetic: bool = Field(description="invented for a demonstration")


class UnitsOut(BaseModel):
    """Some units in the order of the tree; ask again with `after` = the last code."""

    found: int
    units: list[UnitOut]


class PackageOut(BaseModel):
    """A loaded data package."""

    name: str
    version: str
    title_zh: str
    title_en: str
    time_zone: str
    publication_hour: int
    level_names: dict[str, dict[str, str]]
    sources: list[dict[str, Any]]
    notes: dict[str, list[str]]
    digest: str
    loaded_at: datetime
    travel_basis: str = Field(description="a survey's source, or the model that filled it in")
    boundaries: bool
    units: dict[str, int] = Field(description="units in sight by level")


@router.get("/packages", response=list[PackageOut], summary="Loaded data packages")
def packages(request: HttpRequest) -> list[PackageOut]:
    """Return the packages in which the caller may see a unit, the latest first."""
    scope = _scope(request)
    seen = scope.filter(Unit.objects.all(), action=READ, unit="")
    shown = queries.packages().filter(pk__in=seen.order_by().values("package").distinct())
    return [_package(p, seen.filter(package=p)) for p in shown]


@router.get("/units", response=UnitsOut, summary="Units, by level, parent, name or day")
def units(
    request: HttpRequest,
    package: str = "",
    level: Level | None = None,
    parent: str = "",
    q: str = "",
    on: date | None = None,
    reports: bool | None = None,
    after: str = "",
    limit: int = 100,
) -> UnitsOut:
    """Return the units in sight that the filters leave, in the order of the tree."""
    scope = _scope(request)
    within = _in_package(package)
    found = scope.filter(Unit.objects.filter(within), action=READ, unit="")
    if level is not None:
        found = found.filter(level=level)
    if parent:
        above = scope.get(Unit.objects.filter(within), action=READ, unit="", code=parent)
        found = found.filter(parent=above)
    if q.strip():
        words = q.strip()
        named = Q(name_zh__icontains=words) | Q(name_en__icontains=words)
        found = found.filter(named | Q(code__istartswith=words))
    if on is not None:
        found = found.filter(queries.in_being(on))
    if reports is not None:
        found = found.filter(reports=reports)
    count = found.count()
    if after:
        last = scope.get(Unit.objects.filter(within), action=READ, unit="", code=after)
        found = found.filter(lft__gt=last.lft)
    rows = found.select_related("package", "parent", "merged_into").order_by("lft")
    return UnitsOut(found=count, units=[_unit(u) for u in rows[: max(1, min(limit, MOST))]])


@router.get("/units/{code}", response=UnitOut, summary="One unit")
def unit(request: HttpRequest, code: str, package: str = "") -> UnitOut:
    """Return one unit; one out of sight is told like one that does not exist."""
    return _unit(_one(request, code, package))


@router.get("/units/{code}/children", response=list[UnitOut], summary="The units directly below")
def children(
    request: HttpRequest, code: str, package: str = "", on: date | None = None
) -> list[UnitOut]:
    """Return the units directly below one, those in being on a day if asked."""
    below = queries.children(_one(request, code, package), on=on)
    seen = _scope(request).filter(below, action=READ, unit="")
    return [_unit(u) for u in seen.select_related("package", "parent", "merged_into")]


def _scope(request: HttpRequest) -> Sees:
    scope = cast(Sees, request.scope)  # type: ignore[attr-defined]
    scope.check(READ)
    return scope


def _in_package(name: str) -> Q:
    """Return the condition that keeps to one package: the one named, else the one on the board."""
    package = queries.package_named(name) if name else queries.current_package()
    return Q(package=package) if package is not None else Q(pk__in=[])


def _one(request: HttpRequest, code: str, package: str) -> Unit:
    rows = Unit.objects.filter(_in_package(package))
    related = rows.select_related("package", "parent", "merged_into")
    return _scope(request).get(related, action=READ, unit="", code=code)


def _unit(one: Unit) -> UnitOut:
    return UnitOut(
        package=one.package.name,
        code=one.code,
        level=one.level,
        kind=one.kind,
        name=one.name,
        name_zh=one.name_zh,
        name_en=one.name_en,
        parent=one.parent.code if one.parent else None,
        depth=one.depth,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        merged_into=one.merged_into.code if one.merged_into else None,
        population=one.population,
        area_km2=one.area_km2,
        lon=one.lon,
        lat=one.lat,
        reports=one.reports,
        synthetic=one.synthetic,
    )


def _package(one: Package, seen: QuerySet[Unit]) -> PackageOut:
    counted = seen.order_by().values_list("level").annotate(n=Count("pk"))
    levels = {**dict.fromkeys(Level.values, 0), **dict(counted)}
    return PackageOut(
        name=one.name,
        version=one.version,
        title_zh=one.title_zh,
        title_en=one.title_en,
        time_zone=one.time_zone,
        publication_hour=one.publication_hour,
        level_names=one.level_names,
        sources=one.sources,
        notes=one.notes,
        digest=one.digest,
        loaded_at=one.loaded_at,
        travel_basis=queries.travel_basis(one),
        boundaries=queries.topology(one) is not None,
        units=levels,
    )
