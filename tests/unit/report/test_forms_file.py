"""A file of forms is read whole and every fault is named with its place; the verb tells them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from yipan.cli import main
from yipan.report.errors import FormsFileWrong
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
    assert any(line.startswith(f"{place}: ") for line in told), told


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


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    code, _out, err = run(str(tmp_path / "none.yaml"))
    assert code == 1
    assert "R130" in err
