"""`yipan forecast`: refusals, then a forecast, its baseline and its score from a file."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

HEADER = "place,target_date,horizon,mean,q025,q05,q25,median,q75,q95,q975"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    lines = ["date,place,cases"]
    for t in range(40):
        day = date(2020, 1, 21) + timedelta(days=t)
        lines += [f"{day},{place},{rng.poisson(9)}" for place in ("A", "B")]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "options",
    [
        ("--control-date", "25 January"),
        ("--rt-after", "low"),
        ("--until", "2019-12-01"),
        ("--control-date", "2020-01-25", "--infection-to-report", "gamma:6"),
        ("--score", "39"),
    ],
)
def test_an_option_that_is_none_is_refused(counts: Path, options: tuple[str, ...]) -> None:
    answer = call("forecast", counts, "--horizon", 40 if "--score" in options else 7, *options)
    assert answer.exit_code == 1
    assert "E8" in answer.stderr


def test_a_negative_count_is_refused_with_its_row(counts: Path) -> None:
    counts.write_text(counts.read_text().replace("2020-01-22,A,", "2020-01-22,A,-"))
    answer = call("forecast", counts)
    assert answer.exit_code == 1
    assert "row 4, column cases" in answer.stderr


@pytest.mark.parametrize(
    "options", [(), ("--baseline",), ("--control-date", "2020-01-25", "--score", "3")]
)
def test_each_place_has_each_day_ahead(
    counts: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = tmp_path / "out.csv"
    answer = call("forecast", counts, "--horizon", 7, "--out", out, *options)
    assert answer.exit_code == 0, answer.stderr
    assert out.read_text(encoding="utf-8").splitlines()[0] == HEADER
    with out.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 14
    assert (rows[0]["target_date"], rows[6]["target_date"]) == ("2020-03-01", "2020-03-07")
    for row in rows:
        assert float(row["q025"]) <= float(row["median"]) <= float(row["q975"])
    assert ("Mean WIS of 3 origins" in answer.stderr) == ("--score" in options)


def test_what_comes_after_until_is_not_used(counts: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv"
    kept = [
        line for line in counts.read_text().splitlines() if line[:10] <= "2020-02-10" or "d" in line
    ]
    cut.write_text("\n".join(kept) + "\n", encoding="utf-8")
    whole = call("forecast", counts, "--until", "2020-02-10")
    assert whole.stdout == call("forecast", cut).stdout


def test_local_and_imported_cases_are_added_up(counts: Path, tmp_path: Path) -> None:
    lines = counts.read_text("utf-8").splitlines()
    apart = tmp_path / "apart.csv"
    apart.write_text(
        "date,place,local,imported\n"
        + "".join(
            f"{day},{place},{max(0, int(n) - 1)},{min(1, int(n))}\n"
            for day, place, n in (line.split(",") for line in lines[1:])
        ),
        encoding="utf-8",
    )
    together = [call("forecast", path, "--horizon", "3").stdout for path in (counts, apart)]
    assert together[0] == together[1]
    assert together[0].startswith(HEADER)
