"""Other systems' exports in, FHIR bundles out and in: every row checked, nothing taken twice, names sealed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from fhir.resources.R4B.bundle import Bundle

from cast import NOON, Cast, Province, person
from integration.report.tracing import Outbreak, at, outbreak
from yipan.access import keyring
from yipan.access.actions import create_incident
from yipan.access.errors import Forbidden, IdentityRefused
from yipan.access.identity import Identifiers
from yipan.access.models import AuditRecord, Incident, Role
from yipan.access.scope import scope_of, system_scope
from yipan.report.cases.exports import fhir_bundle, tagged_csv
from yipan.report.cases.queries import current
from yipan.report.contacts import queries
from yipan.report.contacts.actions import name_case
from yipan.report.contacts.errors import NotOneFile
from yipan.report.contacts.models import Contact, Visit
from yipan.report.errors import NotATable
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.linelists.bring import Brought, Files, bring
from yipan.report.linelists.errors import ListMalformed
from yipan.report.models import Case

pytestmark = pytest.mark.django_db
C = "LNG_REFERENCE_DATA_CATEGORY_CASE_CLASSIFICATION_"
F = "LNG_REFERENCE_DATA_CONTACT_DAILY_FOLLOW_UP_STATUS_TYPE_"
K = "LNG_REFERENCE_DATA_CATEGORY_CONTEXT_OF_TRANSMISSION_"
GODATA = {
    "cases": [
        {"id": "u1", "visualId": "CASE-0001", "classification": C + "CONFIRMED", "firstName": "Wei",
         "lastName": "Wang", "dateOfReporting": "2020-02-10T00:00:00.000Z",
         "dateOfOnset": "2020-02-06T00:00:00.000Z", "gender": "MALE", "age": {"years": 41},
         "addresses": [{"locationId": "Alder", "phoneNumber": "13800001111"}],
         "documents": [{"type": "ID", "number": "410105197901011234"}]},
        {"id": "u2", "visualId": "CASE-0002", "classification": C + "CONFIRMED",
         "dateOfReporting": "2020-02-16T00:00:00.000Z", "addresses": [{"locationId": "100101"}]},
        {"id": "u3", "visualId": "CASE-0003", "classification": C + "SUSPECT",
         "dateOfReporting": "2020-02-16T00:00:00.000Z", "addresses": [{"locationId": "100101"}]},
        {"id": "u4", "visualId": "CASE-0004", "classification": C + "CONFIRMED",
         "dateOfReporting": "2020-02-30", "addresses": [{"locationId": "100101"}]},
        {"id": "u5", "visualId": "CASE-0005", "classification": C + "CONFIRMED",
         "dateOfReporting": "2020-02-16", "addresses": [{"locationId": "Atlantis"}]},
        {"id": "u6", "visualId": "CASE-0006", "classification": C + "CONFIRMED",
         "dateOfReporting": "2020-02-16", "dateOfOnset": "2020-02-20",
         "addresses": [{"locationId": "100101"}]},
    ],
    "contacts": [
        {"id": "k1", "visualId": "CO-0001", "dateOfReporting": "2020-02-18", "firstName": "Na",
         "lastName": "Li", "addresses": [{"locationId": "100101001", "phoneNumber": "13900002222"}]},
        {"id": "k2", "visualId": "CO-0002", "dateOfReporting": "2020-02-18",
         "dateOfLastContact": "2020-02-15"},
        {"id": "k3", "visualId": "CO-0003", "dateOfReporting": "2020-02-18"},
    ],
    "relationships": [
        {"persons": [{"id": "u1", "type": "CASE", "source": True},
                     {"id": "k1", "type": "CONTACT", "target": True}],
         "contactDate": "2020-02-17", "socialRelationshipTypeId": K + "FAMILY"},
        {"sourcePerson": {"id": "u1"}, "targetPerson": {"id": "k2"}},
        {"sourcePerson": {"id": "u1", "visualId": "CASE-0001"}, "contactDate": "2020-02-11",
         "targetPerson": {"id": "u2", "visualId": "CASE-0002"}, "certaintyLevelId": "LNG_HIGH"},
    ],
    "follow_ups": [
        {"contact": {"id": "k1"}, "date": "2020-02-18T00:00:00Z", "statusId": F + "SEEN_OK"},
        {"contact": {"id": "k1"}, "date": "2020-02-19T00:00:00Z", "statusId": F + "SEEN_NOT_OK"},
        {"contact": {"id": "k1"}, "date": "2020-02-20T00:00:00Z", "statusId": F + "NOT_PERFORMED"},
        {"contact": {"id": "k9"}, "date": "2020-02-20T00:00:00Z", "statusId": F + "SEEN_OK"},
    ],
}  # fmt: skip


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


def files(system: str, **held: Any) -> Files:
    return Files(
        system=system,
        held={
            kind: (f"{kind}.json", what.encode() if isinstance(what, str) else json.dumps(what).encode())
            for kind, what in held.items()
        },
    )  # fmt: skip


def brought(out: Outbreak, given: Files, scope: Any = None) -> Brought:
    return bring(
        incident=out.incident, files=given, scope=scope or system_scope(), actor=None, at=NOON
    )


# ---- refusals ------------------------------------------------------------------------------------------


def test_who_reads_no_cases_brings_none_in(out: Outbreak, cast: Cast) -> None:
    for user in (cast.village_reporter, cast.commander, cast.auditor, cast.stranger):
        with pytest.raises(Forbidden):
            brought(out, files("godata", **GODATA), scope_of(user, at=NOON))
    other = brought(out, files("godata", **GODATA), scope_of(cast.other_county_officer, at=NOON))
    assert (other.cases, other.contacts) == (0, 0)  # none of its rows is theirs
    assert all(f.row for f in other.faults)


@pytest.mark.parametrize(
    ("system", "content", "fault"),
    [
        ("godata", "name;age\nA;3\n", ListMalformed),
        ("sormas", "[]", ListMalformed),
        ("linelist", b"\xff\xfe\x00", ListMalformed),
        ("fhir", "not json", NotOneFile),
        ("fhir", "[]", NotOneFile),
        ("fhir", '{"resourceType": "Patient"}', NotATable),
        ("fhir", '{"resourceType": "Bundle", "type": "neither"}', NotATable),
        ("other", "x", NotOneFile),
    ],
)
def test_a_file_that_is_none_is_refused_whole(
    out: Outbreak, system: str, content: str | bytes, fault: type[Exception]
) -> None:
    data = content.encode() if isinstance(content, str) else content
    before = Case.objects.count()
    with pytest.raises(fault):
        brought(out, Files(system=system, held={"cases": ("x", data)}))
    assert Case.objects.count() == before


# ---- Go.Data -------------------------------------------------------------------------------------------


def test_godata_with_contacts_relationships_and_follow_ups(out: Outbreak) -> None:
    done = brought(out, files("godata", **GODATA))
    assert (done.cases, done.contacts, done.links, done.visits) == (2, 2, 1, 2)
    told = {(f.file, f.row): (f.field, f.message) for f in done.faults}
    assert set(told) == {
        ("cases.json", 4), ("cases.json", 5), ("cases.json", 6), ("contacts.json", 3),
        ("follow_ups.json", 4),
    }  # fmt: skip
    assert told["cases.json", 4][0] == "dateOfReporting"
    assert "Atlantis" in told["cases.json", 5][1]
    assert "2020-02-20" in told["cases.json", 6][1]  # onset after the report
    assert "k9" in told["follow_ups.json", 4][1]
    assert ("cases classified other", 1) in done.left_out
    followed = queries.follow_up(out.incident, scope=system_scope(), known_at=NOON)
    assert {f.contact.kind for f in followed} == {"household", "other"}
    (first,) = [f for f in followed if f.contact.kind == "household"]
    assert (first.contact.unit.code, first.contact.last_day.isoformat()) == (
        "100101001", "2020-02-17",
    )  # fmt: skip
    assert [v.result for v in first.visits] == ["well", "symptoms"]
    assert first.visits[1].symptoms == "|unspecified|"  # which, Go.Data does not say
    assert ("confirmed") in {how for _s, _c, how in queries.links(out.incident, known_at=NOON)}


def test_the_same_files_again_add_nothing(out: Outbreak) -> None:
    brought(out, files("godata", **GODATA))
    counts = [m.objects.count() for m in (Case, Contact, Visit)]
    again = brought(out, files("godata", **GODATA))
    assert [m.objects.count() for m in (Case, Contact, Visit)] == counts
    assert (again.cases, again.contacts, again.links, again.visits) == (0, 0, 0, 0)


def test_no_name_brought_in_stands_outside_the_seal(out: Outbreak) -> None:
    brought(out, files("godata", **GODATA))
    for model in (Case, Contact, Visit, AuditRecord):
        text = str(list(model.objects.values()))
        assert not any(
            s in text for s in ("Wang", "13800001111", "410105197901011234", "13900002222")
        )


# ---- SORMAS and tags -----------------------------------------------------------------------------------

SORMAS_CASES = """uuid,epidNumber,caseClassification,reportDate,symptoms.onsetDate,sex,approximateAge,district,outcome,personUuid
Case ID,Epid number,Case classification,Report date,Onset date,Sex,Age,District,Outcome,Person
AAAAA-1,EPI-1,CONFIRMED,12/02/2020,09/02/2020,FEMALE,33 Years,Alder,NO_OUTCOME,P-1
AAAAA-2,EPI-2,CONFIRMED,18/02/2020,,MALE,60 Years,Alder,NO_OUTCOME,
"""
SORMAS_CONTACTS = """uuid,sourceCaseUuid,contactClassification,lastContactDate,contactProximity,district,firstName,lastName,resultingCaseUuid
BBBBB-1,AAAAA-1,CONFIRMED,11/02/2020,AIRPLANE,Alder,Li,Na,AAAAA-2
BBBBB-2,AAAAA-1,NO_CONTACT,11/02/2020,,Alder,Wu,Di,
BBBBB-3,ZZZZZ-9,CONFIRMED,11/02/2020,,Alder,Wu,Di,
BBBBB-4,AAAAA-1,CONFIRMED,soon,,Alder,Wu,Di,
"""
SORMAS_PERSONS = "uuid,firstName,lastName,phone,city\nP-1,Ning,Zhao,13700003333,Alder\n"


def test_sormas_cases_contacts_and_persons(out: Outbreak) -> None:
    given = files("sormas", cases=SORMAS_CASES, contacts=SORMAS_CONTACTS, persons=SORMAS_PERSONS)
    done = brought(out, Files("sormas", given.held, date_format="%d/%m/%Y"))
    assert (done.cases, done.contacts) == (2, 1)
    assert {(f.row, f.field) for f in done.faults} == {(4, "Case"), (5, "lastContactDate")}
    (one,) = queries.follow_up(out.incident, scope=system_scope(), known_at=NOON)
    assert (one.contact.kind, one.progress.standing.value) == ("transport", "became_case")
    assert len(queries.links(out.incident, known_at=NOON)) == 1


def test_the_tags_of_r_go_out_and_come_in(out: Outbreak, province: Province) -> None:
    analyst = person("analyst_two", Role.ANALYST, province["10"], sensitivity=2)
    body = tagged_csv(
        out.incident, scope=scope_of(analyst, at=NOON), known_at=NOON, at=NOON, actor=analyst
    )
    assert (
        body.decode("utf-8-sig").splitlines()[0].startswith("id,location,date_reporting,date_onset")
    )
    other = second(out)
    done = bring(
        incident=other, files=Files("linelist", {"cases": ("l.csv", body)}), scope=system_scope(),
        actor=None, at=NOON,
    )  # fmt: skip
    assert (done.cases, done.faults) == (4, [])
    assert sorted(current(other, known_at=NOON).values_list("report_day", flat=True)) == sorted(
        current(out.incident, known_at=NOON).values_list("report_day", flat=True)
    )


# ---- FHIR ----------------------------------------------------------------------------------------------


def second(out: Outbreak) -> Incident:
    """Another incident of the same province, empty."""
    return create_incident(
        package=out.province.package, slug="second", name_zh="二", name_en="Second",
        disease="sars_cov_2_wild", places=[out.province["10"]], response_level=1, exercise=True,
        at=at(0, 1), clock_at=NOON,
    )  # fmt: skip


def with_results(out: Outbreak) -> None:
    laboratory = out.site(places=20, kind="laboratory", code="L1")
    for step, hour, result in (("taken", 8, ""), ("result", 11, "positive")):
        enter_step(
            laboratory=laboratory, unit=out.province["100101"], number="TUBE-1", step=step,
            result=result, occurred_at=at(hour), case=out.case("A-1"), scope=system_scope(),
            at=NOON,
        )  # fmt: skip
    Case.objects.filter(pk=out.case("A-2").pk).update(
        outcome="cured", outcome_day=at(0, 23).date(), age_band="60-74", sex="F", imported=True,
        cluster="market",
    )  # fmt: skip
    Case.objects.filter(pk=out.case("A-3").pk).update(outcome="died", outcome_day=at(0, 23).date())
    name_case(
        case=out.case("A-1"), scope=system_scope(), at=NOON,
        identifiers=Identifiers("410105197901011234", "王伟", "13800001111", "三河村"),
    )  # fmt: skip


def exported(incident: Incident, scope: Any = None, reason: str | None = None) -> dict[str, Any]:
    return fhir_bundle(
        incident, scope=scope or system_scope(), known_at=NOON, at=NOON, actor=None, reason=reason
    )


def test_a_bundle_goes_round(out: Outbreak) -> None:
    with_results(out)
    bundle = exported(out.incident)
    Bundle.model_validate(bundle)  # R4B, resource by resource
    kinds = [e["resource"]["resourceType"] for e in bundle["entry"]]
    assert {k: kinds.count(k) for k in set(kinds)} == {
        "Patient": 4, "Condition": 4, "Encounter": 2, "Observation": 1,
    }  # fmt: skip
    other = second(out)
    out.incident, first = other, out.incident
    out.site(places=20, kind="laboratory", code="L1")
    done = brought(out, files("fhir", cases=bundle))
    assert (done.cases, done.results, done.faults) == (4, 1, [])
    again = exported(other)
    assert again["entry"] == bundle["entry"]
    out.incident = first
    home = brought(out, files("fhir", cases=bundle))
    assert (home.cases, home.results, home.faults) == (0, 0, [])  # its own bundle is nothing new
    assert SpecimenEvent.objects.filter(incident=first).count() == 2


def test_no_identifier_leaves_without_right_and_reason(out: Outbreak, cast: Cast) -> None:
    with_results(out)
    plain = json.dumps(exported(out.incident), ensure_ascii=False)
    assert not any(s in plain for s in ("王伟", "13800001111", "410105197901011234", "三河村"))
    officer = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(Forbidden):  # may export, may not see persons
        exported(out.incident, officer, reason="hand over to the province")
    with pytest.raises(Forbidden):  # may see persons, may not export
        exported(out.incident, out.scope(out.doctor), reason="hand over to the province")
    with pytest.raises(IdentityRefused):
        exported(out.incident, reason="x")
    named = exported(out.incident, reason="hand over to the province")
    (patient,) = [
        e["resource"]
        for e in named["entry"]
        if e["resource"]["resourceType"] == "Patient" and "name" in e["resource"]
    ]
    assert patient["name"][0]["text"] == "王伟"
    assert AuditRecord.objects.filter(event="identity.revealed").count() == 1
    assert AuditRecord.objects.filter(event="cases.exported").count() == 2


def test_another_systems_bundle_tells_what_is_missing(out: Outbreak) -> None:
    bundle = {
        "resourceType": "Bundle", "type": "collection",
        "entry": [
            {"fullUrl": "urn:uuid:a", "resource": {
                "resourceType": "Patient", "id": "a", "identifier": [{"value": "HOSP-77"}],
                "gender": "female", "birthDate": "1950-03-01", "address": [{"district": "100101"}]}},
            {"resource": {
                "resourceType": "Condition", "subject": {"reference": "urn:uuid:a"},
                "recordedDate": "2020-02-20", "onsetDateTime": "2020-02-17"}},
            {"resource": {
                "resourceType": "Condition", "subject": {"reference": "urn:uuid:nobody"},
                "recordedDate": "2020-02-20"}},
            {"resource": {"resourceType": "Condition", "subject": {"reference": "Patient/a"}}},
        ],
    }  # fmt: skip
    done = brought(out, files("fhir", cases=bundle))
    assert done.cases == 1
    assert [(f.row, f.field) for f in done.faults] == [(3, "subject"), (4, "recordedDate")]
    made = Case.objects.get(age_band="60-74")
    assert (made.sex, made.unit.code, made.onset_day.isoformat()) == ("F", "100101", "2020-02-17")


# ---- the page ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_page_takes_files_and_names_each_row(out: Outbreak, as_person: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    client: Client = as_person(out.officer)
    sent = {
        kind: SimpleUploadedFile(f"{kind}.json", json.dumps(rows).encode())
        for kind, rows in GODATA.items()
    }
    answer = client.post("/report/cases/bring/", {"system": "godata", **sent})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Taken: 2 cases, 2 contacts, 1 links, 2 follow-ups." in text
    assert "Atlantis" in text
    assert client.get("/report/cases.fhir.json").json()["resourceType"] == "Bundle"
    assert client.post("/report/cases.fhir.json", {"reason": "for the province"}).status_code == 403
    assert client.get("/report/linelist.csv").content.startswith(b"\xef\xbb\xbfid,")
    assert client.post("/report/cases/bring/", {"system": "godata"}).status_code == 422
