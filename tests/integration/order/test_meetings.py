"""From the words of a meeting to orders that are out: who may, once each, with their source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cast import Cast
from yipan.access.models import AuditRecord, User
from yipan.order.models import Delivery, Minutes, Order

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
LIST = """# Decisions
1. Every village completes a household check. Lead: county headquarters. By: 26 February 18:00.
2. Northcity sends a plan for the coming week. Lead: the city headquarters. By: 25 February 12:00.
3. The bulletin appears in public; errors are corrected. Lead: headquarters office. By: 25 February 09:00.
"""


def take(client: Client, **fields: Any) -> Any:
    given = {"title": "Evening", "said_at": "2020-02-24T11:00", "text": LIST}
    return client.post(reverse("order:meetings"), given | fields)


def confirm(client: Client, pk: int, **fields: Any) -> Any:
    return client.post(reverse("order:meeting", args=[pk]), fields)


# ---- refusals ----------------------------------------------------------------------------------------------


def test_who_drafts_none_sees_no_meeting(cast: Cast, as_person: As) -> None:
    for who in ("county_officer", "analyst", "auditor", "village_reporter"):
        client = as_person(getattr(cast, who))
        assert client.get(reverse("order:meetings")).status_code == 403
        assert take(client).status_code == 403
    assert not Minutes.objects.exists()


def test_words_that_cannot_be_read_are_named_and_stay_on_the_page(
    cast: Cast, as_person: As
) -> None:
    client = as_person(cast.commander)
    assert take(client, text="  ").status_code == 422
    file = SimpleUploadedFile("list.pdf", b"%PDF")
    answer = take(client, file=file)
    assert (answer.status_code, "O421" in answer.content.decode()) == (422, True)
    assert "household check" in answer.content.decode()


def test_a_department_drafts_but_does_not_issue_what_was_decided(cast: Cast, as_person: As) -> None:
    client = as_person(cast.department)
    pk = take(client)["Location"].rstrip("/").rpartition("/")[2]
    assert confirm(client, int(pk), chosen=["1-1"], do="issue").status_code == 403
    assert not Order.objects.exists()
    confirm(client, int(pk), chosen=["1-1"], do="draft")
    assert Order.objects.get().state == "draft"


def test_a_key_the_minutes_do_not_have(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    take(client)
    assert client.get(reverse("order:meeting", args=[999])).status_code == 404
    confirm(client, Minutes.objects.get().pk, chosen=["9-9"])
    assert not Order.objects.exists()


# ---- one sitting -------------------------------------------------------------------------------------------------


def test_the_same_words_are_the_same_minutes(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    assert take(client)["Location"] == take(client)["Location"]
    assert Minutes.objects.count() == 1


def test_confirmed_and_issued_in_one_go_each_with_its_paragraph(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    take(client)
    pk = Minutes.objects.get().pk
    page = client.get(reverse("order:meeting", args=[pk])).content.decode()
    assert "4 matters wait to become orders" in page
    answer = confirm(client, pk, chosen=["1-1", "2-1", "3-1", "3-2"], do="issue")
    assert answer["Location"] == reverse("order:issue")
    orders = {o.source["key"]: o for o in Order.objects.all()}
    assert set(orders) == {"1-1", "2-1", "3-1", "3-2"}
    assert {o.state for o in orders.values()} == {"held"}
    assert orders["1-1"].source["paragraph"].startswith("Every village completes")
    assert [(t.unit.code, t.level) for t in orders["1-1"].targets.all()] == [("10", "county")]
    assert [(t.unit.code, t.level) for t in orders["2-1"].targets.all()] == [("1001", "")]
    assert orders["3-1"].post_en == "duty post: headquarters office"
    assert not Delivery.objects.exists()
    assert AuditRecord.objects.filter(event__startswith="minutes.").count() == 2


def test_what_somebody_changes_stands_before_what_was_proposed(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    take(client)
    changed = {
        "title-2-1": "Send the plan", "matter-2-1": "deployment", "codes-2-1": "1002",
        "level-2-1": "", "priority-2-1": "3", "due-2-1": "2020-02-27T09:00",
    }  # fmt: skip
    confirm(client, Minutes.objects.get().pk, chosen=["2-1"], do="draft", **changed)
    order = Order.objects.get()
    assert (order.title_en, order.matter, order.priority) == ("Send the plan", "deployment", 3)
    assert order.targets.get().unit.code == "1002"
    assert order.due_at is not None
    assert order.due_at.isoformat() == "2020-02-27T01:00:00+00:00"


def test_confirmed_twice_is_one_order_and_the_rest_stays_open(cast: Cast, as_person: As) -> None:
    client = as_person(cast.commander)
    take(client)
    pk = Minutes.objects.get().pk
    for _again in range(2):
        confirm(client, pk, chosen=["1-1"], do="draft")
    assert Order.objects.count() == 1
    page = client.get(reverse("order:meeting", args=[pk])).content.decode()
    assert "3 matters wait to become orders" in page


def test_a_time_that_has_passed_is_refused_and_what_was_typed_stays(
    cast: Cast, as_person: As
) -> None:
    client = as_person(cast.commander)
    take(client)
    answer = confirm(
        client, Minutes.objects.get().pk, chosen=["1-1"], do="draft",
        **{"due-1-1": "2020-02-24T09:00", "title-1-1": "Typed by hand"},
    )  # fmt: skip
    page = answer.content.decode()
    assert (answer.status_code, "O410" in page, "Typed by hand" in page) == (422, True, True)
    assert not Order.objects.exists()
