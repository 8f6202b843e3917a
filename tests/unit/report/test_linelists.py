"""Line lists of other systems: what goes over, what is left out, and what is never guessed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from yipan.cli import main
from yipan.report.exchange.columns import CASE_COLUMNS
from yipan.report.linelists import godata, sormas
from yipan.report.linelists.errors import ListMalformed
from yipan.report.linelists.formats import import_list
from yipan.report.linelists.plain import COLUMNS, Options, records

Write = Callable[[str, str], Path]
C = "LNG_REFERENCE_DATA_CATEGORY_CASE_CLASSIFICATION_"
O = "LNG_REFERENCE_DATA_CATEGORY_OUTCOME_"  # noqa: E741
GODATA = [
    {"id": "u1", "visualId": "CASE-1", "classification": C + "CONFIRMED",
     "gender": "LNG_REFERENCE_DATA_CATEGORY_GENDER_FEMALE", "age": {"years": 34},
     "dateOfReporting": "2020-02-05T00:00:00.000Z", "dateOfOnset": "2020-02-01T00:00:00.000Z",
     "addresses": [{"locationId": "alder"}, {"locationId": "old"}], "outcomeId": O + "RECOVERED",
     "dateOfOutcome": "2020-02-20T00:00:00.000Z"},
    {"id": "u2", "visualId": "CASE-2", "classification": C + "CONFIRMED",
     "dateOfReporting": "2020-02-09T00:00:00.000Z", "addresses": [{"locationId": "birch"}]},
    {"id": "u3", "visualId": "CASE-3", "classification": C + "PROBABLE",
     "dateOfReporting": "2020-02-09T00:00:00.000Z", "addresses": []},
    {"id": "u4", "visualId": "CASE-4", "classification": C + "NOT_A_CASE_DISCARDED",
     "dateOfReporting": "2020-02-09T00:00:00.000Z"},
    {"id": "u5", "visualId": "CASE-5", "classification": C + "CONFIRMED", "dateOfReporting": None},
]  # fmt: skip
LINKS = [
    {"sourcePerson": {"id": "u1", "visualId": "CASE-1"}, "targetPerson": {"id": "u2", "visualId": "CASE-2"}},
    {"sourcePerson": {"id": "u1", "visualId": "CASE-1"}, "targetPerson": {"id": "u9", "visualId": "CONTACT-9"}},
]  # fmt: skip
SORMAS = """uuid;epidNumber;caseClassification;reportDate;symptoms.onsetDate;sex;approximateAge;district;outcome;outcomeDate
Case ID;Epid number;Case classification;Report date;Onset date;Sex;Approximate age;District;Outcome;Date of outcome
AAA-1;N-1;CONFIRMED;05/02/2020;01/02/2020;MALE;34 Years;Alder;DECEASED;09/02/2020
AAA-2;N-2;CONFIRMED_NO_SYMPTOMS;06/02/2020;;FEMALE;7 Months;Birch;NO_OUTCOME;
AAA-3;N-3;SUSPECT;06/02/2020;;FEMALE;;Birch;;
"""
TAGGED = """id,date_onset,date_reporting,date_death,gender,age,location,infector,imported
1,2020-02-01,2020-02-05,,female,40,Alder,,TRUE
2,2020-02-04,2020-02-08,2020-02-20,male,71,Alder,1,FALSE
3,NA,2020-02-09,,,,Alder,77,
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return its path."""

    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to


def test_godata_with_its_relationships(write: Write) -> None:
    cases = write("cases.json", json.dumps(GODATA))
    links = write("links.json", json.dumps(LINKS))
    options = Options(places={"alder": "100101", "birch": "100102"}, relationships=records(links))
    found = import_list(cases, format="godata", options=options)
    one, two = found.cases
    assert (one.number, one.unit, one.sex, one.age) == ("CASE-1", "100101", "F", 34)
    assert (one.report_day, one.onset_day) == (date(2020, 2, 5), date(2020, 2, 1))
    assert (one.outcome, one.outcome_day) == ("cured", date(2020, 2, 20))
    assert (two.infector, two.onset_day, two.age) == ("CASE-1", None, None)
    assert found.left_out == {
        "classified probable": 1, "classified other": 1, "without a day of report": 1,
    }  # fmt: skip
    more = import_list(cases, format="godata", options=options, probable=True)
    assert [c.number for c in more.cases] == ["CASE-1", "CASE-2", "CASE-3"]


def test_several_sources_are_no_infector(write: Write) -> None:
    links = [
        *LINKS,
        {"sourcePerson": {"id": "u3"}, "targetPerson": {"id": "u2", "visualId": "CASE-2"}},
    ]
    path = write("links.json", json.dumps(links))
    found = import_list(
        write("cases.json", json.dumps(GODATA)),
        format="godata",
        options=Options(relationships=records(path)),
    )
    assert found.cases[1].infector == ""


def test_sormas_with_its_row_of_captions(write: Write) -> None:
    found = import_list(
        write("export.csv", SORMAS), format="sormas", options=Options(date_format="%d/%m/%Y")
    )
    one, two = found.cases
    assert (one.number, one.report_day, one.onset_day) == (
        "N-1",
        date(2020, 2, 5),
        date(2020, 2, 1),
    )
    assert (one.sex, one.age, one.outcome) == ("M", 34, "died")
    assert (two.age, two.outcome, two.unit) == (0, "", "Birch")
    assert found.left_out == {"classified other": 1}


CAPTIONED = """Case ID,EPID number,Case classification,Date of report (yyyy-MM-dd),Date of symptom onset (yyyy-MM-dd),Sex,Age,District,Outcome of case,Date of outcome (yyyy-MM-dd)
AAA-1,N-1,Confirmed case,2020-02-05,2020-02-01,Male,34 Years,Alder,Deceased,2020-02-09
AAA-2,,Confirmed case with no symptoms,2020-02-06,,Female,7 Months,Birch,No Outcome Yet,
AAA-3,,Probable case,2020-02-06,,Female,,Birch,,
AAA-4,,Not a case,2020-02-06,,Female,,Birch,,
"""
CAPTIONED_CONTACTS = """Contact ID,Source case ID,Contact classification,Date of last contact (yyyy-MM-dd),Type of contact,First name of contact person,Last name of contact person,Responsible district,Address District
K-1,AAA-1,Confirmed contact,2020-02-04,Medical personnel with limited exposure,An,Li,Birch,Alder
K-2,AAA-1,Not a contact,2020-02-04,,,,Birch,
"""
"""As SORMAS writes them over and into its columns, in English."""


def test_sormas_as_it_is_exported_with_captions(write: Write) -> None:
    found = import_list(
        write("cases.csv", CAPTIONED), format="sormas", options=Options(), probable=True
    )
    one, two, three = found.cases
    assert (one.number, one.also, one.sex, one.age, one.unit) == ("N-1", ("AAA-1",), "M", 34, "Alder")  # fmt: skip
    assert (one.report_day, one.onset_day) == (date(2020, 2, 5), date(2020, 2, 1))
    assert (one.outcome, one.outcome_day) == ("died", date(2020, 2, 9))
    assert (two.number, two.age, two.outcome) == ("AAA-2", 0, "")
    assert three.classification == "probable"
    assert found.left_out == {"classified other": 1}
    contacts = sormas.read_contacts(records(write("contacts.csv", CAPTIONED_CONTACTS)), Options())
    assert [(c.number, c.source, c.last_day, c.kind, c.name, c.unit) for c in contacts] == [
        ("K-1", "AAA-1", date(2020, 2, 4), "health_care", "An Li", "Alder")
    ]


def test_godata_as_it_is_exported_without_database_columns(write: Write) -> None:
    cases = write(
        "cases.csv",
        "ID,Case ID,Classification,Date of reporting,Date of onset,Gender,Age Years,"
        "Addresses Location [1],Addresses Location [2],Outcome,Date of outcome\n"
        "u1,CASE-1,Confirmed,2020-02-05,2020-02-01,Female,34,Alder,Old,Recovered,2020-02-20\n"
        "u2,CASE-2,Confirmed,2020-02-09,,Male,,Birch,,,\n",
    )
    links = records(
        write(
            "links.csv",
            "Source UID,Source Case / Contact ID,Target UID,Target Case / Contact ID,"
            "Certainty level,Context of Exposure\nu1,CASE-1,u2,CASE-2,3 - High,Family\n",
        )
    )
    one, two = import_list(cases, format="godata", options=Options(relationships=links)).cases
    assert (one.number, one.also, one.unit, one.sex, one.age) == ("CASE-1", ("u1",), "Alder", "F", 34)  # fmt: skip
    assert (one.outcome, one.onset_day) == ("cured", date(2020, 2, 1))
    assert two.infector == "CASE-1"
    [link] = godata.read_links(links, Options())
    assert (link.certainty, link.kind) == ("confirmed", "household")
    told = records(
        write(
            "follow-ups.csv",
            "Contact Contact ID,Date,Status\nK-1,2020-02-08,Seen Ok\nK-1,2020-02-09,Not performed\n",
        )
    )
    [visit] = godata.read_follow_ups(told, Options())
    assert (visit.contact, visit.day, visit.result) == ("K-1", date(2020, 2, 8), "well")


def test_a_day_that_could_be_two_is_not_guessed(write: Write) -> None:
    with pytest.raises(ListMalformed) as refused:
        import_list(write("export.csv", SORMAS), format="sormas", options=Options())
    assert refused.value.code == "R167"
    assert "--date-format" in refused.value.remedy


def test_the_tags_of_r(write: Write) -> None:
    found = import_list(write("list.csv", TAGGED), format="linelist", options=Options())
    assert [(c.imported, c.outcome, c.infector) for c in found.cases] == [
        (True, "", ""), (False, "died", "1"), (None, "", ""),
    ]  # fmt: skip
    assert found.cases[2].onset_day is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "no record"), ("[{", "not JSON"), ("name,age\nA,3\n", "missing"), ("[]", "no record")],
)
def test_what_is_no_such_export_is_refused(write: Write, text: str, told: str) -> None:
    with pytest.raises(ListMalformed, match=told):
        import_list(write("x.csv", text), format="godata", options=Options())


def test_the_door_knows_every_column_written() -> None:
    known = {column.key for column in CASE_COLUMNS}
    assert set(COLUMNS) - known == {"infector"}


def test_the_verb_writes_what_upload_and_chains_take(write: Write, tmp_path: Path) -> None:
    source, out = write("list.csv", TAGGED), tmp_path / "out.csv"
    result: Result = CliRunner().invoke(
        main, ["linelist", str(source), "--from", "linelist", "--to", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1]) == {"cases": 3, "left_out": {}}
    with out.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["imported"] == "1"
    assert rows[1]["outcome"] == "died"
    chains = CliRunner().invoke(main, ["chains", str(out), "--json"])
    assert json.loads(chains.stdout.splitlines()[-1])["with_known_infector"] == 1
