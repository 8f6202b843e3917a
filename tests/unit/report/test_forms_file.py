"""A file of forms is read whole and every fault is named with its place; the verb tells them."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from yipan.cli import main
from yipan.report.errors import FormsFileWrong
from yipan.report.forms.compiler import How, Ways, compile_forms, cost_of
from yipan.report.forms.hypergraph import Problem, cheapest_by_trying_all
from yipan.report.forms.writing import note_of
from yipan.report.requests.files import read_forms

GOOD = """
meta: {title: Two small forms}
dictionary:
- {id: residents, zh: 人口, en: Residents, measure: stock, time_basis: instant, source: registry}
- {id: soap, zh: 肥皂, en: Soap, measure: stock, time_basis: instant, unit: kg, ask_period: daily}
- {id: soap_used, en: Soap used, measure: flow, time_basis: interval, unit: kg, source: derived,
   formula: 'soap[t-1]+received-soap[t]'}
forms:
- code: A
  department: {zh: 甲部, en: Department A}
  title: {zh: 甲表, en: Form A}
  frequency: daily
  fields:
  - {id: A1, label: {zh: 人数, en: People}, spec: {concept: residents, measure: stock, time_basis: instant}}
  - {id: A2, label: {zh: 皂, en: Soap}, spec: {concept: soap, measure: stock, time_basis: instant, unit: bar, cutoff: '12:00'}}
- code: B
  department: Department B
  title: Form B
  fields:
  - {id: B1, label: Used, spec: {concept: soap_used, measure: flow, time_basis: interval}}
conversions:
- {from: bar, to: kg, factor: 0.1, note: a bar is 100 g}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(FormsFileWrong) as told:
        read_forms(text, name="f.yaml")
    return [str(f) for f in told.value.faults]


def test_a_good_file_is_read() -> None:
    read = read_forms(GOOD, name="f.yaml")
    assert [f.code for f in read.forms] == ["A", "B"]
    assert read.dictionary["soap"].concept == "soap"  # the id, where no concept is given
    assert read.conversions[0].factor == 0.1
    assert read.forms[1].department_zh == "Department B"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("dictionary:", "dictionery:", "dictionary"),
        ("forms:", "froms:", "forms"),
        ("id: soap,", "id: residents,", "dictionary[1]"),
        ("id: A2", "id: A1", "forms[0].fields[1]"),
        ("code: B", "code: A", "forms[1]"),
        ("measure: stock, time_basis: instant, unit: bar", "measure: stok, time_basis: instant",
         "forms[0].fields[1].spec.measure"),
        ("concept: residents, ", "", "forms[0].fields[0].spec.concept"),
        (", spec: {concept: soap_used, measure: flow, time_basis: interval}", "", "forms[1].fields[0].spec"),
        ("ask_period: daily", "ask_period: hourly", "dictionary[1].ask_period"),
        ("source: registry", "source: rumour", "dictionary[0].source"),
        (", ask_period: daily", "", "dictionary[1]"),
        ("'soap[t-1]+received-soap[t]'", "'__import__(1)'", "dictionary[2].formula"),
        ("factor: 0.1", "factor: 0", "conversions[0].factor"),
        ("label: Used, ", "", "forms[1].fields[0].label"),
        ("measure: flow, time_basis: interval}}", "measure: flow, time_basis: {a: 1}}}", "forms[1].fields[0].spec.time_basis"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_place(old: str, new: str, place: str) -> None:
    assert old in GOOD
    told = faults(GOOD.replace(old, new, 1))
    assert any(f": {place}: " in line for line in told), told
    assert all(re.match(r"f\.yaml:\d+: ", line) for line in told), told


def test_a_fault_stands_at_its_line() -> None:
    wrong = GOOD.replace("ask_period: daily", "ask_period: hourly").replace(
        "factor: 0.1", "factor: 0"
    )
    lines = GOOD.splitlines()
    element = next(i for i, text in enumerate(lines, 1) if "id: soap," in text)
    conversion = next(i for i, text in enumerate(lines, 1) if "from: bar" in text)
    assert [f.split(": ")[:2] for f in faults(wrong)] == [
        [f"f.yaml:{element}", "dictionary[1].ask_period"],
        [f"f.yaml:{conversion}", "conversions[0].factor"],
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("relevant: 'sope > 0'", "names “sope”, which is no element of the dictionary (≈ soap?)"),
        ("relevant: 'residents >'", "cannot be read at character"),
        ("relevant: 'soap > 0'", "goes in a circle: soap → soap"),
        ("decimals: 9", "must be a whole number from 0 to 6"),
        ("decimals: yes", "must be a whole number from 0 to 6"),
    ],
)
def test_a_condition_and_places_are_checked_at_their_row(written: str, why: str) -> None:
    (told,) = faults(GOOD.replace("ask_period: daily", f"ask_period: daily, {written}", 1))
    assert "dictionary[1]." in told
    assert why in told


def test_conditions_and_places_are_read() -> None:
    text = GOOD.replace(
        "ask_period: daily", "ask_period: daily, decimals: 1, relevant: 'residents > 0'"
    )
    soap = read_forms(text, name="f.yaml").dictionary["soap"]
    assert (soap.decimals, soap.relevant) == (1, "residents > 0")
    price = GOOD.replace(
        "id: soap, zh: 肥皂, en: Soap, measure: stock", "id: soap, en: Soap, measure: price"
    )
    price = price.replace("concept: soap, measure: stock", "concept: soap, measure: price")
    assert read_forms(price, name="f.yaml").dictionary["soap"].decimals == 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("'12:00'", "12:00"),
        ("12:00", "12:00"),  # YAML 1.1 would make 720 of it
        ("8:00", "08:00"),
        ("'２０：３０'", "20:30"),
        ("24:00（T-1）", "24:00 (T-1)"),
        ("''", ""),
    ],
)
def test_a_cut_off_is_read_however_it_is_written(written: str, read: str) -> None:
    text = GOOD.replace("cutoff: '12:00'", f"cutoff: {written}")
    assert read_forms(text, name="f.yaml").forms[0].fields[1].spec.cutoff == read


@pytest.mark.parametrize("written", ["noon", "25:00", "12:60", "720", "24:01"])
def test_what_is_no_time_of_day_is_refused(written: str) -> None:
    [fault] = faults(GOOD.replace("cutoff: '12:00'", f"cutoff: {written}"))
    assert "forms[0].fields[1].spec.cutoff" in fault
    assert f"“{written}”" in fault


def test_a_code_stays_as_it_was_written() -> None:
    """`no` is no false, and 010 no octal number."""
    read = read_forms(GOOD.replace("code: A", "code: 010").replace("code: B", "code: no"), name="f")
    assert [f.code for f in read.forms] == ["010", "no"]


def test_fields_that_are_missing_are_missed_in_their_form() -> None:
    text = GOOD.replace("  fields:\n  - {id: B1", "  field:\n  - {id: B1")
    [fault] = faults(text)
    assert "forms[1].fields: is missing (≈ field?)" in fault


def test_a_daily_field_that_rests_on_a_weekly_answer_says_so() -> None:
    read = read_forms(GOOD.replace("ask_period: daily", "ask_period: weekly"), name="f.yaml")
    compiled = compile_forms(read.forms, read.dictionary, read.conversions)
    notes = {o.field.id: note_of(o) for o in compiled.outcomes}
    assert notes["A2"].endswith("of the last weekly answer: Soap")
    assert notes["A1"] == ""
    weekly = [replace(f, frequency="weekly") for f in read.forms]
    compiled = compile_forms(weekly, read.dictionary, read.conversions)
    assert not any("weekly" in note_of(o) for o in compiled.outcomes)


def test_a_formula_that_goes_round_says_so() -> None:
    circle = """
- {id: a, en: A, measure: stock, time_basis: instant, source: derived, formula: b + 0}
- {id: b, en: B, measure: stock, time_basis: instant, source: derived, formula: a}
forms:"""
    text = GOOD.replace("\nforms:", circle).replace("concept: residents,", "concept: a,")
    read = read_forms(text, name="f.yaml")
    [outcome, *_rest] = compile_forms(read.forms, read.dictionary, read.conversions).outcomes
    assert outcome.how is How.RULING
    assert note_of(outcome) == "“A” follows only from itself, or from what waits in turn"


def test_every_fault_is_told_at_once() -> None:
    wrong = GOOD.replace("source: registry", "source: rumour").replace("factor: 0.1", "factor: x")
    assert len(faults(wrong)) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "just words", "a: [", "\t- x", "dictionary: 3\nforms: {}"]
)
def test_what_is_no_file_of_forms_says_so(text: str) -> None:
    assert faults(text)


# ---- the verb


def run(*args: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["forms", "compile", *args])
    return done.exit_code, done.stdout, done.stderr


def test_the_verb_prints_the_figures_as_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(GOOD, encoding="utf-8")
    code, out, _err = run(str(path), "--json", "--out", str(tmp_path / "out"))
    assert code == 0
    counts = json.loads(out.splitlines()[-1])
    assert list(counts) == [
        "forms", "fields", "elements", "asked_daily", "asked_weekly", "from_registers", "external",
        "derived", "rejected", "met_without_ruling", "cutoff_differs", "needs_ruling",
        "minutes_before", "minutes_after",
    ]  # fmt: skip
    assert (counts["fields"], counts["asked_daily"], counts["cutoff_differs"]) == (3, 1, 1)
    assert (tmp_path / "out" / "layouts" / "A.xlsx").exists()


def test_the_verb_names_each_fault_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(GOOD.replace("source: registry", "source: rumour"), encoding="utf-8")
    code, out, err = run(str(path), "--json", "--out", str(tmp_path / "out"))
    assert code == 1
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "R130"
    assert "dictionary[0].source" in err
    assert not (tmp_path / "out").exists()


def test_without_a_folder_it_writes_beside_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.yaml").write_text(GOOD, encoding="utf-8")
    code, out, err = run("two.yaml", "--json")
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "two.compiled" in err
    names = sorted(p.relative_to(tmp_path / "two.compiled").as_posix() for p in tmp_path.rglob("*.*") if p.is_file() and p.parent != tmp_path)  # fmt: skip
    assert names == [
        "counts.json", "layouts/A.xlsx", "layouts/B.xlsx", "lineage.csv", "merged_form.json",
    ]  # fmt: skip
    merged = json.loads((tmp_path / "two.compiled" / "merged_form.json").read_text("utf-8"))
    assert [q["id"] for q in merged["daily"]] == ["soap"]


def test_a_folder_that_cannot_be_written_is_said_and_the_figures_are_there(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "taken").write_text("a file")
    code, out, err = run(
        str(tmp_path / "two.yaml"), "--json", "--out", str(tmp_path / "taken" / "in")
    )
    assert code == 1
    assert json.loads(out.splitlines()[-1])["fields"] == 3
    assert "cannot be written" in err


# ---- files that nobody has shown


def another_file(seed: int) -> str:
    """A file in the same layout: sums that overlap, alternatives, circles, registers, two periods."""
    rng = random.Random(seed)
    names = [f"q{i}" for i in range(rng.randint(4, 9))]
    rows = []
    for i, name in enumerate(names):
        others = rng.sample([n for n in names if n != name], rng.randint(1, 3))
        sums = rng.choice(["+", "-"]).join(others)
        kind = rng.random()
        row = {
            "id": name, "en": f"Question {i}", "time_basis": "instant",
            "measure": rng.choice(["stock", "flow", "need"]),
        }  # fmt: skip
        if kind < 0.15:
            row["source"] = rng.choice(["person", "external"])
        elif kind < 0.4:
            row |= {"source": "derived", "formula": sums}
        else:
            row["ask_period"] = rng.choice(["daily", "weekly"])
            if kind > 0.7:
                row["formula"] = sums
        rows.append(row)
    forms = []
    for code in ("X", "Y"):
        wanted = rng.sample(rows, rng.randint(1, len(rows)))
        fields = [
            {"id": f"{code}{i}", "label": f"{code} {i}",
             "spec": {"concept": r["id"], "measure": r["measure"], "time_basis": "instant"}}
            for i, r in enumerate(wanted)
        ]  # fmt: skip
        forms.append({"code": code, "department": code, "title": code, "fields": fields})
    return yaml.safe_dump({"dictionary": rows, "forms": forms}, allow_unicode=True)


@pytest.mark.parametrize("block", range(4))
def test_other_files_are_compiled_to_the_least(block: int) -> None:
    """Each against trying every subset: cost and set, ties included."""
    derived = 0
    for seed in range(block * 40, block * 40 + 40):
        read = read_forms(another_file(seed), name="other.yaml")
        compiled = compile_forms(read.forms, read.dictionary, read.conversions)
        problem = Problem(
            wanted=frozenset(o.element.id for o in compiled.outcomes if o.element is not None),
            known=frozenset(
                e.id for e in read.dictionary.values() if e.from_register or e.source == "external"
            ),
            askable={e.id: cost_of(e) for e in read.dictionary.values() if e.askable},
            derivations=tuple(Ways(read.dictionary).rules),
        )
        cost, asked = cheapest_by_trying_all(problem)
        assert compiled.solution.asked == asked, seed
        assert (compiled.solution.cost, compiled.solution.proved) == (cost, True), seed
        assert compiled.counts()["fields"] == len(compiled.outcomes)
        derived += any(o.how is How.DERIVED for o in compiled.outcomes)
    assert derived, "nothing was derived: the test tests nothing"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    code, _out, err = run(str(tmp_path / "none.yaml"))
    assert code == 1
    assert "R130" in err
