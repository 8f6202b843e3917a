"""The pages of orders: who may open which, what they say, what they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cast import Cast
from yipan.access.models import User
from yipan.order.models import Delivery, DeliveryEvent, Order
from yipan.plan.models import Signature

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
SHELL = {"Accept": "application/json, text/html;q=0.9"}


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def act(client: Client, delivery: Delivery, name: str, **fields: str) -> Any:
    where = reverse("order:act", args=[delivery.pk, name])
    return client.post(where, {"client_key": f"key-{name}", **fields}, headers=SHELL)


# ---- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["watch", "inbox", "issue", "new", "watch_csv"])
def test_who_is_not_signed_in_is_shown_the_door(client: Client, page: str) -> None:
    answer = client.get(reverse(f"order:{page}"))
    assert (answer.status_code, "/sign-in/" in answer["Location"]) == (302, True)


def test_who_reads_no_orders(cast: Cast, as_person: As) -> None:
    client = as_person(cast.administrator)
    for page in ("watch", "inbox", "issue", "new", "watch_csv"):
        assert client.get(reverse(f"order:{page}")).status_code == 403


def test_who_drafts_none_has_no_issue_page(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    assert client.get(reverse("order:issue")).status_code == 403
    assert client.get(reverse("order:new")).status_code == 403


def test_out_of_sight_is_not_there(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    client = as_person(cast.other_county_officer)
    for page in ("delivery", "sheet"):
        assert client.get(reverse(f"order:{page}", args=[delivered[0].pk])).status_code == 404
    assert client.get(reverse("order:order", args=[delivered[0].order_id])).status_code == 404
    assert act(client, delivered[0], "acknowledge").status_code == 404


def test_nothing_is_done_in_the_past(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    where = reverse("order:act", args=[delivered[0].pk, "acknowledge"]) + "?at=2020-02-24T11:30"
    assert client.post(where, {"client_key": "key-0001"}, headers=SHELL).status_code == 409
    assert not DeliveryEvent.objects.filter(act="acknowledge").exists()


def test_a_return_without_a_reason_that_counts(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    act(client, delivered[0], "acknowledge")
    answer = act(client, delivered[0], "return", reason="busy")
    assert (answer.status_code, answer.json()["code"]) == (422, "O407")


# ---- what they say -------------------------------------------------------------------------------------------


def test_the_watch_page_begins_with_its_sentence(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    told = text(as_person(cast.commander).get(reverse("order:watch")))
    assert "6 orders are open. None is overdue." in told
    assert "No order has been acknowledged yet." in told


@pytest.mark.parametrize(
    "show", ["attention", "overdue", "returned", "claimed", "open", "all", "?"]
)
def test_each_filter_opens(delivered: list[Delivery], cast: Cast, as_person: As, show: str) -> None:
    answer = as_person(cast.commander).get(reverse("order:watch"), {"show": show, "city": "1001"})
    assert answer.status_code == 200


def test_the_csv_shows_what_the_page_shows(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    answer = as_person(cast.county_officer).get(reverse("order:watch_csv"))
    lines = answer.content.decode("utf-8-sig").strip().splitlines()
    assert len(lines) == 1 + 2
    assert all("100101" in line for line in lines[1:])


def test_the_inbox_says_how_much_waits(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    assert "2 orders to do" in text(as_person(cast.county_officer).get(reverse("order:inbox")))
    assert "No order waits for you" in text(
        as_person(cast.village_reporter).get(reverse("order:inbox"))
    )


def test_the_issue_page_says_whom_it_reaches_and_what_it_costs(
    drafts: list[Order], cast: Cast, as_person: As
) -> None:
    told = text(as_person(cast.commander).get(reverse("order:issue")))
    assert "6 orders wait to be issued" in told
    assert "To 6 units; reading them costs" in told
    department = as_person(cast.department).get(reverse("order:issue"))
    assert "A commander issues them." in text(department)


def test_a_signed_option_without_orders_offers_them(
    signature: Signature, cast: Cast, as_person: As
) -> None:
    client = as_person(cast.commander)
    assert "has no orders yet" in text(client.get(reverse("order:issue")))
    client.post(reverse("order:draft", args=[signature.pk]))
    assert Order.objects.count() == 6
    assert "has no orders yet" not in text(client.get(reverse("order:issue")))


def test_the_sheet_prints_the_same_sentence(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    told = text(as_person(cast.county_officer).get(reverse("order:sheet", args=[delivered[0].pk])))
    assert delivered[0].order.title_en in told
    assert delivered[0].order.closure_en in told


def test_an_order_with_one_delivery_leads_to_it(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    answer = as_person(cast.commander).get(reverse("order:order", args=[delivered[0].order_id]))
    assert answer["Location"] == reverse("order:delivery", args=[delivered[0].pk])


# ---- what they take ------------------------------------------------------------------------------------------


def test_the_acts_of_a_county(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    for name in ("acknowledge", "accept", "start"):
        answer = act(client, delivered[0], name)
        assert answer.status_code == 200
        assert answer.json()["received_at"] == "24 Feb 12:00"
    page = text(client.get(reverse("order:delivery", args=[delivered[0].pk])))
    assert "Report done" in page
    answer = act(client, delivered[0], "claim_done", note="told every firm")
    assert answer.status_code == 200
    assert "told every firm" in text(client.get(reverse("order:delivery", args=[delivered[0].pk])))


def test_without_scripts_an_act_leads_to_the_next_page(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    where = reverse("order:act", args=[delivered[0].pk, "acknowledge"])
    answer = client.post(where, {"next": "https://elsewhere.example/"})
    assert answer["Location"] == reverse("order:delivery", args=[delivered[0].pk])
    assert Delivery.objects.get(pk=delivered[0].pk).state == "acknowledged"


def test_issued_and_taken_back(drafts: list[Order], cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    assert "Choose at least one line." in text(client.post(reverse("order:issue_now")))
    client.post(reverse("order:issue_now"), {"bundle": ["transport:1"]})
    assert Order.objects.filter(state="held").count() == 3
    client.post(reverse("order:undo"))
    assert Order.objects.filter(state="draft").count() == 6
    assert client.post(reverse("order:undo")).status_code == 409


def test_withdrawn_with_a_reason(delivered: list[Delivery], cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    where = reverse("order:withdraw", args=[delivered[0].order_id])
    assert client.post(where).status_code == 422
    client.post(where, {"reason": "mistaken"})
    assert Delivery.objects.get(pk=delivered[0].pk).state == "cancelled"


def test_an_order_by_hand_is_checked(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    good = {
        "matter": "households", "title": "Check", "body": "Knock.", "units": "100101",
        "level": "village", "priority": "1",
    }  # fmt: skip
    assert client.post(reverse("order:new"), good | {"title": ""}).status_code == 422
    assert client.post(reverse("order:new"), good | {"units": "999"}).status_code == 404
    past = client.post(reverse("order:new"), good | {"due_at": "2020-02-01T12:00"})
    assert (past.status_code, "due in the past" in text(past)) == (422, True)
    assert client.post(reverse("order:new"), good).status_code == 302
    order = Order.objects.get()
    assert (order.title_en, order.title_zh, order.priority) == ("Check", "", 1)
    assert order.missing == "zh"
