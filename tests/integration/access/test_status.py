"""A person's status: one person, one event, one rule, an end; and every way it was ever misused, refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from cast import NOON, Cast, Province, person
from yipan.access import keyring, status
from yipan.access.errors import (
    AppealRefused,
    CodeRefused,
    EventRefused,
    Forbidden,
    LockedOut,
    StatusRefused,
)
from yipan.access.identity import Identifiers, enrol
from yipan.access.models import (
    Appeal,
    AuditRecord,
    EventKind,
    HealthEvent,
    Identity,
    PersonStatus,
    Role,
    User,
)
from yipan.access.rules import Action
from yipan.access.scope import scope_of, system_scope
from yipan.access.status_rules import EVIDENCE, IN_A_ROW, STATUS_RULES
from yipan.kernel.errors import NotFound

pytestmark = pytest.mark.django_db

TODAY = date(2020, 2, 24)
CONTACT = {"case": "QX7", "setting": "household"}


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")


@pytest.fixture
def doctor(province: Province) -> User:
    return person("doctor", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)


@pytest.fixture
def second(province: Province) -> User:
    return person("second_doctor", Role.HEALTH_OFFICER, province["1001"], sensitivity=3)


def someone(province: Province, number: str = "ID-0001", code: str = "100101001") -> Identity:
    return enrol(
        identifiers=Identifiers(number),
        purpose="contact",
        unit=province[code],
        action=Action.STATUS_SET,
        scope=system_scope(),
        at=NOON,
    )


@pytest.fixture
def neighbour(province: Province) -> Identity:
    return someone(province)


def event_of(who: Identity, by: User, **how: Any) -> HealthEvent:
    given: dict[str, Any] = {
        "kind": EventKind.CONTACT,
        "occurred_on": TODAY - timedelta(days=2),
        "evidence": CONTACT,
        "at": NOON,
        **how,
    }
    return status.register_event(identity=who, by=by, **given)


def quarantine(who: Identity, by: User, **how: Any) -> tuple[PersonStatus, str]:
    return status.set_status(event=event_of(who, by), rule="contact-14d", by=by, at=NOON, **how)


# ---- misuse: each of these was done somewhere ----


@pytest.mark.parametrize(
    "who",
    [
        "village_reporter",
        "county_officer",
        "department",
        "analyst",
        "commander",
        "auditor",
        "administrator",
    ],
)
def test_no_other_role_sets_a_status_however_high(
    cast: Cast, neighbour: Identity, doctor: User, who: str
) -> None:
    """A headquarters that wants somebody stopped from travelling cannot turn them red."""
    user = getattr(cast, who)
    with pytest.raises(Forbidden):
        event_of(neighbour, user)
    event = event_of(neighbour, doctor)
    with pytest.raises(Forbidden):
        status.set_status(event=event, rule="contact-14d", by=user, at=NOON)
    held, _slip = status.set_status(event=event, rule="contact-14d", by=doctor, at=NOON)
    with pytest.raises(Forbidden):
        status.end_status(status=held, reason="wanted", by=user, at=NOON)


def test_a_health_officer_elsewhere_cannot_reach_the_person(
    province: Province, neighbour: Identity
) -> None:
    other = person("elsewhere", Role.HEALTH_OFFICER, province["100201"], sensitivity=3)
    with pytest.raises(NotFound):
        event_of(neighbour, other)


def test_a_health_officer_without_the_sensitivity_cannot(
    province: Province, neighbour: Identity
) -> None:
    weak = person("weak", Role.HEALTH_OFFICER, province["10"], sensitivity=1)
    with pytest.raises(Forbidden):
        event_of(neighbour, weak)


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize(
    "extra",
    [
        {"hukou": "Wuhan"},
        {"household_registration": "420100"},
        {"registered_residence": "Hubei"},
        {"origin": "Hubei"},
        {"id_prefix": "4201"},
        {"户籍": "湖北"},
        {"native place": "Hubei"},
        {"ethnicity": "x"},
    ],
    ids=lambda e: next(iter(e)),
)
def test_where_somebody_is_registered_is_no_evidence(
    neighbour: Identity, doctor: User, kind: EventKind, extra: dict[str, str]
) -> None:
    evidence = {**dict.fromkeys(EVIDENCE[kind], "x"), **extra}
    with pytest.raises(EventRefused, match="registered or comes from"):
        event_of(neighbour, doctor, kind=kind, evidence=evidence)


def test_nor_hidden_inside_another_answer(neighbour: Identity, doctor: User) -> None:
    evidence = {"place": "户籍在湖北", "from": "2020-02-01"}
    with pytest.raises(EventRefused, match="registered or comes from"):
        event_of(neighbour, doctor, kind=EventKind.EXPOSURE, evidence=evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"case": "QX7"},
        {"case": "QX7", "setting": " "},
        {**CONTACT, "petition": "came to complain"},
    ],
    ids=["none", "half", "blank", "more"],
)
def test_evidence_is_complete_and_nothing_more(
    neighbour: Identity, doctor: User, evidence: dict[str, str]
) -> None:
    with pytest.raises(EventRefused):
        event_of(neighbour, doctor, evidence=evidence)


def test_an_event_does_not_lie_in_the_future(neighbour: Identity, doctor: User) -> None:
    with pytest.raises(EventRefused):
        event_of(neighbour, doctor, occurred_on=TODAY + timedelta(days=1))


@pytest.mark.parametrize("rule", ["case-28d", "exposure-14d", "because-i-say-so", ""])
def test_a_rule_follows_from_its_own_event_only(
    neighbour: Identity, doctor: User, rule: str
) -> None:
    with pytest.raises(StatusRefused):
        status.set_status(event=event_of(neighbour, doctor), rule=rule, by=doctor, at=NOON)


def test_a_status_is_not_renewed_on_the_same_event_for_ever(
    neighbour: Identity, doctor: User
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    status.end_status(status=held, reason="ended, to begin again", by=doctor, at=NOON)
    with pytest.raises(StatusRefused, match="second"):
        status.set_status(event=held.event, rule="contact-14d", by=doctor, at=NOON)


def test_an_old_event_stops_nobody_today(neighbour: Identity, doctor: User) -> None:
    event = event_of(neighbour, doctor, occurred_on=TODAY - timedelta(days=15))
    with pytest.raises(StatusRefused, match="over already"):
        status.set_status(event=event, rule="contact-14d", by=doctor, at=NOON)


def test_a_village_is_not_turned_red_in_one_go(province: Province, doctor: User) -> None:
    for number in range(IN_A_ROW):
        quarantine(someone(province, f"ID-{number:04d}"), doctor)
    with pytest.raises(StatusRefused, match="list"):
        quarantine(someone(province, "ID-9999"), doctor)
    later = NOON + timedelta(minutes=11)
    event = event_of(someone(province, "ID-9999"), doctor, at=later)
    status.set_status(event=event, rule="contact-14d", by=doctor, at=later)


def test_the_database_knows_no_status_without_event_or_end(
    neighbour: Identity, doctor: User
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    for wrong in (
        {"event_id": None},
        {"expires_at": None},
        {"expires_at": held.set_at},
        {"set_by": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PersonStatus.objects.filter(pk=held.pk).update(**wrong)


def test_there_is_no_way_to_set_many() -> None:
    """Every action takes one person; whoever adds one that takes more changes this test."""
    takes = {
        "register_event": {"identity"},
        "set_status": {"event"},
        "end_status": {"status"},
    }
    for name, one in takes.items():
        hints = getattr(status, name).__annotations__
        assert one <= set(hints)
        assert not any(
            "Sequence" in str(h) or "list" in str(h) or "Iterable" in str(h) for h in hints.values()
        )


# ---- what holds ----


@pytest.mark.parametrize("key", STATUS_RULES)
def test_every_rule_has_an_end_and_a_source(key: str) -> None:
    rule = STATUS_RULES[key]
    assert timedelta(0) < rule.longest <= timedelta(days=28)
    assert len(str(rule.source)) > 20


def test_a_status_ends_by_itself_when_its_last_day_is_over(
    neighbour: Identity, doctor: User
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    # Last contact on 22 February: fourteen whole days, to the end of 7 March in the province.
    assert held.expires_at.isoformat() == "2020-03-08T00:00:00+08:00"
    scope = scope_of(doctor, at=NOON)
    assert status.status_of(neighbour, scope=scope, at=NOON) == held
    assert status.status_of(neighbour, scope=scope, at=held.expires_at) is None


def test_every_step_is_audited_without_the_evidence(neighbour: Identity, doctor: User) -> None:
    held, _slip = quarantine(neighbour, doctor)
    status.end_status(status=held, reason="mistaken contact", by=doctor, at=NOON)
    acts = AuditRecord.objects.filter(event__startswith="status.").order_by("pk")
    assert [a.event for a in acts] == ["status.event_registered", "status.set", "status.ended"]
    assert all("QX7" not in str(a.detail) for a in acts)


# ---- the person ----


def test_the_person_sees_the_status_with_the_slip_alone(neighbour: Identity, doctor: User) -> None:
    held, slip = quarantine(neighbour, doctor)
    seen = status.status_by_slip(code=slip.lower(), address="192.0.2.1", at=NOON)
    assert seen == held
    with pytest.raises(CodeRefused):
        status.status_by_slip(code="0000-0000-0000-0000", address="192.0.2.1", at=NOON)


def test_slips_cannot_be_tried_through(neighbour: Identity, doctor: User) -> None:
    _held, slip = quarantine(neighbour, doctor)
    for _attempt in range(5):
        with pytest.raises(CodeRefused):
            status.status_by_slip(code="0000-0000-0000-0000", address="192.0.2.1", at=NOON)
    with pytest.raises(LockedOut):
        status.status_by_slip(code=slip, address="192.0.2.1", at=NOON)
    assert status.status_by_slip(code=slip, address="192.0.2.2", at=NOON)


def test_whoever_set_it_does_not_judge_it(
    neighbour: Identity, doctor: User, second: User, cast: Cast
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    appeal = status.contest(status=held, text="I was not there", at=NOON)
    for judge in (doctor, cast.commander, cast.county_officer, cast.administrator):
        with pytest.raises((AppealRefused, Forbidden)):
            status.rule_on(appeal=appeal, upheld=False, reason="no", by=judge, at=NOON)
    with pytest.raises(AppealRefused):
        status.rule_on(appeal=appeal, upheld=True, reason=" ", by=second, at=NOON)
    ruled = status.rule_on(
        appeal=appeal, upheld=True, reason="the list was wrong", by=second, at=NOON
    )
    assert ruled.upheld
    held.refresh_from_db()
    assert (held.ended_at, held.ended_by) == (NOON, second)
    with pytest.raises(AppealRefused):
        status.rule_on(appeal=appeal, upheld=False, reason="after all", by=second, at=NOON)


def test_who_registered_the_event_does_not_judge_it_either(
    neighbour: Identity, doctor: User, second: User
) -> None:
    event = event_of(neighbour, second)
    held, _slip = status.set_status(event=event, rule="contact-14d", by=doctor, at=NOON)
    appeal = status.contest(status=held, text="I was not there", at=NOON)
    with pytest.raises(AppealRefused):
        status.rule_on(appeal=appeal, upheld=False, reason="it was so", by=second, at=NOON)


def test_a_dismissed_appeal_leaves_the_status(
    neighbour: Identity, doctor: User, second: User
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    appeal = status.contest(status=held, text="I was not there", at=NOON)
    status.rule_on(appeal=appeal, upheld=False, reason="two witnesses", by=second, at=NOON)
    held.refresh_from_db()
    assert held.ended_at is None
    assert status.contest(status=held, text="Ask a third one", at=NOON).pk != appeal.pk


def test_an_objection_is_due_within_24_hours_and_lateness_is_seen(
    neighbour: Identity, doctor: User, second: User
) -> None:
    held, _slip = quarantine(neighbour, doctor)
    appeal = status.contest(status=held, text="I was not there", at=NOON)
    assert appeal.due_at == NOON + timedelta(hours=24)
    with pytest.raises(AppealRefused):
        status.contest(status=held, text="once more", at=NOON)
    late = NOON + timedelta(hours=25)
    scope = scope_of(second, at=late)
    assert status.appeals(scope, at=NOON, overdue=True) == []
    assert status.appeals(scope, at=late, overdue=True) == [appeal]
    status.rule_on(appeal=appeal, upheld=True, reason="sorry", by=second, at=late)
    assert AuditRecord.objects.get(event="status.ruled").detail == {"upheld": True, "late": True}
    assert status.published_record(start=NOON, end=late).late == 1


def test_there_is_nothing_to_object_to_once_it_is_over(neighbour: Identity, doctor: User) -> None:
    held, _slip = quarantine(neighbour, doctor)
    with pytest.raises(AppealRefused):
        status.contest(status=held, text="too late now", at=held.expires_at)
    with pytest.raises(AppealRefused):
        status.contest(status=held, text="no", at=NOON)


def test_the_error_rate_is_published_but_not_of_a_few(
    province: Province, doctor: User, second: User
) -> None:
    for number in range(5):
        held, _slip = quarantine(someone(province, f"ID-{number:04d}"), doctor)
        appeal = status.contest(status=held, text="I was not there", at=NOON)
        record = status.published_record(start=NOON, end=NOON + timedelta(days=1))
        assert record.rate is None
        status.rule_on(appeal=appeal, upheld=number < 2, reason="looked at", by=second, at=NOON)
    record = status.published_record(start=NOON, end=NOON + timedelta(days=1))
    assert (record.set, record.ruled, record.upheld, record.rate) == (5, 5, 2, 0.4)
    assert not Appeal.objects.filter(ruled_at__isnull=True).exists()


def test_out_of_sight_nothing_is_told(
    province: Province, cast: Cast, neighbour: Identity, doctor: User
) -> None:
    quarantine(neighbour, doctor)
    other = scope_of(cast.other_county_officer, at=NOON)
    assert status.status_of(neighbour, scope=other, at=NOON) is None
    assert status.status_of(neighbour, scope=scope_of(cast.commander, at=NOON), at=NOON) is None
