"""The hot paths leave and tell what the ordinary ones do, and believe nothing that has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cast import NOON, Cast, Province
from yipan.access.actions import issue_token
from yipan.access.models import ApiToken, AuditRecord, Grant, Incident, Installation, User
from yipan.access.rules import Action
from yipan.access.scope import scope_of, system_scope
from yipan.order import actions, door
from yipan.order.deliveries import actions as rooms
from yipan.order.deliveries import polling
from yipan.order.matters import Text
from yipan.order.models import (
    Contact,
    Delivery,
    DeliveryEvent,
    InboxRevision,
    Order,
    Outbox,
)
from yipan.report.models import Submission

pytestmark = pytest.mark.django_db
INBOX = "/api/orders/inbox"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    door.forget_all()
    yield
    door.forget_all()


@pytest.fixture
def live(incident: Incident) -> Installation:
    """A live installation: webhooks may leave."""
    return Installation.objects.create(demo=False, created_at=NOON)


def token_for(user: User, *acts: Action, now: datetime | None = None) -> str:
    at = now or timezone.now()
    chosen = acts or (Action.ORDER_READ, Action.ORDER_RECEIVE)
    _token, secret = issue_token(
        user=user, name="phone", actions=chosen, expires_at=at + timedelta(1), by=user, at=at
    )
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


def acknowledge(client: Client, delivery: Delivery, secret: str, key: str = "") -> Any:
    return client.post(
        f"/api/orders/deliveries/{delivery.pk}/acknowledge",
        json.dumps({"client_key": key or f"key-{delivery.pk}"}),
        content_type="application/json",
        **bearer(secret),
    )


@pytest.fixture
def now_delivered(drafts: list[Order], cast: Cast) -> list[Delivery]:
    """Orders that reached their counties some minutes ago, on the real clock."""
    at = timezone.now() - timedelta(minutes=5)
    actions.issue_orders(
        orders=drafts,
        by=cast.commander,
        at=at - timedelta(minutes=1),
        scope=system_scope(),
        duplicate_reason="for the test",
    )
    actions.release_due(at=at)
    return list(Delivery.objects.select_related("order", "unit__parent").order_by("unit__code"))


def poll(client: Client, secret: str, tag: str = "") -> Any:
    more = {"HTTP_IF_NONE_MATCH": tag} if tag else {}
    return client.get(INBOX, **bearer(secret), **more)


# ---- refusals ----------------------------------------------------------------------------------------------


def test_a_token_nobody_issued_opens_neither(client: Client, now_delivered: list[Delivery]) -> None:
    assert poll(client, "yipan_nobody").status_code == 401
    assert acknowledge(client, now_delivered[0], "yipan_nobody").status_code == 401
    assert not DeliveryEvent.objects.filter(act="acknowledge").exists()


def test_a_token_that_may_only_read_does_not_acknowledge(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer, Action.ORDER_READ, Action.PLACE_READ)
    answer = acknowledge(client, now_delivered[0], secret)
    assert (answer.status_code, answer.json()["code"]) == (403, "S703")


def test_a_token_that_may_not_read_orders_polls_nothing(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer, Action.PLACE_READ)
    assert poll(client, secret).status_code == 403


def test_out_of_sight_is_as_absent(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    assert (
        acknowledge(client, now_delivered[0], token_for(cast.other_county_officer)).status_code
        == 404
    )


def test_a_key_of_another_delivery_is_refused(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer)
    first, second = [d for d in now_delivered if d.unit.code == "100101"][:2]
    assert acknowledge(client, first, secret, "the-same-key").status_code == 200
    taken = acknowledge(client, second, secret, "the-same-key")
    assert (taken.status_code, taken.json()["code"]) == (409, "O404")
    second.refresh_from_db()
    assert second.state == "delivered"


def test_an_order_accepted_already_is_not_acknowledged_again(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer)
    assert acknowledge(client, now_delivered[0], secret, "the-first-key").status_code == 200
    again = acknowledge(client, now_delivered[0], secret, "another-key")
    assert (again.status_code, again.json()["code"]) == (409, "O402")


def test_nobody_acknowledges_in_an_incident_that_was_stood_down(
    client: Client, now_delivered: list[Delivery], cast: Cast, incident: Incident
) -> None:
    Incident.objects.filter(pk=incident.pk).update(stood_down_at=timezone.now())
    answer = acknowledge(client, now_delivered[0], token_for(cast.county_officer))
    assert answer.status_code == 409
    assert not DeliveryEvent.objects.filter(act="acknowledge").exists()


# ---- what ends, ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "status"), [("token", 401), ("account", 401), ("role", 403)])
def test_a_poll_believes_nothing_that_has_ended(
    what: str, status: int, client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer)
    first = poll(client, secret)
    assert poll(client, secret, first["ETag"]).status_code == 304
    if what == "token":
        ApiToken.objects.update(revoked_at=timezone.now())
    elif what == "account":
        User.objects.filter(pk=cast.county_officer.pk).update(is_active=False)
    else:
        Grant.objects.filter(user=cast.county_officer).update(valid_to=timezone.now())
    assert poll(client, secret, first["ETag"]).status_code == status


def test_an_acknowledging_token_is_believed_for_a_minute_at_most(
    now_delivered: list[Delivery], cast: Cast
) -> None:
    from yipan.access.codes import token_digest

    digest = token_digest(token_for(cast.county_officer))
    at = timezone.now()
    assert door.caller_of(digest, at=at) is not None
    ApiToken.objects.update(revoked_at=at)
    assert door.caller_of(digest, at=at + timedelta(seconds=59)) is not None
    assert door.caller_of(digest, at=at + timedelta(seconds=60)) is None


# ---- the same in both ways ---------------------------------------------------------------------------------


def _left(delivery: Delivery) -> dict[str, Any]:
    """Everything an acknowledgement wrote, without ids."""
    [event] = DeliveryEvent.objects.filter(delivery=delivery, act="acknowledge").values()
    [receipt] = Submission.objects.filter(subject=str(delivery.pk)).values()
    own = AuditRecord.objects.filter(object_id=str(delivery.pk), event="delivery.acknowledged")
    reported = AuditRecord.objects.filter(event="report.submitted", object_id=str(receipt["id"]))
    rows = {
        "delivery": Delivery.objects.filter(pk=delivery.pk).values()[0],
        "event": event,
        "receipt": receipt,
        "own": own.values().get(),
        "reported": reported.values().get(),
        "outbox": list(Outbox.objects.filter(delivery=delivery).exclude(kind="delivered").values()),
    }
    private = {"id", "delivery_id", "order_id", "object_id", "subject", "client_key", "recorded_at"}
    text = json.dumps(
        {
            name: [{k: v for k, v in row.items() if k not in private} for row in told]
            if isinstance(told, list)
            else {k: v for k, v in told.items() if k not in private}
            for name, told in rows.items()
        },
        default=str,
        sort_keys=True,
    )
    return json.loads(text.replace(str(delivery.order_id), "the order"))


def test_the_hot_path_leaves_what_the_ordinary_one_leaves(
    live: Installation,
    delivered: list[Delivery],
    cast: Cast,
    province: Province,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for code in ("100101", "10"):
        Contact.objects.create(unit=province[code], channel="webhook", address=f"https://x/{code}")
    Delivery.objects.update(acknowledge_by=NOON, due_at=NOON + timedelta(hours=1))
    hot, ordinary = [d for d in delivered if d.unit.code == "100101"][:2]
    given = {"by": cast.county_officer, "at": NOON, "note": " seen "}
    scope = scope_of(cast.county_officer, at=NOON)
    actions.acknowledge(delivery=hot, client_key="hot-key-1", scope=scope, **given)
    monkeypatch.setattr(rooms, "_at_once", lambda step, *, scope: None)
    actions.acknowledge(delivery=ordinary, client_key="cold-key-1", scope=scope, **given)
    one, other = _left(hot), _left(ordinary)
    for left in (one, other):
        for row in left["outbox"]:
            row.pop(
                "step"
            )  # the ordinary way counts the steps before; the message is one either way
    assert one == other
    assert [row["channel"] for row in one["outbox"]] == ["webhook", "webhook"]


@pytest.mark.parametrize("way", ["hot", "ordinary"])
def test_replayed_three_times_it_is_done_once(
    way: str,
    client: Client,
    now_delivered: list[Delivery],
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if way == "ordinary":
        monkeypatch.setattr("yipan.order.hot.acknowledge_at_once", lambda *a, **k: None)
        monkeypatch.setattr(rooms, "_at_once", lambda step, *, scope: None)
    secret = token_for(cast.county_officer)
    answers = [acknowledge(client, now_delivered[0], secret) for _try in range(4)]
    assert [a.status_code for a in answers] == [200] * 4
    told = [a.json() for a in answers]
    assert told == [told[0]] * 4
    assert told[0]["state"] == "acknowledged"
    assert DeliveryEvent.objects.filter(act="acknowledge").count() == 1
    assert Submission.objects.count() == 1


def test_hot_and_ordinary_tell_the_same(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer)
    told = acknowledge(client, now_delivered[0], secret).json()
    whole = client.get(f"/api/orders/deliveries/{now_delivered[0].pk}", **bearer(secret)).json()
    assert told == {name: whole[name] for name in told}


# ---- polls -------------------------------------------------------------------------------------------------


def test_a_poll_is_answered_from_memory_until_something_changes(
    client: Client, now_delivered: list[Delivery], cast: Cast, django_assert_num_queries: Any
) -> None:
    secret = token_for(cast.county_officer)
    first = poll(client, secret)
    assert {row["unit"] for row in first.json()} == {"100101"}
    with django_assert_num_queries(1):
        assert poll(client, secret, first["ETag"]).status_code == 304
    with django_assert_num_queries(1):
        assert poll(client, secret).json() == first.json()
    acknowledge(client, now_delivered[0], secret)
    changed = poll(client, secret, first["ETag"])
    assert changed.status_code == 200
    assert {row["state"] for row in changed.json()} == {"acknowledged", "delivered"}


def test_a_process_that_remembers_nothing_answers_alike(
    client: Client, now_delivered: list[Delivery], cast: Cast, django_assert_num_queries: Any
) -> None:
    secret = token_for(cast.county_officer)
    first = poll(client, secret)
    door.forget_all()
    with django_assert_num_queries(1):
        assert poll(client, secret, first["ETag"]).status_code == 304
    weakened = f"W/{first['ETag']}"  # by a proxy that compresses
    assert poll(client, secret, weakened).status_code == 304
    poll(client, secret)
    polling.forget_all()
    with django_assert_num_queries(2):  # who, then the rows: what a post's first poll costs
        assert poll(client, secret).json() == first.json()


def test_a_tag_that_ran_out_is_renewed_without_the_text(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    secret = token_for(cast.county_officer)
    tag = poll(client, secret)["ETag"]
    mark, signs, _until = tag.strip('"').split(".")
    door.forget_all()
    renewed = poll(client, secret, f'"{mark}.{signs}.1"')
    assert (renewed.status_code, renewed.content) == (304, b"")
    assert renewed["ETag"].strip('"').split(".")[:2] == [mark, signs]
    assert poll(client, secret, renewed["ETag"]).status_code == 304
    door.forget_all()
    assert poll(client, secret, f'"{mark}.{signs}.not-a-moment"').status_code == 304
    assert poll(client, secret, '"another.tag"').status_code == 200


def test_one_tag_is_of_one_person_and_one_language(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    tag = poll(client, token_for(cast.county_officer))["ETag"]
    assert poll(client, token_for(cast.other_county_officer), tag).status_code == 200
    other = token_for(cast.county_officer, Action.ORDER_READ)
    assert poll(client, other, tag).status_code == 200  # may do less: other signs
    chinese = client.get(
        INBOX,
        **bearer(token_for(cast.county_officer)),
        HTTP_IF_NONE_MATCH=tag,
        HTTP_ACCEPT_LANGUAGE="zh-hans",
    )
    assert chinese.status_code == 200
    assert chinese.json()[0]["unit_name"] == "赤杨县"


def test_an_incident_that_ends_or_bends_its_clock_ends_every_tag(
    client: Client, now_delivered: list[Delivery], cast: Cast, incident: Incident
) -> None:
    secret = token_for(cast.county_officer)
    first = poll(client, secret)
    assert poll(client, secret, first["ETag"]).status_code == 304
    Incident.objects.filter(pk=incident.pk).update(
        exercise=True, clock_at=NOON - timedelta(days=9), clock_set_at=timezone.now()
    )
    bent = poll(client, secret, first["ETag"])
    assert (bent.status_code, bent.json()) == (200, [])  # nothing had been delivered at that hour


def test_a_new_order_to_a_whole_level_reaches_a_remembered_inbox(
    client: Client, cast: Cast, province: Province, incident: Incident
) -> None:
    secret = token_for(cast.village_reporter)
    empty = poll(client, secret)
    assert (empty.json(), poll(client, secret, empty["ETag"]).status_code) == ([], 304)
    at = timezone.now() - timedelta(minutes=2)
    given: dict[str, Any] = {"by": cast.commander, "at": at, "scope": system_scope()}
    order = actions.draft_order(
        incident=incident, issuer=province["10"], matter="other", title=Text("办", "Do"),
        body=Text("办", "Do"), targets=[(province["1001"], "village")], **given,
    )  # fmt: skip
    actions.issue_orders(orders=[order], **given)
    actions.release_due(at=at + timedelta(minutes=1))
    told = poll(client, secret, empty["ETag"])
    assert [row["order"] for row in told.json()] == [str(order.pk)]
    actions.withdraw_order(
        order=order, by=cast.commander, at=timezone.now(), reason="not so", scope=system_scope()
    )
    assert poll(client, secret, told["ETag"]).json() == []


def test_a_clock_that_runs_out_ends_what_is_remembered(
    client: Client, now_delivered: list[Delivery], cast: Cast
) -> None:
    soon = timezone.now() + timedelta(seconds=0.4)
    Delivery.objects.update(acknowledge_by=soon)
    secret = token_for(cast.county_officer)
    first = poll(client, secret)
    assert not any(row["overdue"] for row in first.json())
    while timezone.now() <= soon:
        pass
    late = poll(client, secret, first["ETag"])
    assert all(row["overdue"] for row in late.json())


def test_revisions_only_rise(delivered: list[Delivery], cast: Cast) -> None:
    before = dict(InboxRevision.objects.values_list("unit", "n"))
    one = delivered[0]
    actions.acknowledge(
        delivery=one,
        by=cast.commander,
        at=NOON,
        client_key="k-revision",
        scope=scope_of(cast.county_officer, at=NOON),
    )
    after = dict(InboxRevision.objects.values_list("unit", "n"))
    assert after[one.unit_id] == before[one.unit_id] + 1
    assert all(after[unit] >= n for unit, n in before.items())
