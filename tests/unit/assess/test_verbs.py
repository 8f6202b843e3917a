"""`yipan tiers` and `yipan chains` on plain files: answers, refusals with file, row and field."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.utils import translation

from yipan.cli import main

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """A verb speaks the terminal's language; the tests after it shall not."""
    yield
    translation.deactivate()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in an empty folder, in English."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YIPAN_LANGUAGE", "en")

    def go(*words: str, **files: str) -> Result:
        for name, text in files.items():
            Path(f"{name}.csv").write_text(text, encoding="utf-8")
        return CliRunner().invoke(main, list(words))

    return go


def rows(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(result.stdout.splitlines()))


FACTS = """place,ever,new_14_days,cumulative,cluster_14_days
Alder,true,3,60,
Birch,no,0,0,
Cedar,,,,
Dogwood,是,2,51,否
"""


def test_tiers_of_a_file_with_their_reasons(run: Run) -> None:
    found = {r["place"]: r for r in rows(run("tiers", "facts.csv", facts=FACTS))}
    assert {p: r["tier"] for p, r in found.items()} == {
        "Alder": "undecided", "Birch": "low", "Cedar": "no_data", "Dogwood": "medium",
    }  # fmt: skip
    assert found["Alder"]["needs"] == "cluster_14_days"
    assert "cluster_14_days equals true → high" in found["Alder"]["would_change"]
    assert found["Birch"]["why"].startswith("No case ever")
    assert found["Dogwood"]["rule"] == "3"


def test_every_pack_is_listed_with_its_facts(run: Run) -> None:
    listed = run("tiers", "--list").output
    for name in ("china-2020-02", "china-2022-06", "cdc-2022-02", "ecdc-2020-10", "ecdc-2021-06"):
        assert name in listed
    assert "    covid_beds_percent: " in listed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("place,ever\nAlder,perhaps\n", "row 2, column ever"),
        ("place,new_14_days\nAlder,many\n", "row 2, column new_14_days"),
        ("place,colour\nAlder,red\n", "none of the facts"),
        ("ever\ntrue\n", "The column place is missing"),
    ],
)
def test_what_is_no_fact_is_refused_where_it_stands(run: Run, text: str, told: str) -> None:
    result = run("tiers", "facts.csv", facts=text)
    assert result.exit_code == 1
    assert told in result.output


def test_an_unknown_pack_is_refused(run: Run) -> None:
    result = run("tiers", "facts.csv", "--pack", "mars", facts=FACTS)
    assert result.exit_code == 1
    assert "A203" in result.output


CASES = """case,infector,onset
a,,2020-02-01
b,a,2020-02-05
c,a,2020-02-07
d,b,2020-02-04
e,b,2020-02-12
f,c,2020-02-13
g,,
"""


def test_chains_with_interval_and_offspring(run: Run) -> None:
    result = run("chains", "cases.csv", "--json", "--out", "out.csv", cases=CASES)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["cases"], summary["chains"], summary["largest_chain"]) == (7, 2, 6)
    assert summary["serial_interval"]["pairs"] == 5
    assert summary["serial_interval"]["negative"] == 1
    assert summary["serial_interval"]["mean_days"] == pytest.approx(4.4, abs=0.05)
    assert summary["offspring"]["R"] == pytest.approx(5 / 7, abs=0.01)
    with Path("out.csv").open(encoding="utf-8") as stream:
        table = {r["case"]: r for r in csv.DictReader(stream)}
    assert (table["e"]["generation"], table["e"]["chain"]) == ("2", "1")
    assert table["g"]["chain_size"] == "1"


def test_too_few_cases_are_an_answer_not_a_fault(run: Run) -> None:
    result = run("chains", "cases.csv", "--json", cases="case,infector\na,\nb,a\n")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["offspring"] is None
    assert "too few" in summary["notes"][0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("case,infector\na,x\n", "row 2, column infector"),
        ("case,infector\na,\na,\n", "row 3, column case"),
        ("case,infector\na,b\nb,a\n", "in a circle"),
        ("case,infector,onset\na,,soon\n", "row 2, column onset"),
    ],
)
def test_what_is_no_chain_is_refused_where_it_stands(run: Run, text: str, told: str) -> None:
    result = run("chains", "cases.csv", cases=text)
    assert result.exit_code == 1
    assert told in result.output
