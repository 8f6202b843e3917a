"""`yipan scan`: refusals, then a planted cluster under each null and kind of zone."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

HEADER = "rank,places,t_start,t_end,observed,expected,relative_risk,llr,p_value"
NAMES = ("甲县", "乙县", "丙县", "丁县", "戊县")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty days of five counties on a line; the third has a cluster on the last three days."""
    rng = np.random.default_rng(3)
    cases = rng.poisson(1.0, (20, 5))
    cases[-3:, 2] += 8
    lines = [
        f"2020-02-{t + 1:02d},{name},{cases[t, p]},{(p + 1) * 1000}"
        for t in range(20)
        for p, name in enumerate(NAMES)
    ]
    (tmp_path / "counts.csv").write_text(
        "time,place,count,population\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )
    points = "\n".join(f"{name},{113 + p / 10},34.5" for p, name in enumerate(NAMES))
    (tmp_path / "places.csv").write_text("place,lon,lat\n" + points + "\n", encoding="utf-8")
    pairs = "\n".join(f"{a},{b}" for a, b in pairwise(NAMES))
    (tmp_path / "touching.csv").write_text("place_a,place_b\n" + pairs + "\n", encoding="utf-8")
    return tmp_path


def scanned(folder: Path, *options: object) -> list[dict[str, str]]:
    out = folder / "out.csv"
    answer = call(
        "scan", folder / "counts.csv", "--places", folder / "places.csv", "--out", out,
        "--max-places", 3, "--max-duration", 7, "--simulations", 199, *options,
    )  # fmt: skip
    assert answer.exit_code == 0, answer.stderr
    assert out.read_text(encoding="utf-8").splitlines()[0] == HEADER
    with out.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("null", ["expectation", "population", "permutation"])
@pytest.mark.parametrize("zones", ["round", "connected"])
def test_the_planted_cluster_comes_first(folder: Path, null: str, zones: str) -> None:
    options = ["--adjacency", folder / "touching.csv"] if zones == "connected" else []
    first = scanned(folder, "--null", null, *options)[0]
    assert "丙县" in first["places"].split(";")
    assert first["t_end"] == "2020-02-20"
    assert float(first["p_value"]) <= 0.01


def test_the_same_seed_writes_the_same_file(folder: Path) -> None:
    runs = [scanned(folder, "--null", "population", "--seed", 4) for _ in range(2)]
    assert runs[0] == runs[1]


def test_another_seed_moves_only_the_p_values(folder: Path) -> None:
    one, two = (scanned(folder, "--null", "population", "--seed", s) for s in (4, 5))
    assert [row["llr"] for row in one] == [row["llr"] for row in two]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("counts.csv", "2020-02-07,乙县,", "2020-02-07,乙县,-", "column count"),
        ("counts.csv", "population", "people", "column population"),
        ("counts.csv", "2020-02-03,甲县", "2020-02-33,甲县", "column time"),
        ("counts.csv", "2020-02-03,甲县", "2020-02-04,甲县", "stands twice"),
        ("places.csv", "丁县", "丁", "丁县"),
        ("places.csv", "34.5", "north", "column lat"),
        ("places.csv", "place,lon", "name,lon", "column place"),
    ],
)
def test_a_bad_file_is_refused_with_its_field(
    folder: Path, file: str, old: str, new: str, told: str
) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    answer = call(
        "scan", folder / "counts.csv", "--places", folder / "places.csv", "--null", "population"
    )
    assert answer.exit_code == 1
    assert "E831" in answer.stderr
    assert told in answer.stderr


def test_without_history_an_expectation_is_refused(folder: Path) -> None:
    answer = call(
        "scan", folder / "counts.csv", "--places", folder / "places.csv",
        "--null", "expectation", "--max-duration", 20,
    )  # fmt: skip
    assert answer.exit_code == 1
    assert "no day before" in answer.stderr


def test_pairs_of_other_places_are_refused(folder: Path) -> None:
    (folder / "touching.csv").write_text("place_a,place_b\nX,Y\n", encoding="utf-8")
    answer = call(
        "scan", folder / "counts.csv", "--places", folder / "places.csv",
        "--null", "permutation", "--adjacency", folder / "touching.csv",
    )  # fmt: skip
    assert answer.exit_code == 1
    assert "No pair" in answer.stderr


@pytest.mark.parametrize(("column", "value"), [("lon", "1100"), ("lat", "-91")])
def test_a_place_off_the_globe_is_refused_by_its_row(
    tmp_path: Path, column: str, value: str
) -> None:
    counts, places = tmp_path / "c.csv", tmp_path / "p.csv"
    counts.write_text("time,place,count\n1,A,2\n2,A,3\n3,A,1\n", encoding="utf-8")
    at = {"lon": "113", "lat": "34", column: value}
    places.write_text(f"place,lon,lat\nA,{at['lon']},{at['lat']}\n", encoding="utf-8")
    answer = call("scan", counts, "--places", places, "--null", "permutation")
    assert answer.exit_code == 1
    assert f"E831 [{places}, row 2, column {column}]" in answer.stderr
