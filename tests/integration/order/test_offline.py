"""What a phone is given to keep: one's own orders, signed; a page with nothing of anybody in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from cast import Cast
from yipan.access.models import User
from yipan.order.models import Delivery, DeliveryEvent
from yipan.order.offline.bundle import Bundle, is_whole

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
SHELL = {"Accept": "application/json, text/html;q=0.9"}


def bundle_of(client: Client) -> Bundle:
    return Bundle(**client.get(reverse("order:bundle")).json())


def test_who_receives_no_orders_is_given_none(
    delivered: list[Delivery], client: Client, cast: Cast, as_person: As
) -> None:
    assert client.get(reverse("order:bundle")).status_code == 302
    for who in ("commander", "analyst", "auditor", "administrator"):
        assert as_person(getattr(cast, who)).get(reverse("order:bundle")).status_code == 403


def test_one_is_given_ones_own_orders_signed(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    bundle = bundle_of(as_person(cast.county_officer))
    assert is_whole(bundle)
    told = json.loads(bundle.text)
    assert told["made_at"].endswith("+08:00")
    assert told["person"] == str(cast.county_officer.pk)
    own = {str(d.pk) for d in delivered if d.unit.code == "100101"}
    assert {order["delivery"] for order in told["orders"]} == own


def test_a_word_changed_or_another_key_breaks_it(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    bundle = bundle_of(as_person(cast.county_officer))
    assert not is_whole(replace(bundle, text=bundle.text.replace("closed", "open")))
    assert not is_whole(replace(bundle, public_key="00" * 32))
    assert not is_whole(replace(bundle, signature="zz"))


def test_the_page_and_the_worker_hold_nothing_of_anybody(
    delivered: list[Delivery], client: Client, cast: Cast, as_person: As
) -> None:
    for page in ("order:offline", "report:field_worker"):
        anonymous = client.get(reverse(page))
        signed_in = as_person(cast.county_officer).get(reverse(page))
        assert anonymous.status_code == 200
        for answer in (anonymous, signed_in):
            body = answer.content.decode()
            assert "County Officer" not in body
            assert delivered[0].order.title_en not in body


def test_the_servers_time_is_official_and_the_phones_is_kept_beside_it(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    for i, said in enumerate(["2020-02-24T03:30:00.000Z", "yesterday"]):
        where = reverse("order:act", args=[delivered[i].pk, "acknowledge"])
        fields = {"client_key": f"key-{i}", "device_at": said}
        assert client.post(where, fields, headers=SHELL).status_code == 200
    first, second = DeliveryEvent.objects.filter(act="acknowledge").order_by("pk")
    assert first.device_at is not None
    assert first.device_at.isoformat() == "2020-02-24T03:30:00+00:00"
    assert first.at > first.device_at
    assert second.device_at is None
