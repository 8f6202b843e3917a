"""From a signature to the units: drafted once, issued all or none, released once, withdrawn to all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cast import NOON, Cast, Province, person
from signed import make_signature
from yipan.access.errors import Forbidden
from yipan.access.models import AuditRecord, Incident, Role, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.order import actions, queries
from yipan.order.errors import (
    AnnexRefused,
    Duplicate,
    NobodyToReceive,
    NothingOrdered,
    OutsideSubtree,
    ReasonMissing,
    SameHand,
    SecondSignatureMissing,
    UndoOver,
    Unfit,
    UnknownAct,
    WrongOrderState,
)
from yipan.order.matters import Text
from yipan.order.models import Delivery, DeliveryEvent, Order, OrderState, Outbox, Priority
from yipan.order.orders.queries import alike, recipient_counts
from yipan.places.models import Level
from yipan.plan.models import OptionCounty, Signature

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=2)


def by_hand(province: Province, incident: Incident, by: User, **more: object) -> Order:
    given: dict[str, object] = {
        "incident": incident,
        "issuer": province["10"],
        "matter": "households",
        "title": Text("今晚查完", "Check tonight"),
        "body": Text("每户敲门。", "Knock at each door."),
        "targets": [(province["10"], Level.VILLAGE)],
        "by": by,
        "at": NOON,
        "scope": scope_of(by, at=NOON),
    }
    return actions.draft_order(**(given | more))  # type: ignore[arg-type]


# ---- drafting -----------------------------------------------------------------------------------------


def test_an_option_that_orders_nothing_is_an_error(signature: Signature, cast: Cast) -> None:
    OptionCounty.objects.update(levels={"home": ["open"] * 8})
    with pytest.raises(NothingOrdered):
        actions.draft_orders(signature=signature, by=cast.commander, at=NOON)


@pytest.mark.parametrize("who", ["analyst", "auditor", "county_officer", "village_reporter"])
def test_who_may_not_draft(signature: Signature, cast: Cast, who: str) -> None:
    person = getattr(cast, who)
    with pytest.raises((Forbidden, NotFound)):
        actions.draft_orders(
            signature=signature, by=person, at=NOON, scope=scope_of(person, at=NOON)
        )
    assert not Order.objects.exists()


def test_one_order_for_each_county_and_matter(drafts: list[Order]) -> None:
    pairs = {(o.matter, o.targets.get().unit.code) for o in drafts}
    assert len(pairs) == len(drafts) == 6
    assert {matter for matter, _code in pairs} == {"workplaces", "transport"}
    assert all(o.source["kind"] == "option" and o.source["option"] == "tiered" for o in drafts)
    assert all(o.title_en.startswith(("Workplaces: closed", "Public transport")) for o in drafts)


def test_drafted_twice_is_drafted_once(
    drafts: list[Order], signature: Signature, cast: Cast
) -> None:
    again = actions.draft_orders(signature=signature, by=cast.commander, at=LATER)
    assert {o.pk for o in again} == {o.pk for o in drafts}
    assert Order.objects.count() == 6
    assert AuditRecord.objects.filter(event="order.drafted").count() == 6


def test_by_hand_only_below_the_issuer_and_only_known_matters(
    province: Province, incident: Incident, cast: Cast
) -> None:
    with pytest.raises(OutsideSubtree):
        by_hand(
            province,
            incident,
            cast.commander,
            issuer=province["1001"],
            targets=[(province["100201"], "")],
        )
    with pytest.raises(UnknownAct):
        by_hand(province, incident, cast.commander, matter="everything")
    with pytest.raises(Unfit):
        by_hand(province, incident, cast.commander, elements=["favourite_colour"])
    assert not Order.objects.exists()


# ---- issuing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["department", "analyst", "auditor", "county_officer"])
def test_who_may_not_issue(drafts: list[Order], cast: Cast, who: str) -> None:
    person = getattr(cast, who)
    with pytest.raises((Forbidden, NotFound)):
        actions.issue_orders(orders=drafts, by=person, at=NOON, scope=scope_of(person, at=NOON))
    assert not Order.objects.exclude(state="draft").exists()


def test_all_or_none(drafts: list[Order], cast: Cast) -> None:
    Order.objects.filter(pk=drafts[-1].pk).update(title_zh="", title_en="")
    scope = scope_of(cast.commander, at=NOON)
    with pytest.raises(Unfit):
        actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    assert not Order.objects.exclude(state="draft").exists()
    assert not AuditRecord.objects.filter(event="order.issued").exists()


def test_held_for_a_minute_then_released_once(drafts: list[Order], cast: Cast) -> None:
    scope = scope_of(cast.commander, at=NOON)
    issued = actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    assert {o.state for o in issued} == {"held"}
    assert actions.release_due(at=NOON + timedelta(seconds=59)) == 0
    assert actions.release_due(at=NOON + timedelta(seconds=60)) == 6
    assert actions.release_due(at=LATER) == 0
    released = Order.objects.first()
    assert released is not None
    assert released.released_at == NOON + timedelta(seconds=60)
    for delivery in Delivery.objects.select_related("order"):
        assert delivery.state == "delivered"
        assert delivery.delivered_at == delivery.order.released_at
        minutes = {1: 60, 2: 240}[delivery.order.priority]
        assert delivery.acknowledge_by == NOON + timedelta(seconds=60, minutes=minutes)
        assert delivery.due_at == delivery.order.due_at
    assert DeliveryEvent.objects.filter(act="deliver").count() == 6
    assert Outbox.objects.filter(channel="inbox", sent_at__isnull=False).count() == 6
    assert AuditRecord.objects.filter(event="order.released").count() == 6


def test_a_p0_leaves_at_once_with_two_signatures(
    drafts: list[Order], cast: Cast, province: Province
) -> None:
    Order.objects.filter(pk=drafts[0].pk).update(priority=Priority.P0)
    second = person("deputy", Role.COMMANDER, province["10"])
    first = {"by": cast.commander, "at": NOON, "scope": scope_of(cast.commander, at=NOON)}
    with pytest.raises(SecondSignatureMissing):
        actions.issue_orders(orders=drafts, **first)
    actions.countersign(order=drafts[0], **first)
    with pytest.raises(SameHand):
        actions.issue_orders(orders=drafts, **first)
    with pytest.raises(WrongOrderState):  # the first to sign stays: nobody signs over them
        actions.countersign(order=drafts[0], by=second, at=NOON, scope=scope_of(second, at=NOON))
    actions.countersign(order=drafts[0], **first)  # the same hand again: nothing changes
    drafts[0].refresh_from_db()
    assert drafts[0].second_by == cast.commander
    actions.issue_orders(orders=drafts, by=second, at=NOON, scope=scope_of(second, at=NOON))
    [gone] = Delivery.objects.all()
    assert gone.order_id == drafts[0].pk
    assert gone.acknowledge_by == NOON + timedelta(minutes=15)
    assert AuditRecord.objects.filter(event="order.countersigned").count() == 1


# ---- duplicates ------------------------------------------------------------------------------------------


def issued(
    province: Province, incident: Incident, cast: Cast, *, at: datetime = NOON, **more: object
) -> Order:
    order = by_hand(province, incident, cast.commander, at=at, **more)
    scope = scope_of(cast.commander, at=at)
    actions.issue_orders(orders=[order], by=cast.commander, at=at, scope=scope)
    actions.release_due(at=at + timedelta(minutes=1))
    return order


def test_a_like_order_within_72_hours_needs_a_reason(
    province: Province, incident: Incident, cast: Cast
) -> None:
    first = issued(province, incident, cast)
    again = by_hand(province, incident, cast.commander, at=LATER)
    given = {"by": cast.commander, "at": LATER, "scope": scope_of(cast.commander, at=NOON)}
    with pytest.raises(Duplicate) as refused:
        actions.issue_orders(orders=[again], **given)
    assert refused.value.where == str(first.pk)
    actions.issue_orders(orders=[again], duplicate_reason="the first was unclear", **given)
    again.refresh_from_db()
    assert (again.state, again.duplicate_reason) == ("held", "the first was unclear")


@pytest.mark.parametrize(
    ("code", "level", "like"),
    [
        ("100101001", "", True),
        ("1001", "village", True),
        ("100101", "", False),
        ("1001", "county", False),
    ],
)
def test_only_the_same_units_make_a_duplicate(
    province: Province, incident: Incident, cast: Cast, code: str, level: str, like: bool
) -> None:
    issued(province, incident, cast)
    again = by_hand(province, incident, cast.commander, targets=[(province[code], level)])
    assert (again.pk in alike([again], at=LATER)) == like


def test_neither_another_matter_nor_an_old_order_is_a_duplicate(
    province: Province, incident: Incident, cast: Cast
) -> None:
    issued(province, incident, cast)
    other = by_hand(province, incident, cast.commander, matter="supplies")
    late = by_hand(province, incident, cast.commander)
    assert not alike([other], at=LATER)
    assert not alike([late], at=NOON + timedelta(hours=73))


def test_a_p0_is_never_held_up_by_a_duplicate(
    province: Province, incident: Incident, cast: Cast
) -> None:
    issued(province, incident, cast)
    grave = by_hand(province, incident, cast.commander, priority=0, at=LATER)
    second = person("deputy", Role.COMMANDER, province["10"])
    actions.countersign(order=grave, by=second, at=LATER, scope=system_scope())
    actions.issue_orders(orders=[grave], by=cast.commander, at=LATER, scope=system_scope())
    assert Delivery.objects.filter(order=grave).count() == 5


# ---- versions and annexes ---------------------------------------------------------------------------------


def test_a_new_version_supersedes_the_old_at_everyone(
    province: Province, incident: Incident, cast: Cast
) -> None:
    first = issued(province, incident, cast)
    given = {"by": cast.commander, "at": LATER, "scope": scope_of(cast.commander, at=NOON)}
    second = actions.amend_order(order=first, title=Text("明晚查完", "Check tomorrow"), **given)
    assert (second.version, second.amends_id, second.state) == (2, first.pk, "draft")
    assert Delivery.objects.filter(order=first, state="delivered").count() == 5
    actions.issue_orders(orders=[second], **given)
    actions.release_due(at=LATER + timedelta(minutes=1))
    first.refresh_from_db()
    assert first.state == "superseded"
    assert set(Delivery.objects.filter(order=first).values_list("state", flat=True)) == {
        "superseded"
    }
    assert Delivery.objects.filter(order=second, state="delivered").count() == 5
    with pytest.raises(WrongOrderState):
        actions.amend_order(order=first, **given)


def test_two_versions_cannot_replace_the_same_one(
    province: Province, incident: Incident, cast: Cast
) -> None:
    first = issued(province, incident, cast)
    given = {"by": cast.commander, "at": LATER, "scope": scope_of(cast.commander, at=NOON)}
    rivals = [actions.amend_order(order=first, **given) for _rival in range(2)]
    with pytest.raises(WrongOrderState):
        actions.issue_orders(orders=rivals, **given)


def test_a_later_signature_amends_what_the_earlier_ordered(
    drafts: list[Order], incident: Incident, province: Province, cast: Cast
) -> None:
    scope = scope_of(cast.commander, at=NOON)
    actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    actions.release_due(at=LATER)
    tomorrow = make_signature(province, incident, cast.commander, at=NOON + timedelta(days=1))
    later = NOON + timedelta(days=1, minutes=5)
    renewed = actions.draft_orders(signature=tomorrow, by=cast.commander, at=later)
    assert {(o.version, o.amends_id is not None) for o in renewed} == {(2, True)}
    actions.issue_orders(orders=renewed, by=cast.commander, at=later, scope=scope)
    actions.release_due(at=later + timedelta(minutes=1))
    states = Delivery.objects.values_list("order__version", "state").order_by()
    assert set(states) == {(1, "superseded"), (2, "delivered")}


def test_a_city_attaches_an_annex_below_the_issuer_only(
    province: Province, incident: Incident, cast: Cast
) -> None:
    order = issued(province, incident, cast)
    city = person("city", Role.COUNTY_OFFICER, province["1001"])
    mine = {"by": city, "at": LATER, "scope": scope_of(city, at=NOON)}
    with pytest.raises(NotFound):
        actions.annex(order=order, unit=province["1002"], text="Keys at the gate.", **mine)
    with pytest.raises(AnnexRefused):
        actions.annex(order=order, unit=province["1001"], text="Report twice a day.", **mine)
    made = actions.annex(order=order, unit=province["1001"], text="Keys at the gate.", **mine)
    assert made.order_id == order.pk
    assert AuditRecord.objects.filter(event="order.annexed").count() == 1


def test_undo_within_the_minute_and_not_after(drafts: list[Order], cast: Cast) -> None:
    scope = scope_of(cast.commander, at=NOON)
    actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    back = actions.undo_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    assert {(o.state, o.issued_at) for o in back} == {("draft", None)}
    assert actions.release_due(at=LATER) == 0
    actions.issue_orders(orders=drafts, by=cast.commander, at=LATER, scope=scope)
    after = LATER + timedelta(minutes=1)
    assert actions.release_due(at=after) == 6
    with pytest.raises(UndoOver):
        actions.undo_orders(orders=drafts, by=cast.commander, at=after, scope=scope)


def test_issued_twice_is_refused(drafts: list[Order], cast: Cast) -> None:
    scope = scope_of(cast.commander, at=NOON)
    actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)
    with pytest.raises(WrongOrderState):
        actions.issue_orders(orders=drafts, by=cast.commander, at=NOON, scope=scope)


def test_an_order_for_every_village_fans_out(
    province: Province, incident: Incident, cast: Cast
) -> None:
    order = by_hand(province, incident, cast.commander)
    assert queries.recipients(order, on=NOON.date()).count() == 5
    assert recipient_counts([order], on=NOON.date()) == {order.pk: 5}
    scope = scope_of(cast.commander, at=NOON)
    actions.issue_orders(orders=[order], by=cast.commander, at=NOON, scope=scope)
    assert actions.release_due(at=LATER) == 5
    assert set(Delivery.objects.values_list("unit__level", flat=True)) == {"village"}


def test_nobody_to_receive_is_refused(province: Province, incident: Incident, cast: Cast) -> None:
    order = by_hand(province, incident, cast.commander, targets=[(province["10"], Level.TOWNSHIP)])
    with pytest.raises(NobodyToReceive):
        actions.issue_orders(
            orders=[order], by=cast.commander, at=NOON, scope=scope_of(cast.commander, at=NOON)
        )


# ---- withdrawing ----------------------------------------------------------------------------------------


def test_withdrawal_needs_a_reason_and_reaches_everyone(
    province: Province, incident: Incident, cast: Cast
) -> None:
    order = by_hand(province, incident, cast.commander)
    scope = scope_of(cast.commander, at=NOON)
    actions.issue_orders(orders=[order], by=cast.commander, at=NOON, scope=scope)
    actions.release_due(at=LATER)
    with pytest.raises(ReasonMissing):
        actions.withdraw_order(order=order, by=cast.commander, at=LATER, reason="", scope=scope)
    gone = actions.withdraw_order(
        order=order, by=cast.commander, at=LATER, reason="sent by mistake", scope=scope
    )
    assert gone.state == OrderState.WITHDRAWN
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}
    cancelled = DeliveryEvent.objects.filter(act="cancel")
    assert cancelled.count() == 5
    assert {(e.before, e.after, e.note) for e in cancelled} == {
        ("delivered", "cancelled", "sent by mistake")
    }


def test_what_is_finished_stays_finished_when_withdrawn(
    delivered: list[Delivery], cast: Cast
) -> None:
    done = delivered[0]
    Delivery.objects.filter(pk=done.pk).update(state="verified")
    actions.withdraw_order(
        order=done.order, by=cast.commander, at=NOON, reason="over", scope=system_scope()
    )
    done.refresh_from_db()
    assert done.state == "verified"


# ---- what a person sees -----------------------------------------------------------------------------------


def test_each_sees_only_their_own_orders(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    seen = {
        name: queries.orders(incident, scope_of(getattr(cast, name), at=NOON)).count()
        for name in ("commander", "county_officer", "other_county_officer", "village_reporter")
    }
    assert seen == {
        "commander": 6,
        "county_officer": 2,
        "other_county_officer": 2,
        "village_reporter": 0,
    }


def test_drafts_are_for_who_may_draft(drafts: list[Order], incident: Incident, cast: Cast) -> None:
    counts = {
        name: queries.drafts(incident, scope_of(getattr(cast, name), at=NOON)).count()
        for name in ("commander", "department", "county_officer", "analyst")
    }
    assert counts == {"commander": 6, "department": 6, "county_officer": 0, "analyst": 0}
