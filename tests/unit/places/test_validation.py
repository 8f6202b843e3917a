"""Whatever is wrong with a package is named: file, row, column, rule and remedy, all at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation

from broken_packages import SAMPLELAND, PackageCopy
from yipan.places.faults import KINDS, Fault
from yipan.places.packages import path_of
from yipan.places.schema import TABLES, Limits
from yipan.places.validation import validate_package

NOW = datetime(2021, 6, 1, tzinfo=UTC)
Spoil = Callable[[PackageCopy], object]


def faults_of(copy: PackageCopy, limits: Limits | None = None) -> list[Fault]:
    return validate_package(path=copy.path, at=NOW, limits=limits).faults


def drop(name: str) -> Spoil:
    """Take one of our own settings out of datapackage.json."""
    return lambda p: p.descriptor(lambda d: d["yipan"].pop(name))


def swap_parents(p: PackageCopy) -> None:
    p.cell("units", 3, "parent", "SL-N-1")


BROKEN: list[tuple[str, Spoil, tuple[str, str, int | None, str]]] = [
    ("no descriptor", lambda p: (p.path / "datapackage.json").unlink(), ("B601", "datapackage.json", None, "")),
    ("broken JSON", lambda p: p.raw("datapackage.json", b'{"name": \n]'), ("B602", "datapackage.json", 2, "")),
    ("JSON that is a list", lambda p: p.raw("datapackage.json", b"[]"), ("B602", "datapackage.json", None, "")),
    ("a time zone nobody knows", lambda p: p.descriptor(lambda d: d["yipan"].update(time_zone="Mars/Olympus")), ("B603", "datapackage.json", None, "yipan.time_zone")),
    ("no publication hour", drop("publication_hour"), ("B603", "datapackage.json", None, "yipan.publication_hour")),
    ("no title", drop("title"), ("B603", "datapackage.json", None, "yipan.title")),
    ("a newer format", lambda p: p.descriptor(lambda d: d["yipan"].update(format=99)), ("B603", "datapackage.json", None, "yipan.format")),
    ("shapes without rights", lambda p: p.descriptor(lambda d: d["yipan"]["boundaries"].pop("rights")), ("B603", "datapackage.json", None, "yipan.boundaries.rights")),
    ("more commuters than people", lambda p: p.descriptor(lambda d: d["yipan"].update(commuter_share={"value": 1.2, "source": "guess"})), ("B603", "datapackage.json", None, "yipan.commuter_share")),
    ("commuters without a source", lambda p: p.descriptor(lambda d: d["yipan"].update(commuter_share={"value": 0.1})), ("B603", "datapackage.json", None, "yipan.commuter_share")),
    ("no resources", lambda p: p.descriptor(lambda d: d.update(resources=3)), ("B603", "datapackage.json", None, "resources")),
    ("a path out of the folder", lambda p: p.descriptor(lambda d: d["resources"][0].update(path="../units.csv")), ("B604", "datapackage.json", None, "resources.units.path")),
    ("an address for a path", lambda p: p.descriptor(lambda d: d["resources"][0].update(path="http://127.0.0.1/units.csv")), ("B604", "datapackage.json", None, "resources.units.path")),
    ("a missing file", lambda p: (p.path / "ages.csv").unlink(), ("B605", "ages.csv", None, "")),
    ("an empty file", lambda p: p.raw("units.csv", b""), ("B606", "units.csv", None, "")),
    ("a file of blank lines", lambda p: p.raw("units.csv", b"\n \n"), ("B606", "units.csv", None, "")),
    ("a GBK file", lambda p: p.raw("events.csv", "day,unit,kind,text_zh,text_en,source\n2021-03-01,SL,school,全省学校延期开学,Schools stay closed,almanac\n".encode("gbk")), ("B608", "events.csv", 2, "")),
    ("a UTF-16 file", lambda p: p.raw("events.csv", "day,unit\n".encode("utf-16")), ("B608", "events.csv", 1, "")),
    ("units without rows", lambda p: p.edit("units", lambda rows: rows.__delitem__(slice(1, None))), ("B609", "units.csv", None, "")),
    ("a table nobody knows", lambda p: p.descriptor(lambda d: d["resources"].append({"name": "reportd", "path": "reported.csv"})), ("B610", "datapackage.json", None, "resources")),
    ("a table twice", lambda p: p.descriptor(lambda d: d["resources"].append({"name": "units", "path": "units.csv"})), ("B610", "datapackage.json", None, "resources")),
    ("an open quote", lambda p: p.raw("events.csv", b'day,unit\n2021-03-01,"SL\n'), ("B611", "events.csv", 2, "")),
    ("a missing column", lambda p: p.edit("ages", lambda rows: [r.pop(1) for r in rows]), ("B612", "ages.csv", 1, "age_group")),
    ("an unknown column", lambda p: p.cell("units", 1, "lon", "longitude"), ("B613", "units.csv", 1, "longitude")),
    ("a column twice", lambda p: p.cell("units", 1, "lon", "lat"), ("B613", "units.csv", 1, "lat")),
    ("a cell too many", lambda p: p.edit("units", lambda rows: rows[4].append("x")), ("B614", "units.csv", 5, "")),
    ("a blank row", lambda p: p.edit("units", lambda rows: rows.insert(3, [])), ("B615", "units.csv", 4, "")),
    ("an empty level", lambda p: p.cell("units", 5, "level", ""), ("B616", "units.csv", 5, "level")),
    ("a word for a number", lambda p: p.cell("units", 5, "population", "many"), ("B617", "units.csv", 5, "population")),
    ("a grouped number", lambda p: p.cell("units", 5, "population", "60,000"), ("B617", "units.csv", 5, "population")),
    ("full-width digits", lambda p: p.cell("units", 5, "population", "６００００"), ("B617", "units.csv", 5, "population")),
    ("not a number", lambda p: p.cell("figures", 2, "value", "NaN"), ("B617", "figures.csv", 2, "value")),
    ("infinity", lambda p: p.cell("figures", 2, "value", "INF"), ("B617", "figures.csv", 2, "value")),
    ("30 February", lambda p: p.cell("reported", 2, "day", "2021-02-30"), ("B617", "reported.csv", 2, "day")),
    ("a moment without offset", lambda p: p.cell("reported", 2, "published_at", "2021-03-02T07:30:00"), ("B617", "reported.csv", 2, "published_at")),
    ("a code with a slash", lambda p: p.cell("units", 9, "code", "SL/S"), ("B617", "units.csv", 9, "code")),
    ("a count of −3", lambda p: p.cell("reported", 2, "confirmed", "-3"), ("B618", "reported.csv", 2, "confirmed")),
    ("a latitude of 95", lambda p: p.cell("units", 5, "lat", "95"), ("B618", "units.csv", 5, "lat")),
    ("a name of 300 letters", lambda p: p.cell("units", 5, "name_en", "x" * 300), ("B618", "units.csv", 5, "name_en")),
    ("an unknown level", lambda p: p.cell("units", 5, "level", "parish"), ("B619", "units.csv", 5, "level")),
    ("a duplicate code", lambda p: p.cell("units", 6, "code", "SL-N-1"), ("B620", "units.csv", 6, "code")),
    ("a missing parent", lambda p: p.cell("units", 9, "parent", "SL-X"), ("B621", "units.csv", 9, "parent")),
    ("a cyclic tree", swap_parents, ("B622", "units.csv", 3, "parent")),
    ("its own parent", lambda p: p.cell("units", 9, "parent", "SL-S-2"), ("B622", "units.csv", 9, "parent")),
    ("a city in a district", lambda p: p.cell("units", 4, "parent", "SL-N-1"), ("B623", "units.csv", 4, "level")),
    ("two roots", lambda p: p.cell("units", 4, "parent", ""), ("B624", "units.csv", 4, "parent")),
    ("no root", lambda p: p.cell("units", 2, "parent", "SL-S"), ("B624", "units.csv", None, "parent")),
    ("merged into itself", lambda p: p.cell("units", 7, "merged_into", "SL-N-3"), ("B625", "units.csv", 7, "merged_into")),
    ("merged without a day", lambda p: p.cell("units", 7, "valid_to", ""), ("B625", "units.csv", 7, "merged_into")),
    ("merged into a region", lambda p: p.cell("units", 7, "merged_into", "SL-S"), ("B625", "units.csv", 7, "merged_into")),
    ("merged into a unit that is gone", lambda p: p.cell("units", 6, "valid_to", "2020-06-01"), ("B625", "units.csv", 7, "merged_into")),
    ("merged into nobody", lambda p: p.cell("units", 7, "merged_into", "SL-Q"), ("B628", "units.csv", 7, "merged_into")),
    ("ends before it begins", lambda p: p.cell("units", 7, "valid_from", "2021-01-01"), ("B626", "units.csv", 7, "valid_to")),
    ("outlives its parent", lambda p: p.cell("units", 4, "valid_to", "2020-01-01"), ("B627", "units.csv", 8, "valid_to")),
    ("ages of nobody", lambda p: p.cell("ages", 2, "unit", "SL-Q"), ("B628", "ages.csv", 2, "unit")),
    ("an unknown neighbour", lambda p: p.cell("adjacency", 2, "unit_b", "SL-Q"), ("B628", "adjacency.csv", 2, "unit_b")),
    ("ages that do not sum", lambda p: p.cell("ages", 3, "population", "1"), ("B629", "ages.csv", 2, "population")),
    ("fifteen age groups", lambda p: p.edit("ages", lambda rows: rows.pop()), ("B629", "ages.csv", 66, "population")),
    ("people lost between levels", lambda p: p.cell("units", 2, "population_elsewhere", ""), ("B630", "units.csv", 2, "population")),
    ("its own neighbour", lambda p: p.cell("adjacency", 2, "unit_b", "SL-N-2"), ("B631", "adjacency.csv", 2, "unit_b")),
    ("a region beside a district", lambda p: p.cell("adjacency", 2, "unit_b", "SL-S"), ("B631", "adjacency.csv", 2, "unit_b")),
    ("a pair twice", lambda p: p.edit("adjacency", lambda rows: rows.append(["SL-N-1", "SL-N-2", "1"])), ("B631", "adjacency.csv", 7, "unit_b")),
    ("a total that falls", lambda p: p.cell("reported", 8, "confirmed", "14"), ("B632", "reported.csv", 8, "confirmed")),
    ("a date of 2099", lambda p: p.cell("reported", 8, "day", "2099-03-03"), ("B633", "reported.csv", 8, "day")),
    ("published tomorrow", lambda p: p.cell("reported", 2, "published_at", "2098-01-01T00:00:00Z"), ("B633", "reported.csv", 2, "published_at")),
    ("published before the day was over", lambda p: p.cell("reported", 2, "published_at", "2021-03-01T20:00:00-05:00"), ("B634", "reported.csv", 2, "published_at")),
    ("a wrong level", lambda p: p.cell("reported", 3, "level", "county"), ("B635", "reported.csv", 3, "level")),
    ("more outcomes than cases", lambda p: p.cell("reported", 8, "cured", "20"), ("B636", "reported.csv", 8, "cured")),
    ("more townspeople than people", lambda p: p.cell("units", 5, "population_urban", "60001"), ("B636", "units.csv", 5, "population_urban")),
    ("a matrix with a hole", lambda p: p.edit("contacts", lambda rows: rows.pop()), ("B637", "contacts.csv", None, "setting")),
    ("a source nobody described", lambda p: p.cell("figures", 2, "source", "hearsay"), ("B638", "figures.csv", 2, "source")),
    ("a point for a shape", lambda p: spoil_shape(p, {"type": "Point", "coordinates": [1, 2]}), ("B639", "boundaries.geojson", 1, "geometry")),
    ("metres for degrees", lambda p: spoil_shape(p, {"type": "Polygon", "coordinates": [[[5e5, 3e6], [6e5, 3e6], [6e5, 4e6], [5e5, 3e6]]]}), ("B639", "boundaries.geojson", 1, "geometry")),
    ("a shape without geometry", lambda p: spoil_shape(p, None), ("B639", "boundaries.geojson", 1, "geometry")),
    ("a unit without name", lambda p: p.cell("units", 5, "name_en", ""), ("B640", "units.csv", 5, "name_en")),
    ("an invisible character", lambda p: p.cell("units", 5, "name_en", "Ash\u202e"), ("B641", "units.csv", 5, "name_en")),
    ("half a coordinate", lambda p: p.cell("units", 5, "lat", ""), ("B642", "units.csv", 5, "lat")),
]  # fmt: skip


def spoil_shape(p: PackageCopy, geometry: object) -> None:
    path = p.path / "boundaries.geojson"
    found = json.loads(path.read_text(encoding="utf-8"))
    found["features"][0]["geometry"] = geometry
    path.write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize(("spoil", "expected"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_fault_is_named_where_it_stands(
    tmp_path: Path, spoil: Spoil, expected: tuple[str, str, int | None, str]
) -> None:
    copy = PackageCopy(tmp_path)
    spoil(copy)
    found = faults_of(copy)
    assert expected in [(f.code, f.file, f.row, f.field) for f in found], [str(f) for f in found]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("spoil", [b[1] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_fault_reads_as_a_sentence_with_its_remedy(
    tmp_path: Path, spoil: Spoil, language: str
) -> None:
    copy = PackageCopy(tmp_path)
    spoil(copy)
    with translation.override(language):
        for fault in faults_of(copy):
            text = str(fault)
            assert "%(" not in text
            assert fault.rule
            assert fault.remedy
            assert text.startswith(fault.code)


def test_every_kind_of_fault_has_a_package_that_shows_it() -> None:
    shown = {expected[0] for _name, _spoil, expected in BROKEN} | {"B607"}
    assert shown == set(KINDS)


def test_every_fault_is_reported_not_the_first_only(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    copy.cell("units", 5, "population", "-3")
    copy.cell("units", 9, "parent", "SL-X")
    copy.cell("reported", 8, "confirmed", "14")
    copy.cell("reported", 9, "day", "2099-01-01")
    copy.raw("events.csv", b"")
    copy.descriptor(lambda d: d["yipan"].pop("title"))
    assert {"B618", "B621", "B632", "B633", "B606", "B603"} <= {f.code for f in faults_of(copy)}


def test_a_fault_in_a_unit_is_not_repeated_for_all_that_name_it(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    copy.cell("units", 5, "lat", "far")
    assert [f.code for f in faults_of(copy)] == ["B617"]


def test_a_gbk_file_is_called_gbk_with_the_command_that_cures_it(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    rows = copy.rows("units")
    rows[0].append("name_zh")
    for i, row in enumerate(rows[1:]):
        row.append(f"示例第{i}区")
    text = "\n".join(",".join(row) for row in rows)
    copy.raw("units.csv", text.encode("gbk"))
    with translation.override("en"):
        fault = next(f for f in faults_of(copy) if f.code == "B608")
        assert "GBK" in fault.rule
        assert "iconv -f GBK -t UTF-8 units.csv" in fault.remedy


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    with (copy.path / "reported.csv").open("wb") as file:
        file.truncate(200 * 1024 * 1024)  # sparse: no disk, and unreadable as CSV
    fault = next(f for f in faults_of(copy) if f.file == "reported.csv")
    assert (fault.code, fault.value) == ("B607", "200 MiB")


def test_the_limits_hold_for_rows_and_for_the_whole(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    assert "B607" in {f.code for f in faults_of(copy, Limits(rows=3))}
    assert "B607" in {f.code for f in faults_of(copy, Limits(package_bytes=2_000))}


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    elsewhere = tmp_path / "elsewhere.csv"
    (copy.path / "events.csv").rename(elsewhere)
    (copy.path / "events.csv").symlink_to(elsewhere)
    assert [f.code for f in faults_of(copy)] == ["B604"]


def test_a_fall_the_authority_made_itself_is_taken(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    copy.cell("reported", 8, "confirmed", "14")
    copy.cell("reported", 8, "basis", "corrected")
    assert faults_of(copy) == []


@pytest.mark.parametrize("path", [SAMPLELAND, path_of("henan-2020")])
def test_our_own_packages_have_no_fault(path: Path) -> None:
    assert validate_package(path=path, at=datetime(2026, 11, 24, tzinfo=UTC)).faults == []


def test_the_demo_package_carries_the_schema_it_is_checked_against() -> None:
    found = json.loads((path_of("henan-2020") / "datapackage.json").read_text(encoding="utf-8"))
    for resource in found["resources"]:
        assert resource["schema"] == TABLES[resource["name"]].descriptor(), resource["name"]
