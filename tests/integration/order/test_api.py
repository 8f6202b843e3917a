"""Orders over the API: 401, 403, 404, 409, 422 first, then the same acts as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import include, path
from ninja import NinjaAPI

from cast import Cast
from yipan.access.api import tell_refusals
from yipan.access.models import Incident, User
from yipan.order import api
from yipan.order.models import Delivery, DeliveryEvent, Order

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ROOT = "/api/orders"
READS = ["/", "/inbox", "/deliveries", "/outstanding", "/latencies"]


class Addresses:
    """Only this room's API."""

    joined = NinjaAPI(urls_namespace="test-order-api")
    joined.add_router("/orders", api.router)
    tell_refusals(joined)
    urlpatterns = (
        path("api/", joined.urls),
        path("", include("yipan.access.account_urls")),
        path("", include("yipan.access.urls")),
    )


@pytest.fixture(autouse=True)
def only_the_api(settings: Any) -> None:
    settings.ROOT_URLCONF = Addresses


def post(client: Client, where: str, body: Any) -> Any:
    return client.post(f"{ROOT}{where}", json.dumps(body), content_type="application/json")


def acknowledge(client: Client, delivery: Delivery, key: str = "key-0001") -> Any:
    return post(client, f"/deliveries/{delivery.pk}/acknowledge", {"client_key": key})


# ---- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", READS)
def test_nobody_reads_nothing(client: Client, standing_clock: Incident, where: str) -> None:
    assert client.get(f"{ROOT}{where}").status_code == 401


def test_nobody_acts(client: Client, delivered: list[Delivery], standing_clock: Incident) -> None:
    assert acknowledge(client, delivered[0]).status_code == 401
    assert post(client, "/issue", {"orders": []}).status_code == 401


@pytest.mark.parametrize("where", READS)
def test_who_reads_no_orders_is_forbidden(cast: Cast, as_person: As, where: str) -> None:
    assert as_person(cast.administrator).get(f"{ROOT}{where}").status_code == 403


def test_seen_but_not_allowed_is_403_and_out_of_sight_is_404(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    assert acknowledge(as_person(cast.analyst), delivered[0]).status_code == 403
    assert acknowledge(as_person(cast.other_county_officer), delivered[0]).status_code == 404
    where = f"/deliveries/{delivered[0].pk}"
    assert as_person(cast.other_county_officer).get(f"{ROOT}{where}").status_code == 404
    assert as_person(cast.county_officer).get(f"{ROOT}{where}").status_code == 200
    assert not DeliveryEvent.objects.exclude(act="deliver").exists()


def test_only_a_commander_issues(drafts: list[Order], cast: Cast, as_person: As) -> None:
    body = {"orders": [str(o.pk) for o in drafts]}
    assert post(as_person(cast.department), "/issue", body).status_code == 403
    assert post(as_person(cast.county_officer), "/issue", body).status_code == 404
    assert not Order.objects.exclude(state="draft").exists()


def test_out_of_order_is_a_conflict(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    where = f"/deliveries/{delivered[0].pk}/claim_done"
    answer = post(client, where, {"client_key": "key-0001"})
    assert (answer.status_code, answer.json()["code"]) == (409, "O402")


def test_an_act_nobody_knows_and_a_key_too_short(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    where = f"/deliveries/{delivered[0].pk}"
    unknown = post(client, f"{where}/forget", {"client_key": "key-0001"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "O413")
    assert post(client, f"{where}/deliver", {"client_key": "key-0001"}).status_code == 404
    assert post(client, f"{where}/acknowledge", {"client_key": "k"}).status_code == 422


def test_a_matter_nobody_knows(cast: Cast, as_person: As) -> None:
    body = {
        "matter": "everything", "title_zh": "办", "title_en": "Do", "body_zh": "办", "body_en": "Do",
        "targets": [{"unit": "100101"}],
    }  # fmt: skip
    answer = post(as_person(cast.commander), "/", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "O413")


# ---- acts ----------------------------------------------------------------------------------------------------


def test_replayed_three_times_is_done_once(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    answers = [acknowledge(client, delivered[0]).json() for _time in range(3)]
    assert {a["state"] for a in answers} == {"acknowledged"}
    assert DeliveryEvent.objects.filter(act="acknowledge").count() == 1


def test_drafted_issued_undone_and_withdrawn(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    body = {
        "matter": "households", "title_zh": "查", "title_en": "Check", "body_zh": "查",
        "body_en": "Check", "targets": [{"unit": "100101", "level": "village"}],
    }  # fmt: skip
    made = post(client, "/", body)
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    chosen = {"orders": [pk]}
    assert post(client, "/issue", chosen).json()["orders"][0]["state"] == "held"
    assert post(client, "/undo", chosen).json()["orders"][0]["state"] == "draft"
    assert post(client, f"/{pk}/withdraw", {"reason": ""}).json()["state"] == "withdrawn"
    assert post(client, "/issue", chosen).status_code == 409


def test_a_batch_of_acts(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    mine = [d for d in delivered if d.unit.code == "100101"]
    body = [
        {"delivery": str(d.pk), "act": act, "client_key": f"key-{i}-{act}"}
        for i, d in enumerate(mine)
        for act in ("acknowledge", "accept", "start")
    ]
    answer = post(as_person(cast.county_officer), "/acts", body)
    assert answer.status_code == 200, answer.content
    assert set(Delivery.objects.filter(unit__code="100101").values_list("state", flat=True)) == {
        "in_progress"
    }


def test_the_inbox_is_answered_from_its_tag_until_something_happens(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    first = client.get(f"{ROOT}/inbox")
    assert len(first.json()) == 2
    tag = {"if-none-match": first["ETag"]}
    assert client.get(f"{ROOT}/inbox", headers=tag).status_code == 304
    acknowledge(client, delivered[0])
    again = client.get(f"{ROOT}/inbox", headers=tag)
    assert again.status_code == 200
    assert {row["state"] for row in again.json()} == {"acknowledged", "delivered"}


def test_one_delivery_tells_its_history_and_what_may_be_done(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    acknowledge(client, delivered[0])
    told = client.get(f"{ROOT}/deliveries/{delivered[0].pk}").json()
    assert [e["act"] for e in told["events"]] == ["acknowledge", "deliver"]
    assert set(told["acts"]) == {"accept", "return"}


def test_the_past_tells_nothing_that_came_later(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    acknowledge(client, delivered[0])
    told = client.get(f"{ROOT}/deliveries/{delivered[0].pk}?at=2020-02-24T11:30").json()
    assert (told["state"], told["acknowledged_at"], told["acts"]) == ("delivered", None, [])


def test_the_words(cast: Cast, as_person: As) -> None:
    told = as_person(cast.county_officer).get(f"{ROOT}/words").json()
    assert told["states"]["in_progress"] == "in progress"
    assert "deliver" not in told["acts"]
