"""The second lock on rows about cases and contacts: PostgreSQL shows none out of scope, and every act works under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from cast import NOON, Cast, Province
from integration.report.tracing import Outbreak, at, day, outbreak
from plain_user import as_plain_user, on_postgresql
from yipan.access import keyring, retention
from yipan.access.models import Incident, User
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import Scope, scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.cases import queries as cases
from yipan.report.cases.actions import CaseRow, pseudonym, take_cases
from yipan.report.contacts import actions, queries
from yipan.report.contacts.chains import find_chains
from yipan.report.contacts.models import CasePerson, Contact, Exposure, Link, Visit
from yipan.report.duplicates.models import Decision, Pair
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.laboratory.queries import board, specimens
from yipan.report.models import Case, RegisterEvent
from yipan.report.quarantine.actions import move
from yipan.report.quarantine.models import Stay
from yipan.report.quarantine.queries import occupancy, who_is_inside
from yipan.report.registers.actions import Event, enter, void
from yipan.report.registers.queries import count, kept_by

pytestmark = pytest.mark.django_db
LOCKED = (
    Case, RegisterEvent, CasePerson, Exposure, Contact, Visit, Link, Stay, SpecimenEvent, Pair,
    Decision,
)  # fmt: skip


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


@pytest.fixture
def plain_user(out: Outbreak) -> Iterator[None]:
    """The database's user is no superuser, as on a server it must not be."""
    yield from as_plain_user()


@on_postgresql
@pytest.mark.parametrize("model", LOCKED)
def test_every_table_is_locked_even_for_its_owner(db: None, model: type) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s",
            [model._meta.db_table],  # type: ignore[attr-defined]
        )
        assert cursor.fetchone() == (True, True)


@on_postgresql
def test_every_act_works_under_the_lock_and_shows_no_row_too_many(
    plain_user: None, out: Outbreak, cast: Cast
) -> None:
    mine, theirs = out.scope(), scope_of(cast.other_county_officer, at=NOON)
    doctor = out.scope(out.doctor)
    contact = out.contact("410000000000000001", at_=at(9, 21), scope=mine)
    actions.add_visit(contact=contact, day=day(24), result="well", scope=mine, at=NOON)
    contact = actions.amend(
        row=contact, changes={"last_day": day(21)}, reason="met again", scope=mine, at=NOON
    )
    actions.add_exposure(
        case=out.case("A-1"), kind="market", first_day=day(1), last_day=day(2), scope=mine, at=NOON
    )
    actions.add_link(source=out.case("A-1"), case=out.case("A-2"), scope=mine, at=NOON)
    site, laboratory = out.site(), out.site(kind="laboratory", code="L1")
    move(site=site, who=contact.identity, into=True, scope=mine, at=NOON)
    enter_step(
        laboratory=laboratory, unit=out.province["100101"], number="TUBE-1", step="taken",
        scope=mine, at=NOON, identity=contact.identity,
    )  # fmt: skip
    held, _slip = actions.quarantine(contact=contact, by=out.doctor, at=NOON)

    def known(kind: type) -> int:
        return kind.objects.count()  # type: ignore[attr-defined,no-any-return]

    assert [known(m) for m in LOCKED] == [0] * len(LOCKED)  # whoever forgot the scope sees nothing
    with queries.reading(theirs):
        assert {m.__name__ for m in LOCKED if known(m)} == {"Case"}
        assert known(Case) == 1  # their own
    with queries.reading(mine):
        assert known(Contact) == 2
        assert known(Case) == 3
    (followed,) = queries.follow_up(out.incident, scope=mine, known_at=NOON)
    assert len(followed.visits) == 1
    assert queries.follow_up(out.incident, scope=theirs, known_at=NOON) == []
    assert queries.quarantined([contact.identity_id], scope=doctor, at=NOON)[
        contact.identity_id
    ].pk == held.pk  # fmt: skip
    assert find_chains(out.incident, scope=mine, known_at=NOON).chains == 1
    assert occupancy(out.incident, scope=mine, known_at=NOON, since=at(0))[0].inside == 1
    assert len(who_is_inside(out.incident, scope=mine, known_at=NOON)) == 1
    assert board(out.incident, scope=mine, known_at=NOON)[0].backlog == 1
    assert len(specimens(out.incident, scope=mine, known_at=NOON)) == 1
    assert len(queries.linked_case_clusters(out.incident, known_at=NOON)) == 1
    counted = count(
        out.incident, concept="contact.followed", measure="stock",
        units=[out.province["100101"].pk], ends=[at(13)], known_at=NOON,
    )  # fmt: skip
    assert counted[0, 0] == 1
    moved = actions.hand_over(
        contact=contact, to=out.province["100201"], reason="with the parents", scope=mine, at=NOON
    )
    assert [f.contact.pk for f in queries.follow_up(out.incident, scope=theirs, known_at=NOON)] == [
        moved.pk
    ]
    assert queries.follow_up(out.incident, scope=mine, known_at=NOON) == []  # nor is the old row
    with pytest.raises(NotFound):
        queries.one(Contact, contact.pk, out.incident, scope=mine, known_at=NOON)
    Incident.objects.filter(pk=out.incident.pk).update(clock_at=None, clock_set_at=None)
    with every_row():
        Contact.objects.update(expires_at=NOON.replace(year=2021))
        Case.objects.update(expires_at=NOON.replace(year=2021))
    ended = retention.expire(at=NOON.replace(year=2022))
    assert ended["contacts"] >= 3
    assert ended["cases"] == 4
    assert system_scope().system


@on_postgresql
def test_a_case_that_moved_is_in_one_county_only(
    plain_user: None, out: Outbreak, cast: Cast
) -> None:
    """The lock hides the version at the other county, which is the one that replaced the first."""
    mine, theirs = out.scope(), scope_of(cast.other_county_officer, at=NOON)
    moved = CaseRow(
        out.province["100201"].pk, "A-2", day(17), onset_day=day(13), reason="lives there"
    )
    take_cases(
        incident=out.incident, cases=[moved], actor=None, source="api", at=at(10),
        unit=out.province["1001"],
    )  # fmt: skip

    def listed(scope: Scope, known_at: datetime = NOON) -> set[str]:
        with cases.reading(scope):
            rows = cases.visible(out.incident, scope=scope, known_at=known_at)
            return set(rows.values_list("pseudonym", flat=True))

    names = {n: pseudonym(out.incident, n) for n in ("A-1", "A-2", "A-3", "C-1")}
    assert listed(mine) == {names["A-1"], names["A-3"]}
    assert listed(theirs) == {names["A-2"], names["C-1"]}
    assert listed(mine, at(9)) == {names["A-1"], names["A-2"], names["A-3"]}  # as known before
    assert [
        (c.county.code, c.cases)
        for c in cases.counts_by_unit(out.incident, scope=system_scope(), known_at=NOON)
    ] == [("100101", 2), ("100201", 2)]


@on_postgresql
def test_what_assess_reads_is_whole_under_the_lock(plain_user: None, out: Outbreak) -> None:
    """Counts, arrays and registers name their own scope, wherever their rows are evaluated."""
    units = list(out.province.package.units.filter(level="county").order_by("code"))
    table = cases.case_counts(out.incident, units=units, first=day(12), last=day(24), known_at=NOON)
    assert table.sum() == len(cases.cases(out.incident, known_at=NOON)) == 4
    assert kept_by(out.incident, register="person", known_at=NOON, concept="case.confirmed") == {
        u.pk for u in units if u.code in ("100101", "100201")
    }


@on_postgresql
def test_register_events_are_entered_counted_voided_and_expire_under_the_lock(
    plain_user: None, out: Outbreak, cast: Cast, as_person: Callable[[User], Client]
) -> None:
    village = out.province["100101001"]
    reporter = scope_of(cast.village_reporter, at=NOON)
    enter(
        incident=out.incident, unit=village, actor=cast.village_reporter, source="form", at=NOON,
        client_key="event-1", scope=reporter, events=[Event("person", "arrivals", 1, at(9), "p1")],
    )  # fmt: skip
    assert RegisterEvent.objects.count() == 0
    assert kept_by(out.incident, register="person", known_at=NOON) == {village.pk}

    def counted() -> float:
        return float(
            count(
                out.incident, concept="arrivals", measure="stock", units=[village.pk],
                ends=[at(13)], known_at=NOON,
            )[0, 0]
        )  # fmt: skip

    assert counted() == 1
    assert "arrivals" in as_person(cast.county_officer).get("/report/registers/").content.decode()
    with rows_within(reporter, Action.REPORT_READ):
        event = RegisterEvent.objects.select_related("incident", "unit").get()
    with pytest.raises(NotFound):
        void(event=event, reason="no", actor=None, at=NOON, scope=scope_of(cast.other_county_officer, at=NOON))  # fmt: skip
    void(event=event, reason="another village", actor=None, at=NOON, scope=reporter)
    assert counted() == 0
    with every_row():
        RegisterEvent.objects.update(expires_at=NOON.replace(year=2021))
    Incident.objects.filter(pk=out.incident.pk).update(clock_at=None, clock_set_at=None)
    assert retention.expire(at=NOON.replace(year=2022))["register_events"] == 2


@on_postgresql
def test_every_page_opens_for_a_plain_user_of_the_database(
    plain_user: None, out: Outbreak, as_person: Callable[[User], Client]
) -> None:
    contact = out.contact("410000000000000001", scope=out.scope())
    site, laboratory = out.site(), out.site(kind="laboratory", code="L1")
    move(site=site, who=contact.identity, into=True, scope=out.scope(), at=NOON)
    enter_step(
        laboratory=laboratory, unit=out.province["100101"], number="TUBE-1", step="taken",
        scope=out.scope(), at=NOON, case=out.case("A-1"),
    )  # fmt: skip
    client = as_person(out.doctor)
    short = contact.identity.pseudonym[:8]
    for path in ("follow-up/", f"cases/{contact.case}/", f"contacts/{contact.pk}/", "quarantine/"):
        assert short in client.get(f"/report/{path}").content.decode(), path
    for path in ("chains/", "laboratory/", "registers/", "duplicates/", "cases/", "cases/bring/"):
        assert client.get(f"/report/{path}").status_code == 200, path
    sent = {"act": "quarantine"}
    assert "slip" in client.post(f"/report/contacts/{contact.pk}/", sent).content.decode()
    officer = as_person(out.officer)
    for path in ("report/cases.csv", "api/report/cases/fhir"):
        assert out.case("A-1").pseudonym in officer.get(f"/{path}").content.decode(), path
    page = officer.get("/report/form/?day=2020-02-21").content.decode()
    assert "Counted from the line list: 1" in page
    found = client.get("/api/report/cases").json()
    assert {c["pseudonym"] for c in found} == {out.case(n).pseudonym for n in ("A-1", "A-2", "A-3")}
    visit = {"act": "visit", "visit-day": "2020-02-24", "visit-result": "well"}
    assert client.post(f"/report/contacts/{contact.pk}/", visit).status_code == 302
    assert client.post(f"/report/contacts/{contact.pk}/well/", {"key": "k"}).status_code == 302
