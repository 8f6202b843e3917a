"""What the tables of a package must say about each other; every fault is collected, none is fatal.

Each check takes the good rows of a reading and yields faults. They are pure: the day they take as
today is a parameter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import shapely
from django.utils.translation import gettext as _
from shapely.geometry import shape

from yipan.places import tree
from yipan.places.faults import Fault
from yipan.places.reading import DESCRIPTOR, Reading, Row
from yipan.places.schema import (
    AGE_GROUPS,
    BOUNDARIES,
    BOUNDARY_PROVIDERS,
    FORMAT,
    LEVELS,
    TABLES,
)

MAX_LISTED = 12
"""How many codes a circle names before it is abbreviated."""


@dataclass
class Board:
    """A reading, with the look-ups its checks share."""

    reading: Reading
    at: datetime

    @cached_property
    def units(self) -> dict[str, Row]:
        """The units by code; of a code that stands twice, the first."""
        found: dict[str, Row] = {}
        for row in self.reading.rows("units"):
            found.setdefault(row["code"], row)
        return found

    @cached_property
    def codes_in_file(self) -> frozenset[str]:
        """Codes of units, whose own row may have been faulty: no second fault for those."""
        return frozenset(self.units) | self.faulty_codes

    @cached_property
    def faulty_codes(self) -> frozenset[str]:
        """Codes in the first column of unit rows that were refused for another cell."""
        return frozenset(self.reading.refused_codes)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The package's time zone; UTC where it is missing or unknown (a fault of its own)."""
        try:
            return ZoneInfo(str(self.reading.settings.get("time_zone")))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")

    @property
    def today(self) -> date:
        """The calendar day of loading, in the package's zone."""
        return self.at.astimezone(self.zone).date()


def check_package(reading: Reading, at: datetime) -> list[Fault]:
    """Return every fault of what was read, those of single cells aside; `at` is the moment of loading."""
    board = Board(reading, at)
    checks = (
        settings_of(board),
        required_tables(board),
        unknown_units(board),
        roots(board),
        circles(board),
        level_order(board),
        names_and_places(board),
        validity(board),
        mergers(board),
        populations(board),
        ages(board),
        pairs(board),
        sources(board),
        reported(board),
        falling_totals(board),
        contacts(board),
        boundaries(board),
    )
    return [fault for check in checks for fault in check]


# --- datapackage.json


def settings_of(board: Board) -> Iterator[Fault]:
    """Yield faults of our own block of the descriptor."""
    if not board.reading.descriptor:
        return
    block = board.reading.settings
    rules: list[tuple[str, bool, str]] = [
        ("format", block.get("format") == FORMAT, _("the number %(n)s") % {"n": FORMAT}),
        ("title", _is_bilingual(block.get("title")), _("an object with zh and en")),
        ("time_zone", _is_zone(block.get("time_zone")), _("a name such as Asia/Shanghai")),
        (
            "publication_hour",
            _is_hour(block.get("publication_hour")),
            _("the hour (0–23) at which a day is published on the next"),
        ),
        ("level_names", _are_levels(block.get("level_names")), _("a level’s names in zh and en")),
        (
            "population_period",
            isinstance(block.get("population_period"), str),
            _("the year of the populations"),
        ),
        (
            "commuter_share",
            _is_share(block.get("commuter_share")),
            _("an object with value (0 to 1) and source, or nothing"),
        ),
    ]
    if not board.reading.descriptor.get("name"):
        yield Fault("B603", DESCRIPTOR, field="name", words={"detail": _("a short name")})
    yield from _boundary_words(board)
    if not board.reading.descriptor.get("version"):
        yield Fault(
            "B603", DESCRIPTOR, field="version", words={"detail": _("the package’s version")}
        )
    for name, good, detail in rules:
        if not good:
            value = str(block.get(name, ""))[:80]
            yield Fault("B603", DESCRIPTOR, None, f"yipan.{name}", value, {"detail": detail})
    for i, source in enumerate(_source_entries(board)):
        if not (source.get("name") and source.get("title") and source.get("publisher")):
            detail = _("a source has name, title and publisher")
            yield Fault("B603", DESCRIPTOR, None, f"sources[{i}]", words={"detail": detail})


def _boundary_words(board: Board) -> Iterator[Fault]:
    """Shapes are shown with their source and rights, wherever they come from."""
    words = board.reading.settings.get("boundaries")
    if words is None and board.reading.boundaries is None:
        return
    if not isinstance(words, dict):
        words = {}
    known = ", ".join(BOUNDARY_PROVIDERS)
    good = {
        "provider": board.reading.boundaries is not None
        or words.get("provider") in BOUNDARY_PROVIDERS,
        "source": isinstance(words.get("source"), str) and bool(words["source"]),
        "rights": _is_bilingual(words.get("rights")),
        "aliases": isinstance(words.get("aliases", {}), dict),
    }
    detail = {
        "provider": _("a provider of boundaries (%(known)s), or a file of your own")
        % {"known": known},
        "source": _("where the shapes come from"),
        "rights": _("who holds rights in them, in zh and en"),
        "aliases": _("an object of our codes and the provider’s"),
    }
    for name, fine in good.items():
        if not fine:
            field = f"yipan.boundaries.{name}"
            yield Fault("B603", DESCRIPTOR, None, field, words={"detail": detail[name]})


def _is_bilingual(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(k), str) and value[k] for k in ("zh", "en")
    )


def _is_zone(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _is_hour(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 23


def _is_share(value: Any) -> bool:
    if value is None:
        return True
    known = isinstance(value, dict) and isinstance(value.get("value"), int | float)
    return known and 0 <= value["value"] <= 1 and bool(value.get("source"))


def _are_levels(value: Any) -> bool:
    return isinstance(value, dict) and all(
        k in LEVELS and _is_bilingual(v) for k, v in value.items()
    )


def _source_entries(board: Board) -> list[dict[str, Any]]:
    listed = board.reading.descriptor.get("sources")
    return [s for s in listed if isinstance(s, dict)] if isinstance(listed, list) else []


def required_tables(board: Board) -> Iterator[Fault]:
    """Yield a fault for a required table that is absent or has no row at all."""
    if not board.reading.descriptor:
        return
    for table in TABLES.values():
        listed = table.name in board.reading.files
        judged = any(f.file == board.reading.file(table.name) for f in board.reading.faults)
        if table.required and not board.reading.rows(table.name) and not (listed and judged):
            yield Fault("B609", board.reading.file(table.name), words={"table": table.name})


# --- the tree


def unknown_units(board: Board) -> Iterator[Fault]:
    """Yield a fault for every code, in any table, that no unit has."""
    known = board.codes_in_file
    for table in TABLES.values():
        file = board.reading.file(table.name)
        for row in board.reading.rows(table.name):
            for column in table.units:
                code = row[column]
                if code is not None and code not in known:
                    kind = "B621" if column == "parent" else "B628"
                    yield Fault(kind, file, row.number, column, code)


def roots(board: Board) -> Iterator[Fault]:
    """Yield a fault unless exactly one unit has no parent."""
    tops = [row for row in board.units.values() if row["parent"] is None]
    if not board.units or len(tops) == 1:
        return
    file = board.reading.file("units")
    if not tops:
        if not board.reading.refused_roots:
            yield Fault("B624", file, field="parent", words={"found": _("none")})
        return
    first = tops[0]["code"]
    for row in tops[1:]:
        words = {"found": _("%(first)s and %(code)s") % {"first": first, "code": row["code"]}}
        yield Fault("B624", file, row.number, "parent", row["code"], words)


def circles(board: Board) -> Iterator[Fault]:
    """Yield one fault for every circle of parents."""
    parents = {code: row["parent"] for code, row in board.units.items()}
    for circle in tree.circles(parents):
        shown = [*circle[:MAX_LISTED], *(["…"] if len(circle) > MAX_LISTED else []), circle[0]]
        row = board.units[circle[0]]
        words = {"path": " → ".join(shown)}
        yield Fault("B622", board.reading.file("units"), row.number, "parent", row["parent"], words)


def level_order(board: Board) -> Iterator[Fault]:
    """Yield a fault for every unit whose level is not below its parent's."""
    names = {level: _level_name(board, level) for level in LEVELS}
    for row in board.units.values():
        parent = board.units.get(row["parent"])
        if parent is None or LEVELS.index(row["level"]) > LEVELS.index(parent["level"]):
            continue
        words = {
            "level": names[row["level"]],
            "parent_level": names[parent["level"]],
            "order": " > ".join(LEVELS),
        }
        yield Fault("B623", board.reading.file("units"), row.number, "level", row["level"], words)


def _level_name(board: Board, level: str) -> str:
    names = board.reading.settings.get("level_names")
    own = names.get(level) if isinstance(names, dict) else None
    return str(own["en"]) if own and _is_bilingual(own) else level


def names_and_places(board: Board) -> Iterator[Fault]:
    """Yield faults for units without a name or with half a coordinate."""
    file = board.reading.file("units")
    for row in board.units.values():
        if not (row["name_zh"] or row["name_en"]):
            yield Fault("B640", file, row.number, "name_en")
        if (row["lon"] is None) != (row["lat"] is None):
            missing = "lon" if row["lon"] is None else "lat"
            yield Fault("B642", file, row.number, missing)


def validity(board: Board) -> Iterator[Fault]:
    """Yield faults of validity dates: reversed, or outside the parent's."""
    file = board.reading.file("units")
    for row in board.units.values():
        start, end = row["valid_from"] or date.min, row["valid_to"] or date.max
        if end <= start:
            yield Fault("B626", file, row.number, "valid_to", str(row["valid_to"]))
            continue
        parent = board.units.get(row["parent"])
        if parent is None:
            continue
        if start < (parent["valid_from"] or date.min):
            yield Fault("B627", file, row.number, "valid_from", str(row["valid_from"] or ""))
        if end > (parent["valid_to"] or date.max):
            yield Fault("B627", file, row.number, "valid_to", str(row["valid_to"] or ""))


def mergers(board: Board) -> Iterator[Fault]:
    """Yield faults of merged units: into themselves, without a day, into one of another level or gone."""
    file = board.reading.file("units")
    for code, row in board.units.items():
        heir = row["merged_into"]
        target = board.units.get(heir)
        if heir is None:
            continue
        problem = ""
        if heir == code:
            problem = _("a unit cannot merge into itself")
        elif row["valid_to"] is None:
            problem = _("the unit has no valid_to")
        elif target is not None and target["level"] != row["level"]:
            problem = _("the other unit’s level is %(level)s") % {"level": target["level"]}
        elif target is not None and not _exists_on(target, row["valid_to"]):
            problem = _("the other unit does not exist on %(day)s") % {"day": row["valid_to"]}
        if problem:
            yield Fault("B625", file, row.number, "merged_into", heir, {"detail": problem})


def _exists_on(row: Row, day: date) -> bool:
    return (row["valid_from"] or date.min) <= day < (row["valid_to"] or date.max)


# --- people


def populations(board: Board) -> Iterator[Fault]:
    """Yield a fault where the people below a unit and elsewhere in it are not its population."""
    file = board.reading.file("units")
    below: defaultdict[str, list[int | None]] = defaultdict(list)
    for row in board.units.values():
        if row["parent"] is not None:
            below[row["parent"]].append(row["population"])
        if row["population_urban"] is not None and row["population_urban"] > (
            row["population"] or 0
        ):
            words = {
                "part": _("the urban population"),
                "value": row["population_urban"],
                "whole": _("the population"),
                "limit": row["population"],
            }
            yield Fault(
                "B636", file, row.number, "population_urban", str(row["population_urban"]), words
            )
    for code, parts in below.items():
        parent = board.units.get(code)
        if parent is None or parent["population"] is None:
            continue
        known = [p for p in parts if p is not None]
        total, elsewhere = sum(known), parent["population_elsewhere"] or 0
        whole = len(known) == len(parts) and not board.reading.refused_codes
        wrong = total + elsewhere != parent["population"] if whole else total > parent["population"]
        if known and wrong:
            words = {"below": total, "elsewhere": elsewhere, "expected": parent["population"]}
            yield Fault("B630", file, parent.number, "population", str(parent["population"]), words)


def ages(board: Board) -> Iterator[Fault]:
    """Yield a fault for each unit whose age groups are incomplete or do not sum to its population."""
    file = board.reading.file("ages")
    if any(f.file == file for f in board.reading.faults):
        return  # rows were refused: their sums say nothing
    sums: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    first: dict[str, int] = {}
    for row in board.reading.rows("ages"):
        sums[row["unit"]] += row["population"]
        groups[row["unit"]] += 1
        first.setdefault(row["unit"], row.number)
    for code, total in sums.items():
        unit = board.units.get(code)
        expected = unit["population"] if unit is not None else None
        if unit is not None and (groups[code] != len(AGE_GROUPS) or total != expected):
            words = {
                "found": total,
                "expected": expected if expected is not None else _("not given"),
            }
            yield Fault("B629", file, first[code], "population", code, words)


def pairs(board: Board) -> Iterator[Fault]:
    """Yield faults of neighbours: with itself, of another level, or the same pair twice."""
    for name, a, b in (("adjacency", "unit_a", "unit_b"), ("travel", "origin", "destination")):
        file = board.reading.file(name)
        seen: set[frozenset[str]] = set()
        for row in board.reading.rows(name):
            one, other = board.units.get(row[a]), board.units.get(row[b])
            pair = frozenset((row[a], row[b]))
            levels = {u["level"] for u in (one, other) if u is not None}
            # Travel from a to b and from b to a are two links; a border is one.
            twice = name == "adjacency" and pair in seen
            if len(pair) == 1 or len(levels) == 2 or twice:
                yield Fault("B631", file, row.number, b, f"{row[a]}, {row[b]}")
            seen.add(pair)


# --- facts


def sources(board: Board) -> Iterator[Fault]:
    """Yield a fault for every source no entry of the descriptor describes."""
    known = {s.get("name") for s in _source_entries(board)}
    for table in TABLES.values():
        if table.field("source") is None:
            continue
        for row in board.reading.rows(table.name):
            if row["source"] not in known:
                file = board.reading.file(table.name)
                yield Fault("B638", file, row.number, "source", row["source"])


def reported(board: Board) -> Iterator[Fault]:
    """Yield faults of dated facts: future days, early publication, wrong level, more outcomes than cases."""
    for name in ("reported", "points", "events"):
        file = board.reading.file(name)
        for row in board.reading.rows(name):
            if row["day"] > board.today:
                yield Fault(
                    "B633", file, row.number, "day", str(row["day"]), {"today": board.today}
                )
            yield from _publication(board, file, row)
            yield from _level_of(board, file, row)
            yield from _outcomes(file, row)


def _publication(board: Board, file: str, row: Row) -> Iterator[Fault]:
    moment = row["published_at"]
    if moment is None:
        return
    over = datetime.combine(row["day"] + timedelta(days=1), datetime.min.time(), tzinfo=board.zone)
    if moment < over:
        yield Fault("B634", file, row.number, "published_at", moment.isoformat())
    if moment > board.at:
        words = {"today": board.today}
        yield Fault("B633", file, row.number, "published_at", moment.isoformat(), words)


def _level_of(board: Board, file: str, row: Row) -> Iterator[Fault]:
    unit = board.units.get(row["unit"])
    if unit is not None and row["level"] is not None and row["level"] != unit["level"]:
        yield Fault("B635", file, row.number, "level", row["level"], {"expected": unit["level"]})


def _outcomes(file: str, row: Row) -> Iterator[Fault]:
    ended = (row["cured"] or 0) + (row["deaths"] or 0)
    if row["confirmed"] is not None and ended > row["confirmed"]:
        words = {
            "part": _("cured and deaths together"),
            "value": ended,
            "whole": _("confirmed"),
            "limit": row["confirmed"],
        }
        yield Fault("B636", file, row.number, "cured", str(row["cured"]), words)


def falling_totals(board: Board) -> Iterator[Fault]:
    """Yield a fault wherever a cumulative total falls and the row does not say it was corrected."""
    for name in ("reported", "points"):
        series: defaultdict[str, list[Row]] = defaultdict(list)
        for row in board.reading.rows(name):
            series[row["unit"]].append(row)
        for rows in series.values():
            yield from _falls(board.reading.file(name), rows)


def _falls(file: str, rows: list[Row]) -> Iterator[Fault]:
    last: dict[str, tuple[int, date]] = {}
    for row in sorted(rows, key=lambda r: r["day"]):
        for column in ("confirmed", "cured", "deaths"):
            value = row[column]
            if value is None:
                continue
            before, day = last.get(column, (0, row["day"]))
            if value < before and row["basis"] != "corrected":
                words = {"before": before, "day": day, "value": value}
                yield Fault("B632", file, row.number, column, str(value), words)
            last[column] = (value, row["day"])


def contacts(board: Board) -> Iterator[Fault]:
    """Yield a fault for every contact matrix that lacks a pair of ages."""
    file = board.reading.file("contacts")
    if any(f.file == file for f in board.reading.faults):
        return
    found = Counter((row["setting"], row["area"]) for row in board.reading.rows("contacts"))
    expected = len(AGE_GROUPS) ** 2
    for (setting, area), count in found.items():
        if count != expected:
            words = {"what": f"{setting}, {area}", "found": count, "expected": expected}
            yield Fault("B637", file, field="setting", value=f"{setting}, {area}", words=words)


def boundaries(board: Board) -> Iterator[Fault]:
    """Yield faults of the package's own shapes."""
    file = board.reading.file(BOUNDARIES)
    for i, feature in enumerate((board.reading.boundaries or {}).get("features", []), 1):
        code = feature_code(feature)
        if code not in board.codes_in_file:
            yield Fault("B628", file, i, "code", code)
            continue
        problem = _shape_problem(feature)
        if problem:
            yield Fault("B639", file, i, "geometry", code, {"detail": problem})


def feature_code(feature: Any) -> str:
    """Return the unit's code a GeoJSON feature names, in its `id` or its property `code`."""
    if not isinstance(feature, dict):
        return ""
    properties = feature.get("properties")
    named = properties.get("code") if isinstance(properties, dict) else None
    return str(named if named is not None else feature.get("id", ""))


def _shape_problem(feature: dict[str, Any]) -> str:
    try:
        geometry = shape(feature["geometry"])
        west, south, east, north = geometry.bounds
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        shapely.errors.ShapelyError,
    ) as error:
        return _("not a GeoJSON geometry (%(error)s)") % {"error": error}
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        return _("it is a %(type)s") % {"type": geometry.geom_type}
    if west < -180 or east > 180 or south < -90 or north > 90:
        return _("coordinates are not degrees")
    return ""
