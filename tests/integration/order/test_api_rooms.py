"""Meetings and the duty room over the API: refusals first, then the same as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cast import NOON, Cast
from yipan.access.models import Incident, User
from yipan.order.models import Contact, Delivery, Minutes, Order, Outage, Shift

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ROOT = "/api/orders"
TEXT = "出席：各组组长\n1. 各县关闭活禽市场。牵头：县级指挥部。时限：2月26日。\n2. 检查学校食堂。时限：2月27日。"


def post(client: Client, where: str, body: Any, method: str = "post") -> Any:
    return getattr(client, method)(
        f"{ROOT}{where}", json.dumps(body), content_type="application/json"
    )


# ---- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["/meetings/", "/meetings/1", "/duty/100101", "/accountability"])
def test_nobody_is_asked_to_sign_in(client: Client, standing_clock: Incident, where: str) -> None:
    assert client.get(f"{ROOT}{where}").status_code == 401


def test_only_who_drafts_takes_minutes(cast: Cast, as_person: As) -> None:
    assert post(as_person(cast.county_officer), "/meetings/", {"text": TEXT}).status_code == 403
    assert as_person(cast.analyst).get(f"{ROOT}/meetings/").status_code == 403
    assert not Minutes.objects.exists()


@pytest.mark.parametrize(("who", "status"), [("analyst", 403), ("other_county_officer", 404)])
def test_another_s_duty_room(cast: Cast, as_person: As, who: str, status: int) -> None:
    client = as_person(getattr(cast, who))
    assert client.get(f"{ROOT}/duty/100101").status_code == status
    shift = {"person": "x", "start": NOON.isoformat(), "end": NOON.isoformat()}
    assert post(client, "/duty/100101/shifts", shift).status_code == status


@pytest.mark.parametrize("text", ["", "  ", "出席：各组组长\n散会。", "\x00\x01\x02"])
def test_what_holds_no_decision(cast: Cast, as_person: As, text: str) -> None:
    refused = post(as_person(cast.commander), "/meetings/", {"text": text})
    assert (refused.status_code, refused.json()["code"]) == (422, "O421")


def test_a_key_the_minutes_do_not_have(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    taken = post(client, "/meetings/", {"text": TEXT}).json()
    where = f"/meetings/{taken['id']}/orders"
    assert post(client, where, {"confirmed": [{"key": "9-9"}]}).status_code == 422
    assert post(client, "/meetings/99/orders", {"confirmed": []}).status_code == 404
    assert not Order.objects.exists()


# ---- what works --------------------------------------------------------------------------------------------


def test_from_the_meeting_to_orders(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    taken = post(client, "/meetings/", {"text": TEXT, "said_at": NOON.isoformat()})
    assert taken.status_code == 201
    whole = taken.json()
    assert [p["title"] for p in whole["proposals"]] == ["各县关闭活禽市场", "检查学校食堂"]
    assert whole["beside"] == ["出席：各组组长"]
    body = {
        "confirmed": [{"key": "1-1"}, {"key": "2-1", "units": ["1001"], "title": "查食堂"}],
        "issue": True,
    }
    made = post(client, f"/meetings/{whole['id']}/orders", body)
    assert made.status_code == 201
    assert {(o["title_zh"], o["state"], o["missing"]) for o in made.json()["orders"]} == {
        ("各县关闭活禽市场", "held", "en"),
        ("查食堂", "held", "en"),
    }
    again = client.get(f"{ROOT}/meetings/{whole['id']}").json()
    assert all(p["order"] for p in again["proposals"])
    assert [m["id"] for m in client.get(f"{ROOT}/meetings/").json()] == [whole["id"]]


def test_a_file_is_taken_too(cast: Cast, as_person: As) -> None:
    sent = SimpleUploadedFile("list.txt", TEXT.encode("gb18030"))
    taken = as_person(cast.commander).post(f"{ROOT}/meetings/file", {"file": sent})
    assert (taken.status_code, len(taken.json()["proposals"])) == (201, 2)


def test_the_duty_room(cast: Cast, as_person: As, delivered: list[Delivery]) -> None:
    client = as_person(cast.county_officer)
    where = "/duty/100101"
    hours = {"start": NOON.isoformat(), "end": (NOON + timedelta(hours=8)).isoformat()}
    person = cast.county_officer.username
    shift = post(client, f"{where}/shifts", {"person": person, **hours})
    assert shift.status_code == 201
    assert post(client, f"{where}/shifts", {"person": "nobody", **hours}).status_code == 422
    told = {"shift": shift.json()["id"], "words": "two orders open"}
    assert post(client, f"{where}/handover", told).status_code == 200
    contact = post(
        client, f"{where}/contacts", {"channel": "sms", "address": "+86 1", "secret": "s"}
    )
    assert (contact.status_code, "secret" in contact.json()) == (201, False)
    down = post(client, f"{where}/outages", {"reason": "mast fell"})
    assert down.status_code == 201
    room = client.get(f"{ROOT}{where}").json()
    assert (len(room["roster"]), len(room["contacts"]), len(room["outages"])) == (1, 1, 1)
    assert post(client, f"{where}/outages/{down.json()['id']}/end", {}).status_code == 204
    assert client.delete(f"{ROOT}{where}/contacts/{contact.json()['id']}").status_code == 204
    assert client.delete(f"{ROOT}{where}/contacts/{contact.json()['id']}").status_code == 404
    assert Outage.objects.get().until is not None
    assert not Contact.objects.exists()
    assert Shift.objects.get().handover == "two orders open"


def test_duty_hours_are_set_by_the_office_above(cast: Cast, as_person: As) -> None:
    good = {"opens": "08:00", "closes": "18:00", "weekdays": [0, 1, 2, 3, 4]}
    commander = as_person(cast.commander)
    assert post(commander, "/duty/100101/hours", good | {"weekdays": []}, "put").status_code == 422
    assert post(commander, "/duty/100101/hours", good, "put").status_code == 200
    assert commander.get(f"{ROOT}/duty/100101").json()["hours"]["opens"] == "08:00:00"


def test_a_call_is_an_acknowledgement(cast: Cast, as_person: As, delivered: list[Delivery]) -> None:
    client = as_person(cast.county_officer)
    one = next(d for d in delivered if d.unit.code == "100101")
    call = {"delivery": str(one.pk), "client_key": "call-0001", "reached": "duty post"}
    logged = post(client, "/duty/calls", call)
    assert (logged.status_code, logged.json()["state"]) == (201, "acknowledged")
    assert post(as_person(cast.analyst), "/duty/calls", call).status_code == 403


def test_how_orders_went(cast: Cast, as_person: As, delivered: list[Delivery]) -> None:
    told = as_person(cast.commander).get(f"{ROOT}/accountability").json()
    assert told["deliveries"] == len(delivered)
    assert told["unreached_60_min"] == 1.0
