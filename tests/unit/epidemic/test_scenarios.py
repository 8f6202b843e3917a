"""Scenario files: what they refuse, what they mean, and what `yipan simulate` writes."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from yipan.cli import main
from yipan.engines.epidemic.laws import reproduction_number
from yipan.engines.epidemic.scenarios import read_scenarios
from yipan.engines.errors import (
    ControlOutOfRange,
    MalformedCourse,
    MalformedParameters,
    MalformedScenario,
    OutOfRange,
    TooManySeeds,
    TravelNotConserved,
    UnknownPlace,
    ZeroPopulation,
)

WORLD = {
    "title": "Two towns",
    "disease": "sars_cov_2_wild",
    "people": [
        {"place": p, "age": a, "persons": n}
        for p, scale in (("east", 1000), ("west", 500))
        for a, n in (("0-19", 20 * scale), ("20-59", 50 * scale), ("60+", 20 * scale))
    ],
    "contacts": [
        {"setting": s, "age_participant": a, "age_contact": b, "contacts_per_day": c}
        for s, c in (("home", 1.0), ("work", 2.0))
        for a in ("0-19", "20-59", "60+")
        for b in ("0-19", "20-59", "60+")
    ],
    "mixing": [{"from": "east", "to": "west", "share": 0.1}],
    "days": 30,
    "R0": 2.2,
    "seeds": [{"place": "east", "age": "20-59", "stage": "exposed", "persons": 150}],
    "detection": 0.3,
    "scenarios": {
        "open": {"title": "As before"},
        "closed": {
            "title": "Work closed from day 5",
            "controls": [{"from": 5, "settings": ["work"], "level": 0.1}],
            "detection": [{"share": 0.3}, {"from": 5, "share": 0.7}],
        },
    },
}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "world.yaml"
    path.write_text(
        yaml.safe_dump({**WORLD, **changes}, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"diseas": "x"}, MalformedScenario, "“diseas” means nothing"),
        ({"disease": "gout"}, MalformedParameters, "no parameter set"),
        ({"days": "soon"}, MalformedScenario, "cannot be understood"),
        ({"people": "missing.csv"}, MalformedScenario, "missing.csv"),
        ({"people": []}, MalformedScenario, "no rows"),
        ({"transmission": -0.1}, OutOfRange, "transmission is -0.1"),
        ({"mixing": [{"from": "east", "to": "west", "share": 1.2}]}, TravelNotConserved, "east would spend 1.2"),
        ({"mixing": [{"from": "east", "to": "west", "share": -0.2}]}, TravelNotConserved, "east"),
        ({"mixing": [{"from": "east", "to": "Atlantis", "share": 0.2}]}, UnknownPlace, "Atlantis"),
        ({"seeds": [{"place": "east", "age": "20-59", "stage": "exposed", "persons": 10_000_000}]}, TooManySeeds, "10,000,000"),
        ({"seeds": [{"place": "east", "age": "20-59", "stage": "bored", "persons": 1}]}, MalformedCourse, "bored"),
        ({"seeds": [{"place": "east", "age": "20-29", "stage": "exposed", "persons": 1}]}, MalformedScenario, "20-29"),
        ({"controls": [{"level": 1.5}], "scenarios": None}, ControlOutOfRange, "1.5"),
        ({"controls": [{"level": 0.5, "settings": ["church"]}], "scenarios": None}, MalformedScenario, "church"),
        ({"scenarios": {"a": {"days": 3}}}, MalformedScenario, "“days” means nothing"),
        ({"imports": [{"day": 31, "place": "east", "infections": 1}]}, MalformedScenario, "day 31"),
        ({"figures": {"charm": 1}}, MalformedParameters, "charm"),
        ({"local": ["garden"]}, MalformedScenario, "garden"),
        ({"people": [{**r, "persons": 0} if r["place"] == "west" else r for r in WORLD["people"]]}, ZeroPopulation, "west has nobody"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_run_is_refused_in_words(
    tmp_path: Path, change: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_scenarios(written(tmp_path, **change))


def test_a_policy_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    read = read_scenarios(written(tmp_path))
    before, closed = read.specifications["open"], read.specifications["closed"]
    assert reproduction_number(before.but(redirects=())) == pytest.approx(2.2)
    assert (before.controls == 1).all()
    assert closed.controls[4].min() == 1
    assert closed.controls[5, 0].tolist() == [1.0, 0.1]
    assert closed.redirects[0].share[:, 0].tolist() == [0.3] * 5 + [0.7] * 25
    assert before.redirects[0].share.max() == 0.3
    assert (before.transmission == closed.transmission).all()
    np.testing.assert_allclose(before.mixing.toarray(), [[0.9, 0.1], [0, 1]])


def test_tables_may_stand_in_csv_files(tmp_path: Path) -> None:
    people = "place,age,persons\n" + "\n".join(
        f"{r['place']},{r['age']},{r['persons']}" for r in WORLD["people"]
    )
    (tmp_path / "people.csv").write_text("\ufeff" + people, encoding="utf-8")
    read = read_scenarios(written(tmp_path, people="people.csv"))
    assert read.specifications["open"].population.sum() == 135_000


def test_simulate_writes_tables_curves_and_a_report(tmp_path: Path) -> None:
    arguments = [
        "simulate",
        str(written(tmp_path)),
        "--members",
        "30",
        "--out",
        str(tmp_path / "o"),
    ]
    run = CliRunner().invoke(main, [*arguments, "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout.splitlines()[-1])
    more, less = (told["scenarios"][n]["infections"]["median"] for n in ("open", "closed"))
    assert 0 < less < more
    with (tmp_path / "o" / "compared.csv").open(encoding="utf-8-sig") as lines:
        rows = {r["measure"]: r for r in csv.DictReader(lines)}
    assert float(rows["infections"]["q95"]) < 0
    assert float(rows["infections"]["share_of_members_lower"]) == 1.0
    with (tmp_path / "o" / "open" / "daily.csv").open(encoding="utf-8-sig") as lines:
        daily = list(csv.DictReader(lines))
    assert len(daily) == 6 * 30
    for row in daily:
        low, middle, high = (float(row[q]) for q in ("q05", "q50", "q95"))
        assert 0 <= low <= middle <= high
    ET.parse(tmp_path / "o" / "infections.svg")
    report = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "Work closed from day 5" in report
    assert "http" not in report.replace('xmlns="http://www.w3.org/2000/svg"', "")
    again = CliRunner().invoke(main, [*arguments, "--json"])
    assert json.loads(again.stdout.splitlines()[-1])["scenarios"] == told["scenarios"]


def test_simulate_tells_what_is_wrong_and_ends_with_one(tmp_path: Path) -> None:
    path = written(tmp_path, disease="gout")
    run = CliRunner().invoke(main, ["simulate", str(path), "--out", str(tmp_path / "o")])
    assert run.exit_code == 1
    assert "E808" in run.output
