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
        ({"days": "soon"}, MalformedScenario, "“soon” is no number"),
        ({"days": 0}, OutOfRange, "days is 0"),
        ({"days": 1_000_000_000}, OutOfRange, "days is 1,000,000,000"),
        ({"days": 30.5}, OutOfRange, "not a whole number"),
        ({"days": True}, MalformedScenario, "“True” is no number"),
        ({"R0": -1}, OutOfRange, "scaled to -1"),
        ({"R0": ".nan"}, MalformedScenario, "no number"),
        ({"R0": float("inf")}, MalformedScenario, "no number"),
        ({"start": "yesterday"}, MalformedScenario, "no date"),
        ({"seeds": [{"place": "east", "age": "20-59", "stage": "exposed", "persons": -5}]}, OutOfRange, "seeds is -5"),
        ({"seeds": [{"place": "east", "age": "20-59", "stage": "exposed", "persons": 1.5}]}, OutOfRange, "whole"),
        ({"contacts": WORLD["contacts"][:-1]}, MalformedScenario, "no contacts of 60\\+ with 60\\+"),
        ({"contacts": [*WORLD["contacts"], WORLD["contacts"][0]]}, MalformedScenario, "stands twice"),
        ({"contacts": [{**r, "contacts_per_day": -1} for r in WORLD["contacts"]]}, OutOfRange, "contacts is -1"),
        ({"contacts": []}, MalformedScenario, "contacts has no rows"),
        ({"people": [{**r, "persons": -r["persons"]} for r in WORLD["people"]]}, OutOfRange, "people is -20000"),
        ({"controls": [{"level": 0.5, "from": 9, "until": 4}]}, MalformedScenario, "begins on day 9"),
        ({"controls": [{"level": 0.5, "places": ["Atlantis"]}]}, UnknownPlace, "Atlantis"),
        ({"controls": [{"level": 0.5, "places": "east"}]}, MalformedScenario, "no list of places"),
        ({"controls": ["closed"]}, MalformedScenario, "no mapping"),
        ({"detection": 1.5, "scenarios": None}, OutOfRange, "is 1.5"),
        ({"detection": [{"from": 3, "share": -0.5}], "scenarios": None}, OutOfRange, "-0.5"),
        ({"scenarios": {"../away": {}}}, MalformedScenario, "cannot be the name"),
        ({"scenarios": {"parts": {}}}, MalformedScenario, "cannot be the name"),
        ({"scenarios": ["open"]}, MalformedScenario, "no mapping"),
        ({"scenarios": {"open": "as before"}}, MalformedScenario, "is a mapping"),
        ({"journeys": [{"from": "east", "to": "west", "persons_per_day": 100}]}, TravelNotConserved, "100 people leave east"),
        ({"journeys": [{"from": "east", "to": "west", "persons_per_day": 9e9}, {"from": "west", "to": "east", "persons_per_day": 9e9}]}, TravelNotConserved, "where 90000 live"),
        ({"journeys": [{"from": "east", "to": "east", "persons_per_day": -1}]}, OutOfRange, "journeys is -1"),
        ({"vaccinated": {"share": 1.2}}, OutOfRange, "is 1.2"),
        ({"vaccinated": {"share": {"20-29": 0.5}}}, OutOfRange, "20-29"),
        ({"vaccinated": {"share": 0.5, "against_fear": 1}}, MalformedScenario, "against_fear"),
        ({"response": {"cases": 0, "level": 0.5}}, OutOfRange, "cases is 0"),
        ({"response": {"cases": 3, "level": 1.5}}, ControlOutOfRange, "1.5"),
        ({"response": {"cases": 3, "level": 0.5, "settings": ["church"]}}, MalformedScenario, "church"),
        ({"people": "missing.csv"}, MalformedScenario, "missing.csv"),
        ({"people": []}, MalformedScenario, "no rows"),
        ({"people": [*WORLD["people"], WORLD["people"][0]]}, MalformedScenario, "east, 0-19 stands twice"),
        ({"transmission": 0.1}, MalformedScenario, "both given"),
        ({"imports": [{"day": 1, "place": "east", "infections": 1e12}]}, OutOfRange, "imported to east, where 90,000"),
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


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_bytes(b"\x00\xff\x00")
    with pytest.raises(MalformedScenario, match="cannot be read"):
        read_scenarios(path)


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
    assert "Infections by place" in report
    with (tmp_path / "o" / "open" / "places_daily.csv").open(encoding="utf-8-sig") as lines:
        by_place = list(csv.DictReader(lines))
    assert {r["place"] for r in by_place} == {"east", "west"}
    assert all(float(r["q05"]) <= float(r["q50"]) <= float(r["q95"]) for r in by_place)
    assert "http" not in report.replace('xmlns="http://www.w3.org/2000/svg"', "")
    again = CliRunner().invoke(main, [*arguments, "--json"])
    assert json.loads(again.stdout.splitlines()[-1])["scenarios"] == told["scenarios"]


def test_simulate_tells_what_is_wrong_and_ends_with_one(tmp_path: Path) -> None:
    path = written(tmp_path, disease="gout")
    run = CliRunner().invoke(main, ["simulate", str(path), "--out", str(tmp_path / "o")])
    assert run.exit_code == 1
    assert "E808" in run.output


def test_vaccinated_people_are_strata_with_the_same_contacts(tmp_path: Path) -> None:
    """Half of those of 60 and above vaccinated: R0 is that of nobody vaccinated, R falls by what is prevented."""
    vaccine = {"share": {"60+": 0.5, "0-19": 1.0}, "against_infection": 0.8, "against_severe": 0.9}
    spec = read_scenarios(written(tmp_path, vaccinated=vaccine, detection=0.0)).specifications[
        "open"
    ]
    assert spec.ages == ("0-19 vaccinated", "20-59", "60+", "60+ vaccinated")
    assert spec.population.sum() == 135_000
    assert spec.population[:, 2].tolist() == spec.population[:, 3].tolist() == [10_000, 5_000]
    plain = read_scenarios(written(tmp_path, detection=0.0)).specifications["open"]
    assert (spec.transmission == plain.transmission).all()
    assert reproduction_number(spec.but(redirects=())) < 0.9 * reproduction_number(
        plain.but(redirects=())
    )
    none = read_scenarios(written(tmp_path, vaccinated={"share": 0.5}, detection=0.0))
    same = none.specifications["open"]
    assert reproduction_number(same.but(redirects=())) == pytest.approx(2.2)
    ill = spec.course.stages[spec.course.index("symptomatic")].branches
    ward = np.array(ill[[b.to for b in ill].index("ward")].share)
    assert ward[3] == pytest.approx(0.1 * ward[2])


def test_journeys_and_responses_stand_in_a_file(tmp_path: Path) -> None:
    both = [
        {"from": "east", "to": "west", "persons_per_day": 40},
        {"from": "west", "to": "east", "persons_per_day": 40},
    ]
    answer = {"cases": 5, "after_days": 2, "lasts_days": 10, "level": 0.3}
    read = read_scenarios(
        written(tmp_path, journeys=both, scenarios={"open": {}, "answer": {"response": answer}})
    )
    assert read.specifications["open"].response is None
    found = read.specifications["answer"].response
    assert found is not None
    assert found.left.tolist() == [1.0, 0.3]
    assert read.specifications["answer"].journeys.toarray().tolist() == [[0, 40], [40, 0]]
