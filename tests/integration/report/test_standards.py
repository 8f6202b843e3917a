"""The page in other systems' formats, with their own messages: refusals first, then both ways."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fhir.resources.questionnaire import Questionnaire
from pyxform.xls2xform import convert

from cast import Cast, Province
from yipan.access.actions import issue_token
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.report.errors import NotATable
from yipan.report.exchange.dhis2.messages import uid
from yipan.report.exchange.xlsform.reading import read_xlsform
from yipan.report.exchange.xml import read_xml
from yipan.report.models import DataRequest, Submission, Value

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ROOT = "/api/report"
VILLAGE, DAY = "100101001", "2020-02-24"


def basic(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"phone:{token}".encode()).decode()}


@pytest.fixture
def token(cast: Cast, drill: Incident) -> str:
    """The village reporter's token: it may send reports and nothing else."""
    made = issue_token(
        user=cast.village_reporter, name="phone", actions=[Action.REPORT_SUBMIT, Action.PLACE_READ],
        by=cast.village_reporter, at=timezone.now(), expires_at=timezone.now() + timedelta(days=7),
    )  # fmt: skip
    return str(made[1])


# ---- OpenRosa, as ODK Collect speaks it


def instance(key: str = "uuid:1b4e28ba-2fa1-11d2-883f-0016d3cca427", **answers: str) -> bytes:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in answers.items())
    return (
        f'<data xmlns:h="x" id="yipan-daily-village" version="1"><unit>{VILLAGE}</unit><day>{DAY}</day>'
        f"<g_screening>{inside}</g_screening><meta><instanceID>{key}</instanceID></meta></data>"
    ).encode()


def submit(client: Client, body: bytes, headers: dict[str, str]) -> Any:
    file = SimpleUploadedFile("form.xml", body, content_type="text/xml")
    return client.post(
        reverse("report:openrosa_submission"), {"xml_submission_file": file},
        headers={**headers, "X-OpenRosa-Version": "1.0"},
    )  # fmt: skip


@pytest.mark.parametrize("page", ["openrosa_list", "openrosa_form", "openrosa_manifest"])
def test_nobody_gets_a_form(client: Client, drill: Incident, page: str) -> None:
    for headers in ({}, basic("wrong"), {"Authorization": "Basic ???"}):
        answer = client.get(reverse(f"report:{page}"), headers=headers)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Basic")
        assert answer["X-OpenRosa-Version"] == "1.0"


def test_collect_finds_the_page_fills_it_in_and_sends_it_once(
    client: Client, token: str, province: Province
) -> None:
    listed = client.get(reverse("report:openrosa_list"), headers=basic(token))
    one = ElementTree.fromstring(listed.content)[0]
    told = {child.tag.rpartition("}")[2]: child.text or "" for child in one}
    assert told["formID"] == "yipan-daily-village"
    assert told["hash"].startswith("md5:")
    body = client.get(told["downloadUrl"].partition("testserver")[2], headers=basic(token))
    text = body.content.decode()
    assert 'id="yipan-daily-village"' in text
    assert f"<unit>{VILLAGE}</unit>" in text
    assert "/data/g_screening/fever" in text
    assert client.get(reverse("report:openrosa_manifest"), headers=basic(token)).status_code == 200
    head = client.head(reverse("report:openrosa_submission"), headers=basic(token))
    assert head.status_code == 204
    assert int(head["X-OpenRosa-Accept-Content-Length"]) > 0
    for status in (201, 202, 202):  # taken; here already, which Collect counts as sent
        sent = submit(client, instance(fever="2", masks_stock="40"), basic(token))
        assert sent.status_code == status
        assert b"submit_success" in sent.content
    assert Submission.objects.count() == 1
    assert set(Value.objects.values_list("element", "value")) == {("fever", 2), ("masks_stock", 40)}


def test_a_form_in_several_parts_is_accepted_part_by_part(
    client: Client, token: str, drill: Incident
) -> None:
    """Collect sends what is too large in several posts, each with the form and `*isIncomplete*`."""
    for i in range(2):
        answer = client.post(
            reverse("report:openrosa_submission"),
            {
                "xml_submission_file": SimpleUploadedFile("form.xml", instance(fever="2")),
                f"photo{i}.jpg": SimpleUploadedFile(f"photo{i}.jpg", b"x"),
                **({"*isIncomplete*": "yes"} if i == 0 else {}),
            },
            headers=basic(token),
        )
        assert answer.status_code == 202
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (instance(fever="-2"), 422),
        (instance(fever="many"), 422),
        (instance(key=""), 422),
        (b"<data", 422),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><data id="x">&a;</data>', 422),
        (instance(fever="1").replace(VILLAGE.encode(), b"100201001"), 404),
    ],
)
def test_what_cannot_be_taken_is_told_in_the_protocols_words(
    client: Client, token: str, body: bytes, status: int
) -> None:
    answer = submit(client, body, basic(token))
    assert answer.status_code == status
    assert b"submit_error" in answer.content
    assert not Value.objects.exists()


# ---- XLSForm


def test_the_page_as_an_xlsform_is_what_pyxform_takes(cast: Cast, as_person: As) -> None:
    answer = as_person(cast.department).get(f"{ROOT}/xlsform?level=village")
    made = convert(io.BytesIO(answer.content), file_type=".xlsx", form_name="data")
    assert "口罩库存" in made.xform
    assert "Masks in stock" in made.xform
    assert "&lt;= 200000" in made.xform  # the element's own range


def test_an_existing_xlsform_becomes_a_request(cast: Cast, as_person: As) -> None:
    body = as_person(cast.department).get(f"{ROOT}/xlsform?level=village").content
    form = read_xlsform(body, name="f.xlsx", code="OLD")
    fever = next(f for f in form.fields if f.spec.concept == "fever")
    assert (fever.label_zh[:4], fever.label_en[:6]) == ("当日体温", "People")
    assert not {f.spec.concept for f in form.fields} & {"g_screening"}
    with pytest.raises(NotATable):
        read_xlsform(b"nothing", name="f.xlsx", code="OLD")


# ---- DHIS2 and ADX


def post(client: Client, path: str, body: object, kind: str = "application/json") -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(f"{ROOT}{path}", text, content_type=kind)


SET = {
    "dataSet": "yipan-daily-village",
    "period": "20200224",
    "orgUnit": VILLAGE,
    "dataValues": [
        {"dataElement": "fever", "value": "2"},
        {"dataElement": "masks_stock", "value": "40", "orgUnit": "100101002"},
        {"dataElement": "fever", "value": "-1", "orgUnit": "100101002", "period": "20200223"},
        {"dataElement": "fever", "value": "1", "orgUnit": "100201001"},
        {"dataElement": "fever", "value": "1", "period": "2020W08"},
    ],
}


def test_refusals_of_the_standards(client: Client, cast: Cast, as_person: As) -> None:
    paths = (
        "/dhis2/metadata",
        "/dhis2/dataValueSets?day=2020-02-24",
        "/adx?day=2020-02-24",
        "/xlsform",
    )
    for path in (*paths, "/fhir/Questionnaire"):
        assert client.get(f"{ROOT}{path}").status_code == 401
        assert as_person(cast.auditor).get(f"{ROOT}{path}").status_code == 403
    for path in ("/dhis2/dataValueSets", "/adx", "/fhir/QuestionnaireResponse"):
        assert post(client, path, {}).status_code == 401
        assert post(as_person(cast.analyst), path, {}).status_code == 403
        assert post(as_person(cast.county_officer), path, []).status_code == 422


def test_a_data_value_set_goes_in_and_comes_out(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    told = post(client, "/dhis2/dataValueSets", SET).json()
    assert told["status"] == "WARNING"
    assert told["importCount"]["imported"] == 2
    assert told["importCount"]["ignored"] == 3
    assert len(told["conflicts"]) == 3
    out = client.get(f"{ROOT}/dhis2/dataValueSets?day={DAY}").json()
    assert {
        (v["orgUnit"], v["dataElement"], v["value"], v["period"]) for v in out["dataValues"]
    } == {
        (VILLAGE, "fever", "2", "20200224"),
        ("100101002", "masks_stock", "40", "20200224"),
    }
    again = post(client, "/dhis2/dataValueSets", out).json()
    assert again["importCount"]["imported"] == 0  # what is known already adds nothing
    other = as_person(cast.other_county_officer).get(f"{ROOT}/dhis2/dataValueSets?day={DAY}").json()
    assert other["dataValues"] == []


def test_metadata_has_dhis2s_shape(cast: Cast, as_person: As) -> None:
    told = as_person(cast.department).get(f"{ROOT}/dhis2/metadata").json()
    (data_set,) = told["dataSets"]
    ids = {e["id"] for e in told["dataElements"]}
    assert {x["dataElement"]["id"] for x in data_set["dataSetElements"]} == ids
    assert all(len(i) == 11 and i[0].isalpha() and i.isalnum() for i in ids)
    assert uid("dataElement", "fever") in ids
    assert len(told["organisationUnits"]) == 5
    assert all(len(e["shortName"]) <= 50 for e in told["dataElements"])


def test_a_set_named_by_the_uids_of_our_metadata_goes_in_and_out(cast: Cast, as_person: As) -> None:
    """DHIS2 names things by UID unless told otherwise."""
    client = as_person(cast.county_officer)
    told = client.get(f"{ROOT}/dhis2/metadata").json()
    element = next(e["id"] for e in told["dataElements"] if e["code"] == "fever")
    place = next(u["id"] for u in told["organisationUnits"] if u["code"] == VILLAGE)
    sent = {"dataValues": [{"dataElement": element, "orgUnit": place, "period": "20200224", "value": "2"},
                           {"dataElement": "Abcdefghijk", "orgUnit": place, "period": "20200223", "value": "2"}]}  # fmt: skip
    summary = post(client, "/dhis2/dataValueSets", sent).json()
    assert (summary["importCount"]["imported"], len(summary["conflicts"])) == (1, 1)
    value = Value.objects.get()
    assert (value.element, value.unit.code) == ("fever", VILLAGE)
    out = client.get(f"{ROOT}/dhis2/dataValueSets?day={DAY}&scheme=uid").json()
    assert [(v["dataElement"], v["orgUnit"]) for v in out["dataValues"]] == [(element, place)]


def test_another_systems_data_set_becomes_a_request(
    cast: Cast, as_person: As, province: Province
) -> None:
    body = {
        "dataElements": [
            {"id": "fbfJHSPpUQD", "code": "fever", "name": "People with fever", "formName": "体温异常", "valueType": "INTEGER", "aggregationType": "SUM"},
            {"id": "cYeuwXTCPkU", "name": "Remarks", "valueType": "LONG_TEXT", "aggregationType": "NONE"},
            {"id": "Jtf34kNZhzP", "name": "Of another set", "valueType": "INTEGER"},
        ],
        "dataSets": [{"id": "lyLU2wR22tC", "name": "Daily fever", "dataSetElements": [
            {"dataElement": {"id": "fbfJHSPpUQD"}}, {"dataElement": {"id": "cYeuwXTCPkU"}}]}],
    }  # fmt: skip
    path = "/dhis2/metadata?code=DH&purpose=a&decision=b&legal_basis=c"
    assert post(as_person(cast.analyst), path, body).status_code == 403
    client = as_person(cast.department)
    assert post(client, path, {"dataElements": "none"}).status_code == 422
    made = post(client, path, body).json()
    assert (made["state"], made["fields"]) == ("draft", 2)
    asked = DataRequest.objects.get(pk=made["request"])
    assert asked.title_en == "Daily fever"
    assert [(f.label_zh, f.concept, f.measure) for f in asked.fields.order_by("position")] == [
        ("体温异常", "fever", "flow"),
        ("Remarks", "cYeuwXTCPkU", "text"),
    ]


def test_adx_goes_in_and_comes_out(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    post(client, "/dhis2/dataValueSets", SET)
    document = client.get(f"{ROOT}/adx?day={DAY}").content
    root = read_xml(document, name="adx")
    assert root.tag == "{urn:ihe:qrph:adx:2015}adx"
    assert [g.get("period") for g in root] == ["2020-02-24/P1D"] * 2
    moved = document.replace(b"2020-02-24/P1D", b"2020-02-22/P1D")
    assert post(client, "/adx", moved, "application/adx+xml").json()["importCount"]["imported"] == 2
    assert Value.objects.filter(day=date(2020, 2, 22)).count() == 2
    wrong = document.replace(b"2020-02-24/P1D", b"2020-02/P1M")
    assert post(client, "/adx", wrong, "application/adx+xml").json()["status"] == "ERROR"


# ---- FHIR


def response(**answers: int) -> dict[str, Any]:
    items = [{"linkId": "unit", "answer": [{"valueString": VILLAGE}]}, {"linkId": "day", "answer": [{"valueDate": DAY}]}]  # fmt: skip
    inside = [{"linkId": n, "answer": [{"valueInteger": v}]} for n, v in answers.items()]
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": [{"value": "phone-7-0001"}],
        "questionnaire": "urn:yipan:questionnaire:yipan-daily-village",
        "status": "completed",
        "item": [*items, {"linkId": "g-screening", "item": inside}],
    }


def test_a_questionnaire_and_its_response(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    told = client.get(f"{ROOT}/fhir/Questionnaire").json()
    assert Questionnaire.model_validate(told).status == "active"
    links = {i["linkId"] for g in told["item"] for i in g.get("item", [])}
    assert {"fever", "masks_stock"} <= links
    for _ in range(2):
        assert post(client, "/fhir/QuestionnaireResponse", response(fever=2)).status_code == 200
    assert Value.objects.get().value == 2
    assert post(client, "/fhir/QuestionnaireResponse", {**response(fever=2), "status": "odd", "identifier": []}).status_code == 422  # fmt: skip
