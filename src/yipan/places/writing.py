"""Set-based writes of one package's rows; the caller holds the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array

from yipan.engines.epidemic import travel
from yipan.places.boundaries import Drawn
from yipan.places.models import (
    Adjacency,
    AgePopulation,
    ContactTables,
    Figure,
    Package,
    PublishedCount,
    Topology,
    TravelLink,
    Unit,
)
from yipan.places.queries import CARRIED, board_time
from yipan.places.reading import Reading, Row
from yipan.places.schema import AGE_GROUPS, LEVELS
from yipan.places.synthetic import Invented
from yipan.places.tree import nested_set

BATCH = 5_000
TRAVEL_KEPT = 24
"""Destinations kept for each origin where a model fills travel in: a county has about six neighbours."""
TRAVEL_LEVEL = "county"
FRONT_LINE = ("village", "facility")
"""Invented units of these levels owe a daily report."""

Units = Mapping[str, Unit]


def write_units(package: Package, rows: Sequence[Row], invented: Sequence[Invented]) -> Units:
    """Write the tree and return its units by code, whatever the order of the rows."""
    made = [_published_unit(package, row) for row in rows]
    made += [_invented_unit(package, unit) for unit in invented]
    parents = {row["code"]: row["parent"] for row in rows}
    parents.update((unit.code, unit.parent) for unit in invented)
    units = {u.code: u for u in sorted(made, key=lambda u: (LEVELS.index(u.level), u.code))}
    for code, span in nested_set(parents, list(units)).items():
        unit = units[code]
        unit.lft, unit.rgt, unit.depth = span
    # Parents first: a child needs the id the database gave its parent.
    for depth in range(max(u.depth for u in made) + 1):
        layer = [u for u in units.values() if u.depth == depth]
        for unit in layer:
            above = parents[unit.code]
            unit.parent = units[above] if above is not None else None
        Unit.objects.bulk_create(layer, batch_size=BATCH)
    merged = {row["code"]: row["merged_into"] for row in rows if row["merged_into"]}
    for code, heir in merged.items():
        units[code].merged_into = units[heir]
    Unit.objects.bulk_update([units[code] for code in merged], ["merged_into"])
    return units


def _published_unit(package: Package, row: Row) -> Unit:
    return Unit(
        package=package,
        code=row["code"],
        level=row["level"],
        kind=row["kind"],
        name_zh=row["name_zh"] or row["name_en"],
        name_en=row["name_en"] or row["name_zh"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        population=row["population"],
        area_km2=row["area_km2"],
        lon=row["lon"],
        lat=row["lat"],
        reports=bool(row["reports"]),
    )


def _invented_unit(package: Package, unit: Invented) -> Unit:
    return Unit(
        package=package,
        code=unit.code,
        level=unit.level,
        kind=unit.kind,
        name_zh=unit.name_zh,
        name_en=unit.name_en,
        population=unit.population,
        lon=unit.lon,
        lat=unit.lat,
        reports=unit.level in FRONT_LINE,
        synthetic=True,
    )


def write_ages(units: Units, rows: Iterable[Row]) -> None:
    """Write residents by age."""
    group = {name: i for i, name in enumerate(AGE_GROUPS)}
    made = (
        AgePopulation(
            unit=units[r["unit"]], age_group=group[r["age_group"]], population=r["population"]
        )
        for r in rows
    )
    AgePopulation.objects.bulk_create(made, batch_size=BATCH)


def write_figures(units: Units, reading: Reading, invented: Iterable[Invented]) -> None:
    """Write figures and sectors, the census columns of units.csv, and what was invented."""
    period = reading.settings["population_period"]
    made = [_figure(units, row, row["name"]) for row in reading.rows("figures")]
    made += [
        _figure(units, row, f"{row['measure']}:{row['sector']}") for row in reading.rows("sectors")
    ]
    for row in reading.rows("units"):
        for name in ("population_urban", "population_elsewhere"):
            if row[name] is not None:
                made.append(_counted(units[row["code"]], name, period, row[name], "units.csv"))
    for unit in invented:
        for name, value in unit.figures.items():
            made.append(_counted(units[unit.code], name, period, value, "synthetic"))
    Figure.objects.bulk_create(made, batch_size=BATCH)


def _figure(units: Units, row: Row, name: str) -> Figure:
    return Figure(
        unit=units[row["unit"]],
        name=name,
        period=row["period"],
        value=row["value"],
        unit_of_measure=row["unit_of_measure"],
        source=row["source"],
    )


def _counted(unit: Unit, name: str, period: str, value: int, source: str) -> Figure:
    measure = "beds" if name == "beds" else "persons"
    return Figure(
        unit=unit, name=name, period=period, value=value, unit_of_measure=measure, source=source
    )


def write_contacts(package: Package, by_area: Mapping[str, Any]) -> None:
    """Write the contact matrices, area → setting → rows."""
    if by_area:
        ContactTables.objects.create(package=package, by_area=dict(by_area))


def write_adjacency(units: Units, rows: Iterable[Row]) -> None:
    """Write neighbours, each pair once, the lower code first."""
    made = []
    for row in rows:
        a, b = sorted((row["unit_a"], row["unit_b"]))
        made.append(Adjacency(a=units[a], b=units[b], border_km=row["border_km"]))
    Adjacency.objects.bulk_create(made, batch_size=BATCH)


def write_travel(units: Units, rows: Sequence[Row], *, commuter_share: float) -> None:
    """Write surveyed trips; where there are none, those of the radiation model between counties."""
    made = _surveyed(units, rows) if rows else _modelled(units, commuter_share)
    TravelLink.objects.bulk_create(made, batch_size=BATCH)


def _surveyed(units: Units, rows: Sequence[Row]) -> list[TravelLink]:
    return [
        TravelLink(
            origin=units[row["origin"]],
            destination=units[row["destination"]],
            trips_per_day=row["trips_per_day"],
            basis=row["source"][:40],
        )
        for row in rows
    ]


def _modelled(units: Units, commuter_share: float) -> list[TravelLink]:
    counties = [
        u
        for u in units.values()
        if u.level == TRAVEL_LEVEL and u.population and u.lon is not None and u.lat is not None
    ]
    people = np.array([u.population for u in counties], dtype=np.float64)
    far = travel.distances_km(
        np.array([u.lon for u in counties], dtype=np.float64),
        np.array([u.lat for u in counties], dtype=np.float64),
    )
    commuting = travel.radiation(people, far, commuter_share * people, keep=TRAVEL_KEPT)
    trips = coo_array(travel.daily_trips(commuting))
    return [
        TravelLink(
            origin=counties[a],
            destination=counties[b],
            trips_per_day=float(n),
            basis=travel_basis(commuter_share),
        )
        for a, b, n in zip(*trips.coords, trips.data, strict=True)
        if n > 0
    ]


def travel_basis(commuter_share: float) -> str:
    """Return what modelled trips say they rest on, the assumed share of commuters included."""
    return f"radiation model, {100 * commuter_share:.1f}% commute"


def write_published(package: Package, units: Units, reading: Reading) -> None:
    """Write published counts with the moment from which each was known."""
    clock = board_time(package)
    made = [
        PublishedCount(
            unit=units[row["unit"]],
            day=row["day"],
            known_from=row["published_at"] or clock.known_from(row["day"]),
            confirmed=row["confirmed"],
            cured=row["cured"],
            deaths=row["deaths"],
            source=row["source"] + (CARRIED if row["basis"] == "carried" else ""),
        )
        for table in ("reported", "points")
        for row in reading.rows(table)
    ]
    PublishedCount.objects.bulk_create(made, batch_size=BATCH)


def write_topology(package: Package, drawn: Drawn, words: Mapping[str, Any]) -> None:
    """Write the boundaries with their source and rights."""
    Topology.objects.create(
        package=package,
        body=drawn.body,
        digest=drawn.digest,
        source=words["source"],
        rights_zh=words["rights"]["zh"],
        rights_en=words["rights"]["en"],
    )
