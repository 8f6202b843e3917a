"""The second lock: with every query's own scope forgotten, PostgreSQL still shows no row too many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from cast import NOON, Cast, Province, person
from plain_user import as_plain_user, on_postgresql
from yipan.access import keyring, status
from yipan.access.identity import Identifiers, enrol, reveal
from yipan.access.models import EventKind, Identity, Role
from yipan.access.row_security import TABLES, every_row, protect, rows_within, unprotect
from yipan.access.rules import Action
from yipan.access.scope import scope_of, system_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person in each village."""
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    for unit in province.units.values():
        if unit.level == "village":
            enrol(
                identifiers=Identifiers(f"ID-{unit.code}"),
                purpose="case",
                unit=unit,
                action=Action.STATUS_SET,
                scope=system_scope(),
                at=NOON,
            )


@pytest.fixture
def plain_user(known: None) -> Iterator[None]:
    """The database's user is no superuser, as on a server it must not be: those pass every lock."""
    yield from as_plain_user()


def villages() -> set[str]:
    """Whoever forgot the scope altogether."""
    return set(Identity.objects.values_list("unit__code", flat=True))


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="what PostgreSQL does is tested below")
def test_on_sqlite_the_lock_does_nothing_and_harms_nothing(known: None) -> None:
    protect(connection, "access_identity")
    unprotect(connection, "access_identity")
    with rows_within(system_scope(), Action.CASE_READ), every_row():
        assert len(villages()) == 5


@on_postgresql
def test_without_a_scope_nothing_is_shown(plain_user: None) -> None:
    assert villages() == set()
    assert Identity.objects.count() == 0


@on_postgresql
def test_a_forgotten_scope_shows_no_row_too_many(
    plain_user: None, cast: Cast, province: Province
) -> None:
    tracer = person("tracer", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)
    with rows_within(scope_of(tracer, at=NOON), Action.IDENTITY_REVEAL, sensitivity=3):
        assert villages() == {"100101001", "100101002"}
        assert Identity.objects.count() == 2
    assert villages() == set()


@on_postgresql
def test_a_right_that_is_not_held_opens_nothing(plain_user: None, cast: Cast) -> None:
    with rows_within(scope_of(cast.commander, at=NOON), Action.IDENTITY_REVEAL):
        assert villages() == set()


@on_postgresql
def test_jobs_see_every_row_and_only_inside(plain_user: None) -> None:
    with every_row():
        assert len(villages()) == 5
    assert villages() == set()


@on_postgresql
def test_scopes_nest_and_survive_what_fails_inside(plain_user: None, cast: Cast) -> None:
    county = scope_of(cast.county_officer, at=NOON)
    with rows_within(county, Action.CASE_READ, sensitivity=2):
        inner = villages()
        with every_row():
            assert len(villages()) == 5
        assert villages() == inner
        with pytest.raises(DatabaseError), transaction.atomic(), every_row():
            Identity.objects.create(pk="not a number")
        assert villages() == inner == {"100101001", "100101002"}


@on_postgresql
def test_no_row_is_written_outside_the_scope_either(
    plain_user: None, cast: Cast, province: Province
) -> None:
    with every_row():
        mine = Identity.objects.get(unit=province["100101001"])
    county = scope_of(cast.county_officer, at=NOON)
    with rows_within(county, Action.CASE_READ, sensitivity=2):
        with pytest.raises(DatabaseError), transaction.atomic():
            Identity.objects.filter(pk=mine.pk).update(unit=province["100201001"])
        assert (
            Identity.objects.exclude(pk=mine.pk)
            .filter(unit=province["100201001"])
            .update(key_id="x")
            == 0
        )


@on_postgresql
@pytest.mark.parametrize("table", TABLES)
def test_every_table_about_persons_is_locked_even_for_its_owner(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [table]
        )
        assert cursor.fetchone() == (True, True)


@on_postgresql
def test_the_whole_way_of_a_status_needs_no_superuser(plain_user: None, province: Province) -> None:
    """Every act opens the lock for itself, no wider than its own scope."""
    doctor = person("doctor", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)
    second = person("second", Role.HEALTH_OFFICER, province["1001"], sensitivity=3)
    who = enrol(
        identifiers=Identifiers("ID-one"),
        purpose="contact",
        unit=province["100101001"],
        action=Action.STATUS_SET,
        scope=scope_of(doctor, at=NOON),
        at=NOON,
    )
    event = status.register_event(
        identity=who,
        kind=EventKind.CONTACT,
        occurred_on=NOON.date(),
        evidence={"case": "QX7", "setting": "household"},
        by=doctor,
        at=NOON,
    )
    held, slip = status.set_status(event=event, rule="contact-14d", by=doctor, at=NOON)
    seen = status.status_by_slip(code=slip, address="192.0.2.1", at=NOON)
    appeal = status.contest(status=seen, text="I was elsewhere", at=NOON)
    assert status.appeals(scope_of(second, at=NOON), at=NOON) == [appeal]
    status.rule_on(appeal=appeal, upheld=True, reason="right", by=second, at=NOON)
    assert status.status_of(who, scope=scope_of(doctor, at=NOON), at=NOON) is None
    tracer = scope_of(doctor, at=NOON)
    assert reveal(identity_id=who.pk, reason="tell the person", scope=tracer, at=NOON).number
    assert status.published_record(start=NOON, end=NOON + timedelta(days=1)).upheld == 1
    assert held.pk == seen.pk
    assert villages() == set()
