"""The door: refusals first, then what is taken."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cast import NOON, Cast, Province
from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.scope import Scope, scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.actions import Report, note_absence, submit_values, take_batch, take_receipt
from yipan.report.errors import (
    KeyTaken,
    Missing,
    NothingSent,
    Refused,
    StoodDown,
)
from yipan.report.models import RowAside, Submission, Value
from yipan.report.queries import last_heard, not_heard_from

pytestmark = pytest.mark.django_db
TODAY = date(2020, 2, 24)
COUNTY = "100101"


def send(
    incident: Incident,
    province: Province,
    who: User,
    *,
    unit: str = "100101001",
    day: date = TODAY,
    key: str = "key-0001",
    scope: Scope | None = None,
    **values: float | None,
) -> Submission:
    return submit_values(
        incident=incident,
        unit=province[unit],
        day=day,
        values=values,
        actor=who,
        source="form",
        at=NOON,
        client_key=key,
        scope=scope or scope_of(who, at=NOON),
    )


# ---- refusals


def test_nobody_sends_nothing(incident: Incident, province: Province) -> None:
    with pytest.raises(NotSignedIn):
        submit_values(
            incident=incident,
            unit=province["100101001"],
            day=TODAY,
            values={"fever": 1},
            actor=None,
            source="form",
            at=NOON,
            client_key="key-0001",
            scope=Scope(user=None, at=NOON),
        )


def test_an_analyst_reads_and_does_not_report(
    incident: Incident, province: Province, cast: Cast
) -> None:
    with pytest.raises(Forbidden):
        send(incident, province, cast.analyst, fever=1)


def test_another_village_is_not_there(incident: Incident, province: Province, cast: Cast) -> None:
    with pytest.raises(NotFound):
        send(incident, province, cast.village_reporter, unit="100102001", fever=1)


@pytest.mark.parametrize(
    ("day", "code"),
    [(date(2099, 1, 1), "R105"), (TODAY + timedelta(days=1), "R105"), (date(2019, 12, 1), "R106")],
)
def test_a_day_outside_the_incident_is_refused(
    incident: Incident, province: Province, cast: Cast, day: date, code: str
) -> None:
    with pytest.raises(Refused) as told:
        send(incident, province, cast.village_reporter, day=day, fever=1)
    assert told.value.faults["day"].code == code


@pytest.mark.parametrize(
    ("element", "value", "code"),
    [
        ("fever", -3, "R104"),
        ("fever", 20001, "R104"),
        ("fever", float("nan"), "R103"),
        ("fever", float("inf"), "R103"),
        ("fever", 1.5, "R103"),
        ("confirmed_new", 1, "R116"),
        ("fewer", 1, "R102"),
    ],
)
def test_what_cannot_be_is_refused(
    incident: Incident, province: Province, cast: Cast, element: str, value: float, code: str
) -> None:
    with pytest.raises(Refused) as told:
        send(incident, province, cast.village_reporter, **{element: value})
    assert told.value.faults[element].code == code
    assert not Submission.objects.exists()


def test_a_running_total_cannot_fall(incident: Incident, province: Province, cast: Cast) -> None:
    system = system_scope()
    send(incident, province, cast.commander, unit="1001", day=date(2020, 2, 22), confirmed=20,
         key="key-one", scope=system)  # fmt: skip
    with pytest.raises(Refused) as told:
        send(incident, province, cast.commander, unit="1001", day=date(2020, 2, 23), confirmed=19,
             key="key-two", scope=system)  # fmt: skip
    assert told.value.faults["confirmed"].code == "R108"
    assert "20" in told.value.faults["confirmed"].message
    corrected = submit_values(
        incident=incident,
        unit=province["1001"],
        day=date(2020, 2, 23),
        values={"confirmed": 19},
        actor=cast.commander,
        source="form",
        at=NOON,
        client_key="key-three",
        scope=system,
        reasons={"confirmed": "one was counted twice"},
    )
    assert corrected.rows_accepted == 1


def test_a_key_used_for_another_unit_is_refused(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, unit="100101001", fever=1)
    with pytest.raises(KeyTaken):
        send(incident, province, cast.county_officer, unit="100101002", fever=1)


def test_nothing_is_not_a_report(incident: Incident, province: Province, cast: Cast) -> None:
    with pytest.raises(NothingSent):
        send(incident, province, cast.village_reporter, fever=None)


def test_an_incident_stood_down_takes_no_more(
    incident: Incident, province: Province, cast: Cast
) -> None:
    incident.stood_down_at = NOON
    incident.save(update_fields=["stood_down_at"])
    with pytest.raises(StoodDown):
        send(incident, province, cast.village_reporter, fever=1)


# ---- taken


def test_what_is_taken_is_audited_in_the_same_breath(
    incident: Incident, province: Province, cast: Cast
) -> None:
    sent = send(incident, province, cast.village_reporter, fever=1, masks_stock=30)
    record = AuditRecord.objects.get(event="report.submitted")
    assert (record.object_id, record.actor, record.unit) == (
        str(sent.pk),
        cast.village_reporter,
        province["100101001"],
    )
    assert record.detail == {"source": "form", "values": 2, "corrections": 0}


def test_a_value_withdrawn_with_a_reason_is_no_longer_known(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.village_reporter, fever=1)
    submit_values(
        incident=incident,
        unit=province["100101001"],
        day=TODAY,
        values={"fever": None},
        actor=cast.village_reporter,
        source="form",
        at=NOON,
        client_key="key-0002",
        scope=scope_of(cast.village_reporter, at=NOON),
        reasons={"fever": "another village's figure"},
    )
    assert [(v.version, v.value) for v in Value.objects.order_by("version")] == [(1, 1), (2, None)]


# ---- in bulk


def batch(incident: Incident, rows: list[Report], *, key: str = "b", reason: str = "") -> object:
    return take_batch(incident=incident, rows=rows, source="api", at=NOON, key=key, reason=reason)


def test_a_batch_keeps_aside_what_cannot_be_and_takes_the_rest(
    incident: Incident, province: Province
) -> None:
    village = province["100101001"].pk
    taken = batch(
        incident, [Report(village, TODAY, {"fever": 1, "masks_stock": -3, "unheard_of": 2})]
    )
    assert (taken.values, taken.aside) == (1, 2)  # type: ignore[attr-defined]
    assert sorted(RowAside.objects.values_list("field", "code")) == [
        ("masks_stock", "R104"),
        ("unheard_of", "R102"),
    ]


def test_a_replayed_batch_adds_nothing_and_a_longer_one_goes_on(
    incident: Incident, province: Province
) -> None:
    rows = [Report(province[c].pk, TODAY, {"fever": 1}) for c in ("100101001", "100101002")]
    batch(incident, rows[:1])
    again = batch(incident, rows)
    assert (again.values, again.replayed) == (1, 1)  # type: ignore[attr-defined]
    assert Value.objects.count() == 2


def test_a_batch_costs_the_same_number_of_statements_however_long(
    incident: Incident, province: Province, django_assert_max_num_queries: object
) -> None:
    rows = [
        Report(province["100101001"].pk, TODAY - timedelta(days=d), {"fever": d, "masks_stock": d})
        for d in range(20)
    ]
    with django_assert_max_num_queries(18):  # type: ignore[operator]
        batch(incident, rows)
    assert Value.objects.count() == 40


def test_a_differing_value_in_bulk_needs_a_reason_too(
    incident: Incident, province: Province
) -> None:
    village = province["100101001"].pk
    batch(incident, [Report(village, TODAY, {"fever": 1})])
    kept = batch(incident, [Report(village, TODAY, {"fever": 2})], key="c")
    assert (kept.values, kept.aside) == (0, 1)  # type: ignore[attr-defined]
    taken = batch(incident, [Report(village, TODAY, {"fever": 2})], key="d", reason="recounted")
    assert (taken.values, taken.aside) == (1, 0)  # type: ignore[attr-defined]


def test_a_receipt_is_a_report_that_names_its_order(
    incident: Incident, province: Province, cast: Cast
) -> None:
    for _ in range(2):
        sent = take_receipt(
            incident=incident,
            unit=province[COUNTY],
            subject="delivery:7",
            values={},
            actor=cast.county_officer,
            at=NOON,
            client_key="receipt-7",
        )
    assert (sent.subject, sent.source, Submission.objects.count()) == ("delivery:7", "receipt", 1)


def test_what_is_published_is_taken_as_published(incident: Incident, province: Province) -> None:
    """A bulletin's total may fall, and may speak of a county that is not asked for totals."""
    county = province[COUNTY].pk
    rows = [Report(county, TODAY - timedelta(days=d), {"confirmed": 5.0 + d}) for d in (1, 0)]
    taken = take_batch(incident=incident, rows=rows, source="bulletin", at=NOON, key="b")
    assert (taken.values, taken.aside) == (2, 0)


# ---- who is heard


def test_who_is_silent_is_named_with_a_known_reason(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.village_reporter, fever=0)
    scope = scope_of(cast.county_officer, at=NOON)
    note_absence(
        incident=incident,
        unit=province["100101002"],
        reason="the line is down",
        since=NOON,
        until=NOON + timedelta(hours=2),
        by=cast.county_officer,
        at=NOON,
        scope=scope,
    )
    silent = not_heard_from(incident, day=TODAY, known_at=NOON, scope=scope, level="village")
    assert [(s.unit.code, s.reason, s.county) for s in silent] == [
        ("100101002", "the line is down", province[COUNTY].name)
    ]
    later = NOON + timedelta(hours=2)
    after = not_heard_from(incident, day=TODAY, known_at=later, scope=scope, level="village")
    assert [s.reason for s in after] == [""]
    assert set(last_heard(incident, known_at=NOON)) == {province["100101001"].pk}


def test_an_absence_needs_words_and_the_right_place(
    incident: Incident, province: Province, cast: Cast
) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    for unit, reason, fault in (("100101001", " ", Missing), ("100201001", "x", NotFound)):
        with pytest.raises(fault):
            note_absence(
                incident=incident,
                unit=province[unit],
                reason=reason,
                since=NOON,
                until=None,
                by=cast.county_officer,
                at=NOON,
                scope=scope,
            )
