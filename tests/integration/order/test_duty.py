"""The duty room and the accountability page: refusals first, units only, small numbers kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province, person
from yipan.access.errors import Forbidden
from yipan.access.models import AuditRecord, Incident, Role, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound, YipanError
from yipan.order import actions
from yipan.order.accountability.queries import account, by_unit, outbreaks
from yipan.order.deliveries.rules import Act
from yipan.order.errors import DutyRefused
from yipan.order.models import Call, Contact, Delivery, DeliveryEvent, Outage, Shift
from yipan.report.models import Case, Source, Submission

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


def given(by: User, **more: Any) -> dict[str, Any]:
    return {"by": by, "at": NOON, "scope": scope_of(by, at=NOON), **more}


def hours(start: int, end: int) -> dict[str, datetime]:
    return {"start": NOON + timedelta(hours=start), "end": NOON + timedelta(hours=end)}


# ---- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("other_county_officer", NotFound),
        ("analyst", Forbidden),
        ("auditor", Forbidden),
        ("stranger", NotFound),
    ],
)
def test_who_may_not_run_a_duty_room(
    cast: Cast, province: Province, who: str, refusal: type[YipanError]
) -> None:
    by, unit = getattr(cast, who), province["100101"]
    with pytest.raises(refusal):
        actions.add_shift(unit=unit, person=cast.county_officer, **hours(0, 8), **given(by))
    with pytest.raises(refusal):
        actions.set_contact(
            unit=unit, channel="sms", address="1", rank=1, post="", secret="", **given(by)
        )
    assert not Shift.objects.exists()
    assert not Contact.objects.exists()


def test_who_may_not_log_a_call(delivered: list[Delivery], cast: Cast) -> None:
    for who in ("analyst", "auditor", "other_county_officer"):
        with pytest.raises((Forbidden, NotFound)):
            actions.log_call(
                delivery=delivered[0], reached="duty", note="", client_key="c",
                **given(getattr(cast, who)),
            )  # fmt: skip
    assert not Call.objects.exists()


def test_the_page_is_for_who_has_a_duty_room(cast: Cast, as_person: As, province: Province) -> None:
    assert as_person(cast.analyst).get(reverse("order:duty")).status_code == 403
    client = as_person(cast.county_officer)
    assert client.get(reverse("order:duty"), {"unit": "100201"}).status_code == 404
    assert client.post(reverse("order:duty_change", args=["nothing"])).status_code == 404


# ---- shifts ----------------------------------------------------------------------------------------------------


def test_a_shift_has_a_length_a_person_of_the_office_and_no_second_one(
    cast: Cast, province: Province
) -> None:
    unit, officer = province["100101"], cast.county_officer
    with pytest.raises(DutyRefused):
        actions.add_shift(unit=unit, person=officer, **hours(8, 8), **given(officer))
    with pytest.raises(DutyRefused):
        actions.add_shift(
            unit=unit, person=cast.other_county_officer, **hours(0, 8), **given(officer)
        )
    actions.add_shift(unit=unit, person=officer, **hours(0, 8), **given(officer))
    with pytest.raises(DutyRefused):
        actions.add_shift(unit=unit, person=officer, **hours(7, 9), **given(officer))
    actions.add_shift(unit=unit, person=officer, **hours(8, 16), **given(officer))


def test_a_hand_over_says_something_once(cast: Cast, province: Province) -> None:
    officer = cast.county_officer
    shift = actions.add_shift(
        unit=province["100101"], person=officer, **hours(-8, 0), **given(officer)
    )
    with pytest.raises(DutyRefused):
        actions.hand_over(shift=shift, to=None, words=" ", **given(officer))
    actions.hand_over(shift=shift, to=officer, words="two orders wait", **given(officer))
    with pytest.raises(DutyRefused):
        actions.hand_over(shift=shift, to=officer, words="again", **given(officer))
    assert AuditRecord.objects.filter(event="duty.handed_over").count() == 1


# ---- calls -------------------------------------------------------------------------------------------------------


def test_a_call_that_a_post_answered_is_an_acknowledgement_by_the_caller(
    delivered: list[Delivery], cast: Cast
) -> None:
    delivery = delivered[0]
    call = {
        "delivery": delivery,
        "note": "will read it out",
        "client_key": "c",
        **given(cast.commander),
    }
    actions.log_call(reached="", **call)
    assert Delivery.objects.get(pk=delivery.pk).state == "delivered"
    actions.log_call(reached="county duty desk", **call)
    assert Delivery.objects.get(pk=delivery.pk).state == "acknowledged"
    event = DeliveryEvent.objects.get(act="acknowledge")
    assert (event.actor, event.note) == (
        cast.commander,
        "By telephone: county duty desk. will read it out",
    )
    assert Call.objects.count() == 2


# ---- the page -----------------------------------------------------------------------------------------------------


def test_the_duty_room_in_a_browser(cast: Cast, as_person: As, province: Province) -> None:
    client = as_person(cast.county_officer)

    def post(what: str, **fields: str) -> int:
        where = reverse("order:duty_change", args=[what])
        return client.post(where, {"unit": "100101", **fields}).status_code

    assert post("contact", channel="telephone", address="+86 000", rank="1", post="desk") == 302
    assert post("contact", channel="pigeon", address="x", rank="1") == 422
    shift = {
        "person": str(cast.county_officer.pk),
        "start": "2020-02-24T08:00",
        "end": "2020-02-24T20:00",
    }
    assert post("shift", **shift) == 302
    assert post("shift", **(shift | {"start": "soon"})) == 422
    page = client.get(reverse("order:duty")).content.decode()
    assert "On duty at Alder: County Officer" in page
    assert "+86 000" in page
    assert post("handover", shift=str(Shift.objects.get().pk), words="all quiet") == 302
    assert "all quiet" in client.get(reverse("order:duty")).content.decode()
    assert post("outage", reason="line cut") == 302
    assert "cannot be reached" in client.get(reverse("order:duty")).content.decode()
    assert post("end-outage", outage=str(Outage.objects.get().pk)) == 302
    assert Outage.objects.get().until == NOON
    assert post("drop-contact", contact=str(Contact.objects.get().pk)) == 302
    assert not Contact.objects.exists()


# ---- accountability ---------------------------------------------------------------------------------------------------


def test_the_figures_of_everything_in_sight(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    first = delivered[0]
    way = [(Act.ACKNOWLEDGE, 20), (Act.ACCEPT, 30), (Act.CLAIM_DONE, 40), (Act.REOPEN, 50)]
    released = NOON - timedelta(hours=1)
    steps = [
        actions.Step(act, first.pk, released + timedelta(minutes=m), f"s-{act}", note="…")
        for act, m in way
    ]
    actions.perform(steps, scope=system_scope())
    found = account(incident, system_scope(), at=NOON + timedelta(minutes=1))
    assert found.n == 6
    read = found.steps[first.order.priority]["acknowledge"]
    assert read is not None
    assert (read.n, read.median) == (1, 20.0)
    assert (found.unreached_15, found.unreached_60) == (1.0, pytest.approx(5 / 6))
    assert (found.reopened, found.returns) == (1.0, {})
    mine = account(incident, scope_of(cast.other_county_officer, at=NOON), at=NOON)
    assert mine.n == 2


def test_a_small_unit_is_shown_to_itself_and_the_office_above_only(
    delivered: list[Delivery], incident: Incident, province: Province, cast: Cast
) -> None:
    seen = by_unit(incident, scope_of(cast.commander, at=NOON), at=NOON)
    assert [(row.unit.code, row.shown) for row in seen] == [("1001", True), ("1002", True)]
    auditor = scope_of(person("national", Role.AUDITOR, province["10"]), at=NOON)
    assert all(
        row.shown for row in by_unit(incident, auditor, at=NOON)
    )  # the office directly above
    assert [row.shown for row in by_unit(incident, system_scope(), at=NOON)] == [False, False]
    city = scope_of(person("city", Role.COUNTY_OFFICER, province["1001"]), at=NOON)
    assert [row.unit.code for row in by_unit(incident, city, at=NOON)] == ["100101", "100102"]


def test_units_stand_by_code_whatever_their_figures(
    delivered: list[Delivery], incident: Incident, cast: Cast
) -> None:
    south = next(d for d in delivered if d.unit.code == "100201")
    step = actions.Step(Act.ACKNOWLEDGE, south.pk, NOON, "k")
    actions.perform([step], scope=system_scope())
    rows = by_unit(incident, scope_of(cast.commander, at=NOON), at=NOON)
    assert [row.unit.code for row in rows] == ["1001", "1002"]


def test_the_page_says_how_it_went_and_has_no_export(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    client = as_person(cast.commander)
    page = client.get(reverse("order:accountability"), {"days": "90"}).content.decode()
    assert "0% of the orders were read within the hour." in page
    assert ".csv" not in page
    assert as_person(cast.administrator).get(reverse("order:accountability")).status_code == 403


def test_outbreaks_are_for_who_reads_cases(
    delivered: list[Delivery], incident: Incident, province: Province, cast: Cast
) -> None:
    unit = province["100101"]
    sent = Submission.objects.create(
        incident=incident, unit=unit, source=Source.SYNTHETIC, client_key="c", received_at=NOON
    )
    Case.objects.create(
        incident=incident, unit=unit, pseudonym="p", onset_day="2020-02-18", report_day="2020-02-23",
        recorded_at=NOON, expires_at=NOON + timedelta(days=90), submission=sent,
    )  # fmt: skip
    assert outbreaks(incident, scope_of(cast.commander, at=NOON), at=NOON) == []
    [(place, told)] = outbreaks(incident, scope_of(cast.county_officer, at=NOON), at=NOON)
    assert (place, told.detect, told.notify, told.respond) == (unit, 5, 1, None)
