"""`yipan severity`: refusals, then the published figure from its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

DELAY = ("--onset-to-death", "lognormal:2.577,0.440")
FIELDS = ["naive", "estimate", "low", "high", "deaths", "cases", "note"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("date,cases,deaths", *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "delay", ["lognormal:2.577", "weibull:1,2", "gamma:a,b", "gamma:1,2,3", "gamma:-1,2", ""]
)
def test_a_delay_that_is_none_is_refused(tmp_path: Path, delay: str) -> None:
    answer = call(
        "severity", write(tmp_path / "c.csv", "2020-01-01,9,0"), "--onset-to-death", delay
    )
    assert answer.exit_code == 1
    assert "E8" in answer.stderr


def test_a_negative_count_is_refused_with_its_row(tmp_path: Path) -> None:
    bad = write(tmp_path / "c.csv", "2020-01-01,9,0", "2020-01-02,9,-1")
    answer = call("severity", bad, *DELAY, "--json")
    assert answer.exit_code == 1
    assert "row 3, column deaths" in answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["error"]["code"] == "E831"


def test_without_information_the_interval_is_everything(tmp_path: Path) -> None:
    answer = call("severity", write(tmp_path / "c.csv", "2020-01-01,0,0"), *DELAY, "--json")
    found = json.loads(answer.stdout.splitlines()[-1])
    assert (found["low"], found["high"], found["note"]) == (0.0, 1.0, "no_information")
    assert found["estimate"] is None


def test_the_published_figure_comes_out_of_the_file(shared: Path) -> None:
    counts = shared / "reference" / "cfr" / "cfr_input_uk.csv"
    answer = call("severity", counts, *DELAY, "--until", "2020-12-31", "--json")
    found = json.loads(answer.stdout.splitlines()[-1])
    assert list(found) == FIELDS
    assert found["estimate"] == pytest.approx(0.0465, abs=5e-4)
    assert (found["low"], found["high"]) == pytest.approx((0.0462, 0.0467), abs=5e-4)


def test_in_words_it_names_what_it_counted(tmp_path: Path) -> None:
    answer = call(
        "severity", write(tmp_path / "c.csv", "2020-01-01,90,0", "2020-03-31,0,3"), *DELAY
    )
    assert answer.exit_code == 1  # February has no rows: zeros must be explicit
    assert "2020-01-02 is missing" in answer.stderr
