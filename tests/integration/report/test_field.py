"""The field app's door: refusals first, then the day, a page, its replays, an outbox brought as a file."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cast import NOON, Cast, Province
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.scope import system_scope
from yipan.report.field.sealing import INFO, public_key
from yipan.report.field.texts import TEXTS, texts
from yipan.report.models import DataElement, Submission, Value
from yipan.report.requests.actions import Why, import_forms
from yipan.report.requests.files import read_forms

SLOT = re.compile(r"\{(\w+)\}")
pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
DAY, PAGES, FILE = "/api/report/field", "/api/report/field/pages", "/report/field/outbox/"


def page(user: User, **changes: Any) -> dict[str, Any]:
    return {
        "person": str(user.pk),
        "unit": "100101001",
        "day": "2020-02-24",
        "period": "daily",
        "answers": {"fever": "2", "masks_stock": "３０"},
        "same": [],
        "client_key": "phone-0001",
        "device_at": "2020-02-24T03:59:00Z",
        **changes,
    }


def post(client: Client, body: dict[str, Any]) -> Any:
    return client.post(PAGES, json.dumps(body), content_type="application/json")


def sealed(items: list[dict[str, Any]], **outer: Any) -> bytes:
    """What a phone writes: the same steps as frontend/src/outbox/sealing.ts, in another language."""
    mine = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    point = mine.public_key().public_bytes(*form)
    key = public_key()
    there = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), base64.b64decode(key.point)
    )
    secret = HKDF(SHA256(), 32, salt=point, info=INFO).derive(mine.exchange(ec.ECDH(), there))
    iv = os.urandom(12)
    inside = {"person": "7", "person_name": "Wang", "unit_name": "Village", "items": items}
    locked = AESGCM(secret).encrypt(iv, json.dumps(inside).encode(), key.id.encode())
    told = {"yipan_outbox": 1, "key": key.id}
    for name, value in (("point", point), ("iv", iv), ("sealed", locked)):
        told[name] = base64.b64encode(value).decode()
    return json.dumps({**told, **outer}).encode()


def bring(client: Client, body: bytes) -> Any:
    return client.post(FILE, {"file": SimpleUploadedFile("phone.outbox", body)})


# ---- refusals first


def test_nobody_signed_in(client: Client, drill: Incident, cast: Cast) -> None:
    assert client.get(DAY).status_code == 401
    assert post(client, page(cast.village_reporter)).status_code == 401
    assert client.get(FILE).status_code == 302
    assert not Submission.objects.exists()


def test_a_role_that_reports_nothing(cast: Cast, as_person: As) -> None:
    analyst = as_person(cast.analyst)
    assert analyst.get(DAY).status_code == 403
    assert post(analyst, page(cast.analyst)).status_code == 403
    assert analyst.get(FILE).status_code == 403


def test_a_page_without_the_token_of_this_site(cast: Cast, drill: Incident) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.village_reporter)
    assert post(strict, page(cast.village_reporter)).status_code == 403
    token = strict.get(DAY) and strict.cookies["csrftoken"].value
    sent = strict.post(
        PAGES,
        json.dumps(page(cast.village_reporter)),
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert sent.status_code == 200


def test_a_unit_out_of_sight_is_not_there(cast: Cast, as_person: As) -> None:
    other = as_person(cast.other_county_officer)
    assert post(other, page(cast.other_county_officer)).status_code == 404
    assert other.get(f"{DAY}?unit=100101001").status_code == 404


def test_what_somebody_else_filled_in_is_not_sent_in_my_name(cast: Cast, as_person: As) -> None:
    refused = post(as_person(cast.county_officer), page(cast.village_reporter))
    assert (refused.status_code, refused.json()["code"]) == (409, "R171")
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"client_key": "short"},
        {"client_key": "k" * 65},
        {"day": "yesterday"},
        {"period": "monthly"},
        {"answers": [1]},
        {"reason": "r" * 501},
        {"device_at": "noon"},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_malformed_page(cast: Cast, as_person: As, change: dict[str, Any]) -> None:
    assert (
        post(as_person(cast.village_reporter), page(cast.village_reporter, **change)).status_code
        == 422
    )
    assert not Submission.objects.exists()


def test_a_fault_names_its_field_and_nothing_is_taken(cast: Cast, as_person: As) -> None:
    me = as_person(cast.village_reporter)
    wrong = page(
        cast.village_reporter, answers={"fever": "-3", "masks_stock": "many"}, same=["beds"]
    )
    refused = post(me, wrong)
    assert refused.status_code == 422
    assert {n: f["code"] for n, f in refused.json()["fields"].items()} == {
        "fever": "R104",
        "masks_stock": "R103",
    }
    assert post(me, page(cast.village_reporter, answers={})).json()["code"] == "R126"
    future = post(me, page(cast.village_reporter, day="2020-02-25"))
    assert "R105" in json.dumps(future.json())
    assert not Submission.objects.exists()


def test_the_incident_is_over(cast: Cast, as_person: As, drill: Incident) -> None:
    Incident.objects.filter(pk=drill.pk).update(stood_down_at=NOON)
    refused = post(as_person(cast.village_reporter), page(cast.village_reporter))
    assert (refused.status_code, refused.json()["code"]) == (409, "R125")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "R113"),
        (b"PK\x03\x04", "not such a file"),
        (b"[]", "not such a file"),
        (b'{"yipan_outbox": 1}', "not such a file"),
        (b"[" * 100_000, "not such a file"),
    ],
    ids=["empty", "a zip", "a list", "half of it", "a bomb of brackets"],
)
def test_a_file_that_is_no_outbox(cast: Cast, as_person: As, body: bytes, why: str) -> None:
    refused = bring(as_person(cast.county_officer), body)
    assert refused.status_code == 422
    assert why in refused.content.decode()


def test_an_outbox_that_was_changed_or_is_locked_to_another_key(cast: Cast, as_person: As) -> None:
    officer = as_person(cast.county_officer)
    file = json.loads(sealed([]))
    other = base64.b64encode(base64.b64decode(file["sealed"])[::-1]).decode()
    for change, why in (
        ({"sealed": other}, "damaged or changed"),
        ({"iv": base64.b64encode(b"0" * 12).decode()}, "damaged or changed"),
        ({"point": base64.b64encode(b"\x04" + b"0" * 64).decode()}, "damaged or changed"),
        ({"key": "0123456789abcdef"}, "another server"),
        ({"yipan_outbox": 9}, "another version"),
    ):
        refused = bring(officer, json.dumps({**file, **change}).encode())
        assert refused.status_code == 422
        assert why in refused.content.decode()


# ---- the day


def test_the_day_holds_the_page_its_values_and_the_key(
    cast: Cast, as_person: As, province: Province
) -> None:
    me = as_person(cast.village_reporter)
    post(me, page(cast.village_reporter, day="2020-02-23"))
    answer = me.get(DAY)
    told = answer.json()
    assert told["person"]["id"] == str(cast.village_reporter.pk)
    assert told["unit"]["code"] == "100101001"
    assert told["key"]["id"] == public_key().id
    (daily,) = [p for p in told["pages"] if p["period"] == "daily"]
    assert daily["day"] == "2020-02-24"
    assert daily["ends_at"] == int(answer["X-Yipan-Moment"]) + 12 * 3600 * 1000  # noon to midnight
    asks = {a["id"]: a for s in daily["sections"] for a in s["asks"]}
    assert asks["fever"]["before"] == {"day": "2020-02-23", "value": "2"}
    assert asks["fever"]["known"] is None
    assert asks["households_checked"]["before"] is None


def test_a_day_that_has_not_changed_is_not_sent_again(cast: Cast, as_person: As) -> None:
    me = as_person(cast.village_reporter)
    tag = me.get(DAY)["ETag"]
    again = me.get(DAY, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again["X-Yipan-Moment"]
    assert me.get(DAY, headers={"If-None-Match": f"W/{tag}"}).status_code == 304  # gzip weakens it
    post(me, page(cast.village_reporter))
    assert me.get(DAY, headers={"If-None-Match": tag}).status_code == 200


def test_the_shell_is_the_same_for_everybody_and_names_nobody(
    client: Client, cast: Cast, as_person: As
) -> None:
    mine = as_person(cast.village_reporter).get("/report/field/")
    assert client.get("/report/field/").content == mine.content
    assert "Content-Security-Policy" in mine
    assert "unsafe" not in mine["Content-Security-Policy"]


def test_the_manifest_can_be_installed(client: Client, drill: Incident) -> None:
    answer = client.get("/report/field/manifest.webmanifest")
    told = answer.json()
    assert answer["Content-Type"] == "application/manifest+json"
    assert (told["display"], told["start_url"]) == ("standalone", "/report/field/")
    assert {i["sizes"] for i in told["icons"]} == {"192x192", "512x512"}
    worker = client.get("/report/field/worker.js")
    assert worker["Service-Worker-Allowed"] == "/"
    assert '"/orders/"' in worker.content.decode()


def test_every_text_is_there_in_both_languages() -> None:
    zh, en = texts("zh-hans"), texts("en")
    assert zh.keys() == en.keys() == TEXTS.keys()
    same = {n for n in TEXTS if zh[n] == en[n]} - {"yesterday", "report_item"}
    assert not same
    for name in TEXTS:
        assert set(SLOT.findall(zh[name])) == set(SLOT.findall(en[name])), name


# ---- sending


def test_a_replay_changes_nothing_and_says_the_same_number(cast: Cast, as_person: As) -> None:
    me = as_person(cast.village_reporter)
    first = post(me, page(cast.village_reporter)).json()
    assert first["accepted"] == 2
    for _attempt in range(3):
        assert post(me, page(cast.village_reporter)).json() == first
    assert Submission.objects.count() == 1
    assert dict(Value.objects.values_list("element", "value")) == {"fever": 2, "masks_stock": 30}
    made = Submission.objects.get()
    assert (made.source, made.actor) == ("form", cast.village_reporter)
    assert made.device_at is not None
    assert made.received_at == NOON


def test_what_is_known_already_stands_under_its_own_number(cast: Cast, as_person: As) -> None:
    me = as_person(cast.village_reporter)
    first = post(me, page(cast.village_reporter)).json()
    again = post(me, page(cast.village_reporter, client_key="phone-0002")).json()
    assert (again["id"], again["stands"]) == (first["id"], True)
    assert Submission.objects.count() == 1


def test_no_change_zero_and_blank_are_three_things(cast: Cast, as_person: As) -> None:
    me = as_person(cast.village_reporter)
    post(me, page(cast.village_reporter, day="2020-02-23"))
    sent = page(
        cast.village_reporter,
        answers={"households_checked": "0", "disinfectant_stock": ""},
        same=["fever"],
        client_key="phone-0003",
    )
    assert post(me, sent).json()["accepted"] == 2
    today = {v.element: v for v in Value.objects.filter(day="2020-02-24")}
    assert sorted(today) == ["fever", "households_checked"]
    assert (today["fever"].value, today["fever"].unchanged) == (2, True)
    assert (today["households_checked"].value, today["households_checked"].unchanged) == (0, False)


# ---- a phone's outbox as a file


def test_brought_by_the_county_and_sent_by_the_phone_it_is_one_report(
    cast: Cast, as_person: As
) -> None:
    item = {"kind": "report", "label": "Village, 24 Feb", **page(cast.village_reporter)}
    order = {"kind": "order", "label": "Read: Knock", "delivery": "d-1"}
    officer = as_person(cast.county_officer)
    first = bring(officer, sealed([item, order])).content.decode()
    assert "✓ taken in" in first
    assert "log it on the order" in first
    made = Submission.objects.get()
    assert made.actor == cast.county_officer
    assert AuditRecord.objects.get(event="report.outbox_brought").detail["filled_in_by"] == "7"
    assert "was here already" in bring(officer, sealed([item])).content.decode()
    told = post(as_person(cast.village_reporter), page(cast.village_reporter)).json()
    assert told["id"] == made.pk
    assert Submission.objects.count() == 1


def test_one_wrong_item_costs_itself_only(cast: Cast, as_person: As) -> None:
    good = {"kind": "report", **page(cast.village_reporter)}
    foreign = {**good, "unit": "100201001", "client_key": "phone-0008"}
    wrong = {**good, "answers": {"fever": "-1"}, "client_key": "phone-0009"}
    odd: list[Any] = [7, {"kind": "report"}, {**good, "client_key": 3}, {**good, "answers": "x"}]
    text = bring(
        as_person(cast.county_officer), sealed([wrong, foreign, *odd, good])
    ).content.decode()
    assert text.count("not taken") == 6
    assert text.count("✓ taken in") == 1
    assert "outside 0 to" in text
    assert Submission.objects.count() == 1


def test_an_outbox_with_too_many_or_no_items(cast: Cast, as_person: As) -> None:
    officer = as_person(cast.county_officer)
    assert bring(officer, sealed([{}] * 501)).status_code == 422
    assert "held nothing" in bring(officer, sealed([])).content.decode()


# ---- skip logic and decimals, end to end


def asked_for_soap(province: Province, drill: Incident) -> None:
    """Two elements on the village's page: soap with one place, and what is asked only where soap is short."""
    import_forms(
        incident=drill,
        unit=province["10"],
        file=read_forms(SOAP, name="soap.yaml"),
        why=Why("supply", "allocate soap", "article 33"),
        by=None,
        at=NOON.replace(day=20),
        scope=system_scope(),
        approve_new="new questions, ruled in",
    )


SOAP = """
dictionary:
- {id: soap, zh: 肥皂, en: Soap, unit: kg, measure: stock, time_basis: instant, ask_period: daily, decimals: 1}
- {id: soap_need, zh: 缺口, en: Soap needed, unit: kg, measure: need, time_basis: instant, ask_period: daily,
   decimals: 1, relevant: 'soap < 5'}
forms:
- code: SO
  department: Supply
  title: Soap
  frequency: daily
  respondent_level: village
  fields:
  - {id: SO1, label: Soap, spec: {concept: soap, measure: stock, time_basis: instant, unit: kg}}
  - {id: SO2, label: Need, spec: {concept: soap_need, measure: need, time_basis: instant, unit: kg}}
"""


def test_skip_logic_and_decimals_from_the_file_to_the_value(
    cast: Cast, as_person: As, province: Province, drill: Incident
) -> None:
    asked_for_soap(province, drill)
    assert DataElement.objects.get(element="soap_need").relevant == "soap < 5"
    me = as_person(cast.village_reporter)
    asks = {
        a["id"]: a for p in me.get(DAY).json()["pages"] for s in p["sections"] for a in s["asks"]
    }
    assert asks["soap"]["decimals"] == 1
    assert asks["soap_need"]["relevant"] == ["<", "soap", 5]
    assert asks["soap_need"]["only_if"] == ["肥皂 < 5", "Soap < 5"]
    html = me.get("/report/form/").content.decode()
    assert "Only if Soap &lt; 5" in html
    assert 'inputmode="decimal"' in html

    plenty = page(cast.village_reporter, answers={"soap": "7.5", "soap_need": "3"})
    assert post(me, plenty).json()["left_out"] == ["soap_need"]
    assert dict(Value.objects.values_list("element", "value")) == {"soap": 7.5}
    wrong = page(cast.village_reporter, answers={"soap": "7.55"}, client_key="phone-0010")
    assert post(me, wrong).json()["fields"]["soap"]["code"] == "R170"
    short = page(
        cast.village_reporter,
        answers={"soap": "2.5", "soap_need": "3"},
        reason="weighed",
        client_key="phone-0011",
    )
    assert post(me, short).json()["left_out"] == []
    assert Value.objects.get(element="soap_need").value == 3
    value = Value.objects.filter(element="soap").latest("version")
    assert (value.value, value.reason) == (2.5, "weighed")
    form = me.get("/report/openrosa/form.xml?unit=100101001")
    if form.status_code == 200:
        text = form.content.decode()
        assert "/data/g_now/soap" in text
        assert "relevant=" in text
    shown = me.get("/report/form/").content.decode()
    assert 'value="2.5"' in shown


def test_without_scripts_what_was_not_asked_is_named(
    cast: Cast, as_person: As, province: Province, drill: Incident
) -> None:
    asked_for_soap(province, drill)
    me = as_person(cast.village_reporter)
    sent = me.post("/report/form/", {"unit": "100101001", "day": "2020-02-24", "soap": "7.5", "soap_need": "3"}, follow=True)  # fmt: skip
    text = sent.content.decode()
    assert "Not taken, because the page did not ask it" in text
    assert "Soap needed" in text
    assert dict(Value.objects.values_list("element", "value")) == {"soap": 7.5}
