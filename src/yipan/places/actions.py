"""Loads a province data package: validated whole, written in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.engines.epidemic.travel import COMMUTER_SHARE, COMMUTER_SHARE_SOURCE
from yipan.places import writing
from yipan.places.boundaries import draw_package
from yipan.places.errors import PackageConflict
from yipan.places.models import Package
from yipan.places.queries import package_named
from yipan.places.reading import Reading
from yipan.places.schema import AGE_GROUPS, AREAS, SETTINGS, Limits
from yipan.places.synthetic import County, Invented, invent_units
from yipan.places.validation import require_valid

Progress = Callable[[str, int, int], None]


def load_package(
    *,
    path: Path,
    at: datetime,
    villages: int = 0,
    boundaries: bool = True,
    by: str = "",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Package:
    """Load the data package at `path`, all of it or nothing, and return it.

    `at` is the moment of loading. `villages` (0–50,000) adds that many invented villages, with
    townships and facilities; `boundaries=False` leaves shapes out. `by` names who loads, for the
    record. A package that stands there already with the same contents is returned as it is.
    Raises PackageRefused (B600) with every fault, PackageConflict (B650) when a package of that
    name stands there with other contents.
    """
    tell = _Steps(progress)
    tell(_("Check the package"))
    reading = require_valid(path=path, at=at, limits=limits)
    there = package_named(reading.descriptor["name"])
    if there is not None:
        return _same_or_conflict(there, reading, villages)
    tell(_("Draw the boundaries"))
    drawn = draw_package(reading) if boundaries else None
    invented = invented_units(reading, villages)
    with transaction.atomic():
        package = _package(reading, villages=villages, at=at, by=by)
        package.save(force_insert=True)
        tell(_("Write the units"))
        units = writing.write_units(package, reading.rows("units"), invented)
        tell(_("Write people and figures"))
        writing.write_ages(units, reading.rows("ages"))
        writing.write_figures(units, reading, invented)
        writing.write_contacts(package, contact_tables(reading))
        writing.write_adjacency(units, reading.rows("adjacency"))
        tell(_("Write travel"))
        writing.write_travel(
            units, reading.rows("travel"), commuter_share=commuter_share(reading)["value"]
        )
        tell(_("Write published counts"))
        writing.write_published(package, units, reading)
        if drawn is not None:
            writing.write_topology(package, drawn, reading.settings["boundaries"])
    tell.finish()
    return package


class _Steps:
    """Tells progress step by step."""

    COUNT = 6

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.done = 0

    def __call__(self, _label: str) -> None:
        self._tell()
        self.done += 1

    def finish(self) -> None:
        self._tell()

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(_("Load the province"), self.done, self.COUNT)


def _same_or_conflict(there: Package, reading: Reading, villages: int) -> Package:
    if there.digest == reading.digest and there.parameters["synthetic"]["villages"] == villages:
        return there
    raise PackageConflict(
        _("The package %(name)s is loaded already, with other contents.") % {"name": there.name},
        where=there.name,
        remedy=_("Load it into an empty installation, or give the new package another name."),
    )


def _package(reading: Reading, *, villages: int, at: datetime, by: str) -> Package:
    settings, descriptor = reading.settings, reading.descriptor
    return Package(
        name=descriptor["name"],
        version=str(descriptor["version"]),
        title_zh=settings["title"]["zh"],
        title_en=settings["title"]["en"],
        time_zone=settings["time_zone"],
        publication_hour=settings["publication_hour"],
        level_names=settings["level_names"],
        sources=descriptor.get("sources", []),
        notes=settings.get("notes", {}),
        parameters=_parameters(reading, villages=villages, by=by),
        digest=reading.digest,
        loaded_at=at,
    )


def _parameters(reading: Reading, *, villages: int, by: str) -> dict[str, Any]:
    """Return the package-wide tables that later stages read."""
    return {
        "contacts_source": reading.settings.get("contacts_source", ""),
        "events": [
            {k: v.isoformat() if isinstance(v, date) else v for k, v in row.cells.items()}
            for row in sorted(reading.rows("events"), key=lambda r: r["day"])
        ],
        "population_period": reading.settings["population_period"],
        "languages": reading.settings.get("languages", []),
        "boundaries": reading.settings.get("boundaries", {}),
        "commuter_share": commuter_share(reading),
        "synthetic": {"villages": villages, "seed": _seed(reading)},
        "loaded_by": by,
    }


def contact_tables(reading: Reading) -> dict[str, dict[str, list[list[float]]]]:
    """Return contacts per day as area → setting → [age of participant][age of contact]."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    place = {group: i for i, group in enumerate(AGE_GROUPS)}
    for row in reading.rows("contacts"):
        tables = found.setdefault(row["area"], {})
        table = tables.setdefault(row["setting"], [[0.0] * len(AGE_GROUPS) for _ in AGE_GROUPS])
        table[place[row["age_participant"]]][place[row["age_contact"]]] = row["contacts_per_day"]
    return {
        area: {setting: found[area][setting] for setting in SETTINGS if setting in found[area]}
        for area in AREAS
        if area in found
    }


def commuter_share(reading: Reading) -> dict[str, Any]:
    """Return the share of residents who work in another county, with its source.

    The package's own, else the engine's assumption; used only where no travel table is given.
    """
    own: dict[str, Any] = reading.settings.get("commuter_share", {})
    return own or {"value": COMMUTER_SHARE, "source": COMMUTER_SHARE_SOURCE}


def _seed(reading: Reading) -> int:
    synthetic = reading.settings.get("synthetic", {})
    return int(synthetic.get("seed", 1))


def invented_units(reading: Reading, villages: int) -> list[Invented]:
    """Return the units that a drill adds below the package's counties; the same reading, the same units."""
    rows = {row["code"]: row for row in reading.rows("units")}
    counties = [
        County(
            code=code,
            city=row["parent"] or "",
            population=row["population"] or 0,
            urban=row["population_urban"] or 0,
            area_km2=row["area_km2"],
            lon=row["lon"],
            lat=row["lat"],
        )
        for code, row in rows.items()
        if row["level"] == "county"
    ]
    return invent_units(
        counties=counties,
        villages=villages,
        seed=_seed(reading),
        beds=_city_beds(reading.rows("figures"), {c.city for c in counties}),
    )


def _city_beds(figures: Iterable[Any], cities: set[str]) -> Mapping[str, int]:
    """Return the latest published beds of the cities."""
    found = [r for r in figures if r["name"] == "beds" and r["unit"] in cities]
    return {r["unit"]: round(r["value"]) for r in sorted(found, key=lambda r: r["period"])}
