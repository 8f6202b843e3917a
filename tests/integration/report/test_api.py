"""Report over the API: refusals first, then the same acts as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cast import Cast
from yipan.access.models import Incident, User
from yipan.report.models import RowAside, Submission, Value

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ROOT = "/api/report"
SENT = {
    "unit": "100101001",
    "day": "2020-02-24",
    "values": {"fever": 2, "masks_stock": None},
    "client_key": "key-00001",
}


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(f"{ROOT}{path}", json.dumps(body), content_type="application/json")


# ---- refusals first


@pytest.mark.parametrize(
    "path",
    ["/elements", "/silent", "/submissions", "/aside", "/cases", "/values?unit=1&day=2020-02-24"],
)
def test_nobody_reads_nothing(client: Client, drill: Incident, path: str) -> None:
    assert client.get(f"{ROOT}{path}").status_code == 401


def test_nobody_sends_nothing(client: Client, drill: Incident) -> None:
    assert post(client, "/values", SENT).status_code == 401
    assert not Submission.objects.exists()


def test_a_role_too_small_is_forbidden(cast: Cast, as_person: As) -> None:
    analyst = as_person(cast.analyst)
    assert post(analyst, "/values", SENT).status_code == 403
    assert as_person(cast.commander).get(f"{ROOT}/cases").status_code == 403
    assert as_person(cast.auditor).get(f"{ROOT}/submissions").status_code == 403
    assert analyst.post(f"{ROOT}/uploads").status_code == 403


def test_a_place_out_of_sight_is_not_there(cast: Cast, as_person: As) -> None:
    client = as_person(cast.other_county_officer)
    assert post(client, "/values", SENT).status_code == 404
    assert client.get(f"{ROOT}/values?unit=100101001&day=2020-02-24").status_code == 404
    assert client.get(f"{ROOT}/submissions/1").status_code == 404
    assert post(client, "/aside/1/dismiss", {"reason": "x"}).status_code == 404


def test_a_key_of_something_else_is_a_conflict(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    assert post(client, "/values", SENT).status_code == 200
    other = post(client, "/values", {**SENT, "unit": "100101002"})
    assert (other.status_code, other.json()["code"]) == (409, "R123")


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": "24/02/2020"},
        {"values": {"fever": "two"}},
        {"client_key": "short"},
        {"values": {"fever": -3}},
        {"values": {"unheard_of": 1}},
        {"day": "2099-01-01"},
        {"values": {}},
    ],
)
def test_malformed_input_is_422_and_takes_nothing(
    cast: Cast, as_person: As, wrong: dict[str, Any]
) -> None:
    response = post(as_person(cast.village_reporter), "/values", {**SENT, **wrong})
    assert response.status_code == 422
    assert not Value.objects.exists()


def test_every_fault_is_named_by_its_field(cast: Cast, as_person: As) -> None:
    response = post(
        as_person(cast.village_reporter),
        "/values",
        {**SENT, "values": {"fever": -3, "masks_stock": 1e12}},
    )
    assert {name: f["code"] for name, f in response.json()["fields"].items()} == {
        "fever": "R104",
        "masks_stock": "R104",
    }


# ---- taken


def test_values_are_sent_replayed_corrected_and_read_back(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    first = post(client, "/values", SENT).json()
    assert post(client, "/values", SENT).json()["id"] == first["id"]
    again = {**SENT, "client_key": "key-00002", "values": {"fever": 3}}
    assert post(client, "/values", again).status_code == 422
    corrected = {**again, "client_key": "key-00003", "reasons": {"fever": "recounted"}}
    assert post(client, "/values", corrected).json()["accepted"] == 1
    (value,) = client.get(f"{ROOT}/values?unit=100101001&day=2020-02-24").json()
    assert (value["value"], value["version"], value["reason"]) == (3, 2, "recounted")
    versions = client.get(
        f"{ROOT}/values/history?unit=100101001&element=fever&day=2020-02-24"
    ).json()
    assert [v["value"] for v in versions] == [3, 2]


def test_a_file_is_sent_and_its_rows_aside_settled(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    body = b"code,date,fever\n100101001,2020-02-24,2\n100101002,2020-02-24,-3\n100101002,2020-02-23,x\n"
    sent = client.post(
        f"{ROOT}/uploads", {"file": SimpleUploadedFile("f.csv", body), "kind": "counts"}
    ).json()
    assert (sent["accepted"], sent["aside"], sent["rows_read"]) == (1, 2, sent["rows_total"])
    rows = client.get(f"{ROOT}/aside").json()
    assert sorted(r["code"] for r in rows) == ["R103", "R104"]
    first, second = sorted(rows, key=lambda r: r["row"])
    assert (
        post(client, f"/aside/{first['id']}/correct", {"cells": {"fever": "3"}}).status_code == 200
    )
    told = post(client, f"/aside/{second['id']}/dismiss", {"reason": "typing"}).json()
    assert told["settlement"] == "dismissed"
    assert post(client, f"/aside/{second['id']}/dismiss", {"reason": "x"}).status_code == 409
    assert not RowAside.objects.filter(settled_at__isnull=True).exists()
    assert len(client.get(f"{ROOT}/aside?settled=true").json()) == 2


def test_a_file_too_large_is_413(cast: Cast, as_person: As) -> None:
    response = as_person(cast.county_officer).generic(
        "POST",
        f"{ROOT}/uploads",
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(200 * 1024 * 1024),
    )
    assert (response.status_code, response.json()["code"]) == (413, "R114")


def test_who_is_silent(cast: Cast, as_person: As) -> None:
    post(as_person(cast.village_reporter), "/values", SENT)
    client = as_person(cast.county_officer)
    noted = post(client, "/absences", {"unit": "100101002", "reason": "line fault"})
    assert noted.status_code == 204
    told = client.get(f"{ROOT}/silent?level=village").json()
    assert (told["heard"], told["owing"]) == (1, 2)
    assert [(s["unit"], s["reason"]) for s in told["silent"]] == [("100101002", "line fault")]


def test_the_dictionary_is_bilingual(cast: Cast, as_person: As) -> None:
    told = as_person(cast.village_reporter).get(f"{ROOT}/elements").json()
    assert all(e["label_zh"] and e["label_en"] and e["definition_zh"] for e in told)
