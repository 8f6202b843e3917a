"""`yipan outcomes`: what it refuses, then persons and daily sums."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

PERSONS = "admitted,ended,outcome\n"
DAYS = "date,admitted,died,cured\n"


def call(path: Path, text: str, *more: str) -> Result:
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["outcomes", str(path), "--json", *more])


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (PERSONS + "2020-02-01,2020-01-31,died\n", "E831", "row 2, column ended"),
        (PERSONS + "2020-02-01,,died\n", "E831", "row 2, column ended"),
        (PERSONS + "2020-02-01,2020-02-03,moved\n", "E831", "row 2, column outcome"),
        (PERSONS + "2020-02-30,,\n", "E831", "row 2, column admitted"),
        (PERSONS + "2020-02-01,3 Feb,cured\n", "E831", "row 2, column ended"),
        (DAYS + "2020-02-01,1,1,1\n", "E802", "of 1 admitted"),
        (DAYS + "2020-02-01,9,0,0\n2020-02-03,9,0,0\n", "E831", "2020-02-02 is missing"),
        ("admitted\n3\n", "E831", "column date or t"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, code: str, told: str) -> None:
    answer = call(tmp_path / "f.csv", text)
    assert answer.exit_code == 1
    assert code in answer.stderr
    assert told in answer.stderr


def test_persons_who_all_left_are_counted(tmp_path: Path) -> None:
    rows = "".join(
        f"2020-02-01,{date(2020, 2, 1) + timedelta(days=4)},{'死亡' if n < 10 else 'cured'}\n"
        for n in range(100)
    )
    found = json.loads(call(tmp_path / "f.csv", PERSONS + rows).stdout)
    assert (found["people"], found["died"], found["cured"]) == (100, 10, 90)
    assert found["fatality_low"] < 0.1 < found["fatality_high"]
    assert found["days_to_cure"] == pytest.approx(4, abs=0.3)
    assert found["fatality_low"] + found["cure_high"] == pytest.approx(1)


def test_what_came_after_now_is_not_used(tmp_path: Path) -> None:
    rows = "2020-02-01,2020-02-20,died\n2020-02-02,,\n2020-03-01,,\n"
    found = json.loads(call(tmp_path / "f.csv", PERSONS + rows, "--now", "2020-02-10").stdout)
    assert (found["people"], found["died"], found["note"]) == (2, 0, "no_information")
    assert (found["fatality_low"], found["fatality_high"]) == (0.0, 1.0)


def test_daily_sums_are_estimated(tmp_path: Path) -> None:
    rows = "".join(
        f"{date(2020, 2, 1) + timedelta(days=t)},{200 if t == 0 else 0},{int(10 <= t < 30)},"
        f"{9 if 5 <= t < 25 else 0}\n"
        for t in range(40)
    )
    found = json.loads(call(tmp_path / "f.csv", DAYS + rows).stdout)
    assert found["fatality"] == pytest.approx(0.1, abs=0.03)
    assert found["days_to_death"] == pytest.approx(20, abs=2)
    told = CliRunner().invoke(main, ["outcomes", str(tmp_path / "f.csv")]).output
    assert told.count("[") == 5
