"""Time passes over orders: reminders once, calls up the tree, duty hours, outages, closing."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from cast import NOON, Cast, Province, person
from yipan.access.errors import Forbidden
from yipan.access.models import AuditRecord, Incident, Role
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.order import actions
from yipan.order.deliveries.rules import Act
from yipan.order.errors import DutyRefused, NotShown, Shortens
from yipan.order.matters import Text
from yipan.order.models import Assist, Delivery, Escalation, Notice, Order, Outbox
from yipan.report.models import Value

pytestmark = pytest.mark.django_db
RELEASED = NOON - timedelta(hours=1)  # of `delivered`; P1 is to be read by noon


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def p1(delivered: list[Delivery]) -> Delivery:
    return next(d for d in delivered if d.order.priority == 1 and d.unit.code == "100101")


def calls(delivery: Delivery) -> list[tuple[str, int, str, str]]:
    rows = Escalation.objects.filter(delivery=delivery).order_by("step")
    return list(rows.values_list("kind", "step", "unit__code", "answer"))


# ---- refusals ----------------------------------------------------------------------------------------------


def test_who_may_not_give_time_or_declare_an_outage(
    delivered: list[Delivery], cast: Cast, province: Province
) -> None:
    given: dict[str, Any] = {"at": NOON, "client_key": "x", "note": "why", "until": after(600)}
    for who, refusal in (("county_officer", Exception), ("other_county_officer", NotFound)):
        by = getattr(cast, who)
        with pytest.raises(refusal):
            actions.extend(delivery=p1(delivered), by=by, scope=scope_of(by, at=NOON), **given)
    with pytest.raises(Forbidden):
        actions.declare_outage(
            unit=province["100101"], reason="line", by=cast.analyst, at=NOON,
            scope=scope_of(cast.analyst, at=NOON),
        )  # fmt: skip


def test_an_extension_never_shortens(delivered: list[Delivery], cast: Cast) -> None:
    delivery = p1(delivered)
    given: dict[str, Any] = {
        "delivery": delivery, "by": cast.commander, "at": NOON, "note": "two roads are closed",
        "scope": scope_of(cast.commander, at=NOON),
    }  # fmt: skip
    for until in (after(-1), after(0)):
        with pytest.raises(Shortens):
            actions.extend(until=until, client_key="x", **given)
    assert actions.extend(until=after(30), client_key="x", **given).acknowledge_by == after(30)


# ---- reminders -----------------------------------------------------------------------------------------------


def test_reminded_once_when_half_the_reading_clock_has_run(
    delivered: list[Delivery], incident: Incident
) -> None:
    assert actions.pass_time(incident=incident, at=RELEASED + timedelta(minutes=29)).reminded == 0
    assert actions.pass_time(incident=incident, at=RELEASED + timedelta(minutes=30)).reminded == 3
    assert actions.pass_time(incident=incident, at=RELEASED + timedelta(minutes=31)).reminded == 0
    assert set(
        Outbox.objects.filter(kind=Notice.UNREAD).values_list(
            "delivery__order__priority", flat=True
        )
    ) == {1}


def test_who_has_read_is_reminded_of_the_deadline_only(
    delivered: list[Delivery], incident: Incident
) -> None:
    delivery = p1(delivered)
    actions.perform([actions.Step(Act.ACKNOWLEDGE, delivery.pk, NOON, "k")], scope=system_scope())
    assert delivery.due_at is not None
    actions.pass_time(incident=incident, at=delivery.due_at - timedelta(hours=2))
    kinds = Outbox.objects.filter(delivery=delivery).exclude(kind="delivered")
    assert set(kinds.values_list("kind", flat=True)) == {Notice.DUE}


# ---- the way up ------------------------------------------------------------------------------------------------


def test_late_orders_go_up_one_office_at_a_time(
    delivered: list[Delivery], incident: Incident
) -> None:
    delivery = p1(delivered)
    assert actions.pass_time(incident=incident, at=after(0)).called == 0
    assert actions.pass_time(incident=incident, at=after(1)).called == 3
    assert actions.pass_time(incident=incident, at=after(2)).called == 0
    assert calls(delivery) == [("unread", 1, "1001", "")]
    actions.pass_time(incident=incident, at=after(32))
    assert calls(delivery) == [("unread", 1, "1001", ""), ("unread", 2, "10", "")]
    for minute in range(33, 600, 60):
        actions.pass_time(incident=incident, at=after(minute))
    assert len(calls(delivery)) == 2  # the issuer is the last
    assert AuditRecord.objects.filter(event="delivery.escalated").count() >= 6


def test_the_unit_that_answers_itself_settles_its_call(
    delivered: list[Delivery], incident: Incident
) -> None:
    delivery = p1(delivered)
    actions.pass_time(incident=incident, at=after(1))
    step = actions.Step(Act.ACKNOWLEDGE, delivery.pk, after(2), "k")
    actions.perform([step], scope=system_scope())
    assert actions.pass_time(incident=incident, at=after(3)).answered == 1
    assert calls(delivery) == [("unread", 1, "1001", "moot")]


def test_more_time_answers_and_lateness_calls_again(
    delivered: list[Delivery], incident: Incident, province: Province
) -> None:
    delivery = p1(delivered)
    city = person("city", Role.COUNTY_OFFICER, province["1001"])
    actions.pass_time(incident=incident, at=after(1))
    actions.extend(
        delivery=delivery, until=after(60), by=city, at=after(2), client_key="x",
        scope=scope_of(city, at=NOON), note="the office moves house",
    )  # fmt: skip
    assert calls(delivery) == [("unread", 1, "1001", "extend")]
    actions.pass_time(incident=incident, at=after(59))
    assert len(calls(delivery)) == 1
    actions.pass_time(incident=incident, at=after(61))
    assert calls(delivery)[1] == ("unread", 2, "1001", "")


def test_help_answers_but_the_unit_stays_accountable(
    delivered: list[Delivery], incident: Incident, province: Province, cast: Cast
) -> None:
    delivery = p1(delivered)
    actions.pass_time(incident=incident, at=after(1))
    actions.assist(
        delivery=delivery, helper=province["1001"], by=cast.commander, at=after(2), client_key="x",
        scope=scope_of(cast.commander, at=NOON), note="a team of three",
    )  # fmt: skip
    assert Assist.objects.get().unit == province["1001"]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.unit_id) == ("delivered", province["100101"].pk)
    actions.pass_time(incident=incident, at=after(20))
    assert len(calls(delivery)) == 1
    actions.pass_time(incident=incident, at=after(40))
    assert len(calls(delivery)) == 2


# ---- duty hours, outages --------------------------------------------------------------------------------------------


def test_only_p3_waits_for_duty_hours_and_the_nearest_calendar_counts(
    province: Province, incident: Incident, cast: Cast
) -> None:
    scope = system_scope()
    every_day = list(range(7))
    given: dict[str, Any] = {"by": cast.commander, "at": NOON, "scope": scope}
    hours = {"opens": time(8), "closes": time(18), "weekdays": every_day}
    actions.set_duty_hours(unit=province["10"], **hours, **given)
    actions.set_duty_hours(unit=province["100101"], **(hours | {"closes": time(20)}), **given)
    deadlines = {}
    for priority in (2, 3):
        order = actions.draft_order(
            incident=incident, issuer=province["10"], matter="relief", title=Text("办", "Do"),
            body=Text("办", "Do"), targets=[(province["10"], "county")], priority=priority, **given,
        )  # fmt: skip
        actions.issue_orders(orders=[order], duplicate_reason="a test", **given)
        actions.release_due(at=after(1))
        for delivery in Delivery.objects.filter(order=order).select_related("unit"):
            deadlines[priority, delivery.unit.code] = delivery.acknowledge_by
    assert {deadlines[2, code] for code in ("100101", "100102")} == {after(241)}
    # 24 duty hours from 12:01: two and a bit days of ten hours, exactly two of twelve.
    assert deadlines[3, "100102"] == datetime.fromisoformat("2020-02-26T16:01:00+08:00")
    assert deadlines[3, "100101"] == datetime.fromisoformat("2020-02-26T12:01:00+08:00")


def test_duty_hours_that_leave_nobody_are_refused(province: Province, cast: Cast) -> None:
    given: dict[str, Any] = {"by": cast.commander, "at": NOON, "scope": system_scope()}
    for opens, closes, weekdays in ((18, 8, [0]), (8, 18, []), (8, 18, [7])):
        with pytest.raises(DutyRefused):
            actions.set_duty_hours(
                unit=province["10"], opens=time(opens), closes=time(closes), weekdays=weekdays,
                **given,
            )  # fmt: skip


def test_during_an_outage_nobody_is_late_and_time_is_given_back(
    delivered: list[Delivery], incident: Incident, province: Province, cast: Cast
) -> None:
    delivery = p1(delivered)
    officer = {"by": cast.county_officer, "scope": scope_of(cast.county_officer, at=NOON)}
    outage = actions.declare_outage(
        unit=province["100101"], reason="line cut", at=RELEASED + timedelta(minutes=20), **officer
    )
    with pytest.raises(DutyRefused):
        actions.declare_outage(unit=province["100101"], reason="again", at=NOON, **officer)
    actions.pass_time(incident=incident, at=after(10))
    assert calls(delivery) == []
    before = (delivery.acknowledge_by, delivery.due_at)
    assert actions.end_outage(outage=outage, at=after(20), **officer) == 2
    delivery.refresh_from_db()
    lost = timedelta(hours=1)  # from 11:20 to 12:20
    assert (delivery.acknowledge_by, delivery.due_at) == tuple(
        d + lost for d in before if d is not None
    )
    elsewhere = Delivery.objects.get(order__priority=1, unit__code="100201")
    assert elsewhere.acknowledge_by == after(0)
    with pytest.raises(DutyRefused):
        actions.end_outage(outage=outage, at=after(30), **officer)


@pytest.mark.parametrize("county_first", [True, False])
def test_two_outages_at_once_give_back_what_was_lost_not_twice(
    delivered: list[Delivery],
    incident: Incident,
    province: Province,
    cast: Cast,
    *,
    county_first: bool,
) -> None:
    delivery = p1(delivered)
    neighbour = Delivery.objects.get(order__priority=1, unit__code="100102")
    before = [d.acknowledge_by for d in (delivery, neighbour)]
    given: dict[str, Any] = {"by": cast.commander, "scope": scope_of(cast.commander, at=NOON)}
    county = actions.declare_outage(unit=province["100101"], reason="mast", at=after(-50), **given)
    city = actions.declare_outage(unit=province["1001"], reason="flood", at=after(-40), **given)
    ends = [(county, after(-20)), (city, after(10))]
    if not county_first:
        ends = [(city, after(-20)), (county, after(10))]
    for outage, at in ends:
        actions.end_outage(outage=outage, at=at, **given)
    for d in (delivery, neighbour):
        d.refresh_from_db()
    moved = [d.acknowledge_by - b for d, b in zip((delivery, neighbour), before, strict=True)]
    in_city = timedelta(minutes=50 if county_first else 20)  # from 11:20
    assert moved == [timedelta(minutes=60), in_city]  # Alder was out of reach from 11:10 to 12:10


def test_a_reminder_knows_the_time_that_an_outage_gave_back(
    delivered: list[Delivery], incident: Incident, province: Province, cast: Cast
) -> None:
    officer = {"by": cast.county_officer, "scope": scope_of(cast.county_officer, at=NOON)}
    outage = actions.declare_outage(
        unit=province["100101"], reason="line cut", at=after(-50), **officer
    )
    actions.end_outage(outage=outage, at=after(-35), **officer)  # 15 minutes more until 12:15
    delivery = p1(delivered)
    unread = Outbox.objects.filter(kind=Notice.UNREAD, delivery=delivery)
    actions.pass_time(incident=incident, at=after(-16))
    assert not unread.exists()
    actions.pass_time(incident=incident, at=after(-15))
    assert [row.queued_at for row in unread] == [after(-15)]


# ---- closing -----------------------------------------------------------------------------------------------------------


def test_what_was_verified_a_day_ago_closes_by_itself(
    delivered: list[Delivery], incident: Incident
) -> None:
    delivery = p1(delivered)
    way = (Act.ACKNOWLEDGE, Act.ACCEPT, Act.CLAIM_DONE, Act.VERIFY)
    steps = [actions.Step(act, delivery.pk, NOON, f"s-{act}") for act in way]
    actions.perform(steps, scope=system_scope())
    assert actions.pass_time(incident=incident, at=NOON + timedelta(hours=23)).closed == 0
    assert actions.pass_time(incident=incident, at=NOON + timedelta(hours=24)).closed == 1
    assert actions.pass_time(incident=incident, at=NOON + timedelta(hours=25)).closed == 0
    delivery.refresh_from_db()
    assert delivery.state == "closed"


def test_a_claim_must_stand_the_test_a_machine_can_see(
    province: Province, incident: Incident, cast: Cast
) -> None:
    given: dict[str, Any] = {"by": cast.commander, "at": NOON, "scope": system_scope()}
    order = actions.draft_order(
        incident=incident, issuer=province["10"], matter="households", title=Text("查", "Check"),
        body=Text("查", "Check"), targets=[(province["100101001"], "")], **given,
    )  # fmt: skip
    assert order.closure_check == {"kind": "value", "element": "households_checked"}
    actions.issue_orders(orders=[order], **given)
    actions.release_due(at=after(1))
    [delivery] = Delivery.objects.filter(order=order)
    reporter = {"by": cast.village_reporter, "scope": scope_of(cast.village_reporter, at=NOON)}
    for act in ("acknowledge", "accept"):
        getattr(actions, act)(delivery=delivery, at=after(2), client_key=act, **reporter)
    with pytest.raises(NotShown):
        actions.claim_done(delivery=delivery, at=after(3), client_key="c", **reporter)
    actions.claim_done(
        delivery=delivery,
        at=after(3),
        client_key="c",
        values={"households_checked": 96},
        **reporter,
    )
    assert Value.objects.get(element="households_checked").value == 96
    assert Order.objects.get(pk=order.pk).state == "issued"
