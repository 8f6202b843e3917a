"""`yipan nowcast`: refusals, then the published triangle from its file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

HEADER = "reference_date,report_date,count"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2020-01-05,2020-01-04,1", "row 3, column report_date"),
        ("2020-01-05,2020-01-06,-1", "row 3, column count"),
        ("2020-01-05,2020-13-06,1", "row 3, column report_date"),
        ("2020-01-01,2020-01-02,1", "stands twice"),
    ],
)
def test_a_bad_row_is_refused_by_its_number(tmp_path: Path, row: str, told: str) -> None:
    bad = write(tmp_path / "bad.csv", "2020-01-01,2020-01-02,3", row)
    answer = call("nowcast", bad, "--now", "2020-01-10")
    assert answer.exit_code == 1
    assert "E831" in answer.stderr
    assert told in answer.stderr


@pytest.mark.parametrize("now", ["2019-12-01", "10 January"])
def test_a_now_that_cannot_be_is_refused(tmp_path: Path, now: str) -> None:
    answer = call("nowcast", write(tmp_path / "t.csv", "2020-01-01,2020-01-02,3"), "--now", now)
    assert answer.exit_code == 1
    assert "E831" in answer.stderr


def test_what_is_reported_after_now_is_not_used(tmp_path: Path) -> None:
    rows = [
        f"2020-01-{begun:02d},2020-01-{begun + delay:02d},{9 - delay}"
        for begun in range(1, 20)
        for delay in range(8)
    ]
    then = [row for row in rows if row.split(",")[1] <= "2020-01-15"]
    all_, early = tmp_path / "all.csv", tmp_path / "early.csv"
    for source, out in ((rows, all_), (then, early)):
        answer = call(
            "nowcast", write(tmp_path / "t.csv", *source), "--now", "2020-01-15", "--out", out
        )
        assert answer.exit_code == 0, answer.stderr
    assert all_.read_text() == early.read_text()


def test_the_published_triangle_comes_out_below_the_published_error(
    shared: Path, tmp_path: Path
) -> None:
    folder, out = shared / "reference" / "nowcast", tmp_path / "out.csv"
    answer = call(
        "nowcast", folder / "nowcast_input_germany_hosp_DE_allages.csv",
        "--now", "2021-10-01", "--out", out,
    )  # fmt: skip
    assert answer.exit_code == 0, answer.stderr
    assert "not yet reported" in answer.stderr
    with out.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert ",".join(rows[0]) == (
        "place,reference_date,reported,mean,q025,q05,q25,median,q75,q95,q975"
    )
    with (folder / "nowcast_baselinenowcast_DE_2021-10-01.csv").open(encoding="utf-8") as lines:
        truth = {row["reference_date"]: float(row["count"]) for row in csv.DictReader(lines)}
    latest = rows[-15:]
    assert latest[-1]["reference_date"] == "2021-10-01"
    error = np.mean([abs(float(row["median"]) - truth[row["reference_date"]]) for row in latest])
    assert error < 28.2


def test_a_delay_from_elsewhere_says_what_the_first_days_cannot(tmp_path: Path) -> None:
    rows = [f"2020-01-{day:02d},2020-01-{day + 1:02d},2" for day in range(1, 6)]
    triangle = write(tmp_path / "t.csv", *rows)
    reached = {}
    for name, options in (("own", ()), ("given", ("--delay", "gamma:2.8,2.5"))):
        out = tmp_path / f"{name}.csv"
        answer = call("nowcast", triangle, "--now", "2020-01-06", *options, "--out", out)
        assert answer.exit_code == 0, answer.stderr
        with out.open(encoding="utf-8") as lines:
            reached[name] = sum(float(row["mean"]) for row in csv.DictReader(lines))
    assert reached["given"] > 2 * reached["own"]  # of a week's delay next to all is still out
    refused = call("nowcast", triangle, "--now", "2020-01-06", "--delay", "gamma:2")
    assert refused.exit_code == 1
    assert "E831 [--delay]" in refused.stderr
