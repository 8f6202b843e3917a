"""What units and the offices above them do: each act once, with its event, audit and receipt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from cast import NOON, Cast, Province
from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import AuditRecord, Incident
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound, YipanError
from yipan.order import actions, queries
from yipan.order.deliveries import actions as rooms
from yipan.order.deliveries.rules import Act
from yipan.order.errors import (
    KeyTaken,
    NotAbove,
    OutsideSubtree,
    OwnWork,
    ReasonMissing,
    WrongDeliveryState,
)
from yipan.order.models import Delivery, DeliveryEvent, Order
from yipan.report.models import Submission

pytestmark = pytest.mark.django_db


def acknowledge(
    delivery: Delivery, cast: Cast, *, key: str = "k-1", by: str = "county_officer"
) -> Delivery:
    person = getattr(cast, by)
    return actions.acknowledge(
        delivery=delivery, by=person, at=NOON, client_key=key, scope=scope_of(person, at=NOON)
    )


# ---- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("other_county_officer", NotFound),
        ("village_reporter", NotFound),
        ("stranger", NotFound),
        ("analyst", Forbidden),
        ("auditor", Forbidden),
        ("department", Forbidden),
        ("commander", Forbidden),
    ],
)
def test_who_may_not_acknowledge(
    delivered: list[Delivery], cast: Cast, who: str, refusal: type[YipanError]
) -> None:
    with pytest.raises(refusal):
        acknowledge(delivered[0], cast, by=who)
    assert not DeliveryEvent.objects.exclude(act="deliver").exists()
    assert not Submission.objects.exists()


def test_nobody_signed_in(delivered: list[Delivery], cast: Cast) -> None:
    from django.contrib.auth.models import AnonymousUser

    with pytest.raises(NotSignedIn):
        actions.acknowledge(
            delivery=delivered[0],
            by=cast.stranger,
            at=NOON,
            client_key="k",
            scope=scope_of(AnonymousUser(), at=NOON),
        )


def test_an_act_out_of_order_changes_nothing(delivered: list[Delivery], cast: Cast) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(WrongDeliveryState):
        actions.claim_done(
            delivery=delivered[0], by=cast.county_officer, at=NOON, client_key="k", scope=scope
        )
    assert Delivery.objects.filter(state="delivered").count() == 6
    assert not AuditRecord.objects.filter(event__startswith="delivery.").exists()


def test_a_batch_stands_or_falls_together(delivered: list[Delivery]) -> None:
    steps = [
        actions.Step(Act.ACKNOWLEDGE, delivered[0].pk, NOON, "a"),
        actions.Step(Act.VERIFY, delivered[1].pk, NOON, "b"),
    ]
    with pytest.raises(WrongDeliveryState):
        actions.perform(steps, scope=system_scope())
    assert not DeliveryEvent.objects.exclude(act="deliver").exists()


# ---- acts ----------------------------------------------------------------------------------------------------


def test_an_acknowledgement_writes_event_audit_and_receipt(
    delivered: list[Delivery], cast: Cast
) -> None:
    done = acknowledge(delivered[0], cast)
    assert (done.state, done.acknowledged_at) == ("acknowledged", NOON)
    event = DeliveryEvent.objects.get(client_key="k-1")
    assert (event.before, event.after, event.actor) == (
        "delivered",
        "acknowledged",
        cast.county_officer,
    )
    record = AuditRecord.objects.get(event="delivery.acknowledged")
    assert (record.object_id, record.unit_id) == (str(done.pk), done.unit_id)
    receipt = Submission.objects.get()
    assert (receipt.subject, receipt.source) == (str(done.pk), "receipt")


def test_a_replay_changes_nothing_and_tells_a_stranger_nothing(
    delivered: list[Delivery], cast: Cast
) -> None:
    acknowledge(delivered[0], cast)
    for _again in range(3):
        assert acknowledge(delivered[0], cast).state == "acknowledged"
    assert DeliveryEvent.objects.filter(act="acknowledge").count() == 1
    assert Submission.objects.count() == 1
    with pytest.raises(NotFound):
        acknowledge(delivered[0], cast, by="other_county_officer")


def test_a_key_stands_for_one_act(delivered: list[Delivery], cast: Cast) -> None:
    acknowledge(delivered[0], cast)
    with pytest.raises(KeyTaken):
        acknowledge(delivered[1], cast)
    assert Delivery.objects.get(pk=delivered[1].pk).state == "delivered"


def test_the_whole_way(delivered: list[Delivery], cast: Cast) -> None:
    delivery, officer, above = delivered[0], cast.county_officer, cast.commander
    mine, theirs = scope_of(officer, at=NOON), scope_of(above, at=NOON)
    acknowledge(delivery, cast)
    way = [
        (actions.accept, officer, mine, "accepted"),
        (actions.start, officer, mine, "in_progress"),
        (actions.claim_done, officer, mine, "claimed_done"),
        (actions.verify, above, theirs, "verified"),
        (actions.close, above, theirs, "closed"),
    ]
    for i, (act, by, scope, after) in enumerate(way):
        done = act(delivery=delivery, by=by, at=NOON, client_key=f"w-{i}", scope=scope)
        assert done.state == after
    assert Submission.objects.filter(subject=str(delivery.pk)).count() == 2  # read, done


def test_the_county_neither_verifies_itself_nor_does_its_own_hand(
    delivered: list[Delivery], cast: Cast, province: Province
) -> None:
    delivery = delivered[0]
    Delivery.objects.filter(pk=delivery.pk).update(state="claimed_done")
    scope = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(NotAbove):
        actions.verify(
            delivery=delivery, by=cast.county_officer, at=NOON, client_key="v", scope=scope
        )
    DeliveryEvent.objects.create(
        delivery=delivery, act="claim_done", at=NOON, actor=cast.commander,
        before="accepted", after="claimed_done", client_key="c",
    )  # fmt: skip
    with pytest.raises(OwnWork):
        actions.verify(
            delivery=delivery,
            by=cast.commander,
            at=NOON,
            client_key="v",
            scope=scope_of(cast.commander, at=NOON),
        )


def test_a_return_names_its_reason_and_goes_to_another_unit(
    delivered: list[Delivery], cast: Cast, province: Province
) -> None:
    delivery = acknowledge(delivered[0], cast)
    mine = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(ReasonMissing):
        actions.return_(
            delivery=delivery, by=cast.county_officer, at=NOON, client_key="r", scope=mine,
            reason="no time",
        )  # fmt: skip
    actions.return_(
        delivery=delivery,
        by=cast.county_officer,
        at=NOON,
        client_key="r",
        scope=mine,
        reason="wrong_unit",
        belongs_to=province["1001"],
    )
    above = {"by": cast.commander, "at": NOON, "scope": scope_of(cast.commander, at=NOON)}
    with pytest.raises(ReasonMissing):
        actions.reassign(delivery=delivery, to=province["1001"], client_key="x", note="", **above)
    new = actions.reassign(
        delivery=delivery, to=province["1001"], client_key="x", note="they hold the list", **above
    )
    delivery.refresh_from_db()
    assert delivery.state == "reassigned"
    assert (new.state, new.unit, new.due_at) == ("delivered", province["1001"], delivery.due_at)
    again = actions.reassign(
        delivery=delivery, to=province["1001"], client_key="x", note="they hold the list", **above
    )
    assert again.pk == new.pk
    assert Delivery.objects.filter(order=delivery.order).count() == 2


def test_a_returned_order_can_be_given_again_but_not_returned_twice(
    delivered: list[Delivery], cast: Cast
) -> None:
    delivery = acknowledge(delivered[0], cast)
    mine = scope_of(cast.county_officer, at=NOON)
    give_back = {"delivery": delivery, "by": cast.county_officer, "at": NOON, "scope": mine}
    actions.return_(client_key="r", reason="lacks_means", **give_back)
    back = actions.insist(
        delivery=delivery, by=cast.commander, at=NOON, client_key="i",
        scope=scope_of(cast.commander, at=NOON), note="two teams come at noon",
    )  # fmt: skip
    assert back.state == "acknowledged"
    with pytest.raises(YipanError, match="once already"):
        actions.return_(client_key="r2", reason="lacks_means", **give_back)


def test_reassigned_only_below_the_issuer(
    delivered: list[Delivery], cast: Cast, province: Province
) -> None:
    Order.objects.update(issuer=province["1001"])
    delivery = Delivery.objects.select_related("order__issuer", "unit__parent").get(
        pk=delivered[0].pk
    )
    with pytest.raises(OutsideSubtree):
        actions.reassign(
            delivery=delivery, to=province["100201"], by=cast.commander, at=NOON,
            client_key="x", scope=system_scope(), note="why not",
        )  # fmt: skip


def test_reopening_takes_the_claim_back(delivered: list[Delivery], cast: Cast) -> None:
    steps = [
        actions.Step(act, delivered[0].pk, NOON, f"s-{i}", note="…")
        for i, act in enumerate(
            [Act.ACKNOWLEDGE, Act.ACCEPT, Act.CLAIM_DONE, Act.VERIFY, Act.REOPEN]
        )
    ]
    done = actions.perform(steps, scope=system_scope())[0]
    assert (done.state, done.claimed_at, done.verified_at) == ("in_progress", None, None)
    assert DeliveryEvent.objects.filter(delivery=done).count() == 6


# ---- how it stands -----------------------------------------------------------------------------------------------


def test_outstanding_counts_each_delivery_once(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    acknowledge(delivered[0], cast)
    counts = queries.outstanding(incident, system_scope(), at=NOON + timedelta(minutes=1))
    assert counts["issued"] == counts["open"] == 6
    assert counts["unacknowledged"] == 5
    assert sum(p["open"] for p in counts["by_priority"].values()) == 6
    # The three P1 orders had to be read within the hour; one of them was.
    late = {name: counts[name] for name in ("overdue", "overdue_unacknowledged")}
    read_p1 = int(delivered[0].order.priority == 1)
    assert late == {"overdue": 3 - read_p1, "overdue_unacknowledged": 3 - read_p1}


def test_outstanding_of_a_county_is_its_own(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    counts = queries.outstanding(incident, scope_of(cast.county_officer, at=NOON), at=NOON)
    assert counts["open"] == 2


def test_the_past_is_shown_as_it_stood(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    acknowledge(delivered[0], cast)
    before = NOON - timedelta(minutes=10)
    assert queries.outstanding(incident, system_scope(), at=before)["unacknowledged"] == 6
    assert queries.outstanding(incident, system_scope(), at=NOON)["unacknowledged"] == 5
    earlier = NOON - timedelta(hours=3)
    assert queries.outstanding(incident, system_scope(), at=earlier)["issued"] == 0


def test_the_headline_says_what_binds(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    at = NOON + timedelta(minutes=1)
    counts = queries.outstanding(incident, system_scope(), at=at)
    assert queries.headline(counts) == (
        "6 orders are open. 3 are overdue; 3 of these wait for a first acknowledgement."
    )


def test_latencies_are_by_stretch(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    acknowledge(delivered[0], cast)
    found = queries.latencies(incident, system_scope(), at=NOON)
    assert found["acknowledge"] is not None
    assert (found["acknowledge"].n, found["acknowledge"].median) == (1, 60.0)
    assert found["verify"] is None


def test_the_inbox_holds_what_is_to_do(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    box = queries.box(incident, scope, at=NOON)
    assert [d.order.priority for d in box.to_do] == [1, 2]
    assert {d.unit.code for d in box.to_do} == {"100101"}
    assert not queries.box(incident, scope_of(cast.village_reporter, at=NOON), at=NOON).to_do
    assert not queries.box(incident, scope_of(cast.commander, at=NOON), at=NOON).to_do


def test_the_same_key_that_waited_its_turn_is_a_replay(
    delivered: list[Delivery], cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies arrive at once: the second looked before the first was written."""
    acknowledge(delivered[0], cast)
    real, looked = rooms._known_events, []

    def blind_at_first(keys: Iterable[str]) -> dict[str, DeliveryEvent]:
        looked.append(1)
        return {} if len(looked) == 1 else real(keys)

    monkeypatch.setattr(rooms, "_known_events", blind_at_first)
    assert acknowledge(delivered[0], cast).state == "acknowledged"
    assert DeliveryEvent.objects.filter(act="acknowledge").count() == 1
    looked.clear()
    with pytest.raises(KeyTaken):  # for another delivery the database itself refuses the key
        acknowledge(delivered[1], cast)
