"""`yipan rt`: what it refuses and how it says so, then what it answers."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from yipan.cli import main

SI = ("--si-mean", "7.5", "--si-sd", "3.4")
HEADER = "place,t_start,t_end,mean,sd,q025,q05,median,q95,q975"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("date,place\n2020-01-01,A\n", "E831", "column cases"),
        ("cases\n3\n", "E831", "column t or date"),
        ("date,cases\n2020-01-01,3\n2020-01-02,-4\n", "E831", "row 3, column cases"),
        ("date,cases\n2020-01-01,3\n2020-01-02,\n", "E831", "row 3, column cases"),
        ("date,cases\n2020-01-01,3\n2020-01-02,2.5\n", "E831", "row 3, column cases"),
        ("date,cases\n2020-01-01,3\n2020-02-30,4\n", "E831", "row 3, column date"),
        ("t,cases\n1,3\nx,4\n", "E831", "row 3, column t"),
        ("t,cases\n1,3\n3,4\n", "E831", "2 is missing"),
        ("t,cases\n1,3\n1,4\n", "E831", "1 stands twice"),
        ("t,cases\n1,3,9\n", "E831", "Row 2 has 3 fields"),
        ("t,cases,imported\n1,3,0\n", "E831", "ambiguous"),
        ("", "E832", "empty"),
        ("date,cases\n", "E832", "no row"),
    ],
)
def test_a_bad_file_is_refused_with_its_row_and_field(
    tmp_path: Path, text: str, code: str, told: str
) -> None:
    bad = write(tmp_path / "bad.csv", text)
    answer = call("rt", bad, *SI, "--out", tmp_path / "out.csv")
    assert answer.exit_code == 1
    assert f"{code} [{bad}" in answer.stderr
    assert told in answer.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_file_in_gbk_is_refused_with_the_cure(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.csv", "t,place,cases\n1,郑州,3\n", encoding="gbk")
    answer = call("rt", bad, *SI)
    assert answer.exit_code == 1
    assert "E832" in answer.stderr
    assert "Line 2" in answer.stderr
    assert "iconv" in answer.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    answer = call("rt", tmp_path / "nothing.csv", *SI)
    assert answer.exit_code == 1
    assert "E832" in answer.stderr


@pytest.mark.parametrize(
    "options",
    [(), ("--si-mean", "7"), ("--si", "si.csv", "--si-mean", "7"), (*SI, "--window", "0")],
)
def test_a_serial_interval_or_window_that_is_none_is_refused(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    good = write(tmp_path / "good.csv", "t,cases\n" + "".join(f"{t},{t}\n" for t in range(1, 30)))
    assert call("rt", good, *options).exit_code in (1, 2)


def test_the_window_is_named_by_the_days_of_the_file(tmp_path: Path) -> None:
    days = "".join(f"2020-01-{t:02d},{t}\n" for t in range(1, 31))
    out = tmp_path / "out.csv"
    answer = call("rt", write(tmp_path / "c.csv", "date,cases\n" + days), *SI, "--out", out)
    assert answer.exit_code == 0, answer.stderr
    assert out.read_text(encoding="utf-8").splitlines()[0] == HEADER
    first, last = rows_of(out)[0], rows_of(out)[-1]
    assert (first["t_start"], first["t_end"]) == ("2020-01-02", "2020-01-08")
    assert last["t_end"] == "2020-01-30"


def test_places_of_different_days_are_estimated_each_on_its_own(tmp_path: Path) -> None:
    alone = "".join(f"{t},{3 * t}\n" for t in range(5, 40))
    both = "".join(f"{t},{3 * t},B\n" for t in range(5, 40)) + "".join(
        f"{t},{t},A\n" for t in range(1, 30)
    )
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    call("rt", write(tmp_path / "a.csv", "t,cases\n" + alone), *SI, "--out", one)
    call("rt", write(tmp_path / "b.csv", "t,cases,place\n" + both), *SI, "--out", two)
    of_b = [row for row in rows_of(two) if row["place"] == "B"]
    assert [r["mean"] for r in of_b] == [r["mean"] for r in rows_of(one)]


@pytest.mark.parametrize("flu", ["Flu2009", "Flu1918"])
def test_the_published_windows_come_out_of_the_file(flu: str, shared: Path, tmp_path: Path) -> None:
    folder, out = shared / "reference" / "rt", tmp_path / "out.csv"
    answer = call(
        "rt", folder / f"epiestim_input_{flu}.csv", "--si", folder / f"epiestim_si_{flu}.csv",
        "--out", out,
    )  # fmt: skip
    assert answer.exit_code == 0, answer.stderr
    wanted = [
        row
        for row in rows_of(folder / "epiestim_reference.csv")
        if row["case"] == f"{flu}_nonparam"
    ]
    found = rows_of(out)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        for column in HEADER.split(",")[1:]:
            if theirs[column] == "NA":
                assert ours[column] == "NA"
            else:
                assert float(ours[column]) == pytest.approx(float(theirs[column]), abs=1e-6)


def test_imported_cases_lower_the_estimate(tmp_path: Path) -> None:
    local, mixed = tmp_path / "local.csv", tmp_path / "mixed.csv"
    rows = range(1, 40)
    write(tmp_path / "a.csv", "t,local,imported\n" + "".join(f"{t},8,0\n" for t in rows))
    write(tmp_path / "b.csv", "t,local,imported\n" + "".join(f"{t},5,3\n" for t in rows))
    call("rt", tmp_path / "a.csv", *SI, "--out", local)
    call("rt", tmp_path / "b.csv", *SI, "--out", mixed)
    assert float(rows_of(mixed)[-1]["mean"]) < float(rows_of(local)[-1]["mean"])


def test_pooled_gives_every_day_of_every_place_in_the_same_columns(tmp_path: Path) -> None:
    rows = "".join(f"{t},{p},{(t + len(p)) % 4}\n" for p in "AB" for t in range(1, 25))
    out = tmp_path / "out.csv"
    answer = call(
        "rt", write(tmp_path / "c.csv", "t,place,cases\n" + rows), *SI, "--pooled", "--out", out
    )
    assert answer.exit_code == 0, answer.stderr
    assert out.read_text(encoding="utf-8").splitlines()[0] == HEADER
    found = rows_of(out)
    assert [(r["place"], r["t_start"]) for r in found] == [
        (p, str(t)) for p in "AB" for t in range(1, 25)
    ]
    for row in found:
        assert 0 < float(row["q025"]) <= float(row["median"]) <= float(row["q975"])


def test_pooled_refuses_places_of_different_days(tmp_path: Path) -> None:
    rows = "".join(f"{t},A,1\n" for t in range(1, 25)) + "".join(f"{t},B,1\n" for t in range(3, 25))
    answer = call("rt", write(tmp_path / "c.csv", "t,place,cases\n" + rows), *SI, "--pooled")
    assert answer.exit_code == 1
    assert "The place B" in answer.stderr


def test_a_serial_interval_may_change_from_a_day_on(tmp_path: Path) -> None:
    cases = write(tmp_path / "c.csv", "t,cases\n" + "".join(f"{t},{2**t}\n" for t in range(1, 17)))
    slow, fast = "0,0,\n1,0,\n2,1,\n", "0,0,9\n1,1,9\n2,0,9\n"
    both = write(tmp_path / "both.csv", "k,w,from\n" + slow + fast)
    answer = call("rt", cases, "--si", both, "--window", "3", "--out", tmp_path / "o.csv")
    assert answer.exit_code == 0, answer.stderr
    means = {int(row["t_end"]): float(row["mean"]) for row in rows_of(tmp_path / "o.csv")}
    assert means[8] == pytest.approx(4, rel=0.05)  # a generation of two days, growth of 2 a day
    assert means[16] == pytest.approx(2, rel=0.01)
    assert 2 < means[10] < 4


def test_a_place_may_have_its_own_serial_interval_but_not_when_pooled(tmp_path: Path) -> None:
    rows = "".join(f"{t},{2**t},{p}\n" for p in "ab" for t in range(1, 13))
    cases = write(tmp_path / "c.csv", "t,cases,place\n" + rows)
    si = write(tmp_path / "si.csv", "k,w,place\n0,0,\n1,0,\n2,1,\n0,0,b\n1,1,b\n")
    answer = call("rt", cases, "--si", si, "--window", "3", "--out", tmp_path / "o.csv")
    assert answer.exit_code == 0, answer.stderr
    last = {row["place"]: float(row["mean"]) for row in rows_of(tmp_path / "o.csv")}
    assert last["a"] == pytest.approx(4, rel=0.01)
    assert last["b"] == pytest.approx(2, rel=0.01)
    refused = call("rt", cases, "--si", si, "--pooled")
    assert refused.exit_code == 1
    assert "share one serial interval" in refused.stderr


def test_an_interval_of_a_million_days_is_refused(tmp_path: Path) -> None:
    cases = write(tmp_path / "c.csv", "t,cases\n" + "".join(f"{t},3\n" for t in range(12)))
    si = write(tmp_path / "si.csv", "k,w\n0,0\n1000000000000,1\n")
    answer = call("rt", cases, "--si", si)
    assert answer.exit_code == 1
    assert "si.csv, row 3, column k" in answer.stderr


def test_pooled_on_a_triangle_allows_for_what_is_not_yet_reported(tmp_path: Path) -> None:
    day = [date(2020, 1, 1) + timedelta(days=n) for n in range(30)]
    rows = [
        f"{day[t]},{day[t + delay]},{10 if delay < 2 else 0},A,{5 if t < 4 and delay < 2 else 0}\n"
        for t in range(30)
        for delay in range(3)
        if t + delay < 30
    ]
    triangle = write(
        tmp_path / "t.csv", "reference_date,report_date,count,place,imported\n" + "".join(rows)
    )
    late = call("rt", triangle, *SI, "--pooled", "--now", "2020-01-30", "--out", tmp_path / "o.csv")
    assert late.exit_code == 0, late.stderr
    last = rows_of(tmp_path / "o.csv")[-1]
    assert last["t_start"] == last["t_end"] == "2020-01-30"
    assert 0.7 < float(last["median"]) < 1.5  # half of the last day is still out: no fall is seen
    assert call("rt", triangle, *SI).exit_code == 2
    cases = write(tmp_path / "c.csv", "t,cases\n" + "".join(f"{t},3\n" for t in range(12)))
    assert call("rt", cases, *SI, "--now", "2020-01-30").exit_code == 2


@pytest.mark.parametrize("weights", ["0,0\n1,0.8\n2,0.5\n", "0,0.1\n1,0.9\n"])
def test_weights_that_are_no_probability_by_day_are_refused_with_their_file(
    tmp_path: Path, weights: str
) -> None:
    cases = write(tmp_path / "c.csv", "t,cases\n" + "".join(f"{t},3\n" for t in range(12)))
    si = write(tmp_path / "si.csv", "k,w\n" + weights)
    answer = call("rt", cases, "--si", si)
    assert answer.exit_code == 1
    assert f"E831 [{si}, column w]" in answer.stderr
