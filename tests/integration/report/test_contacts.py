"""Contacts and their follow-up: sealed, scoped, never overwritten, and counted exactly at any cut-off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from cast import NOON, Cast, Province, person
from integration.report.tracing import Outbreak, at, day, outbreak
from yipan.access import keyring, retention, status
from yipan.access.errors import Forbidden, StatusRefused
from yipan.access.identity import Identifiers, reveal
from yipan.access.models import AuditRecord, Identity, Incident, Role
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.contacts import actions, queries
from yipan.report.contacts.errors import AlreadyAmended, RegisterRefused, SitePlaces, StepOutOfOrder
from yipan.report.contacts.models import Contact, Visit
from yipan.report.contacts.rules import Standing
from yipan.report.errors import FutureDay, Missing
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.queries import board
from yipan.report.models import Case, RegisterEvent
from yipan.report.quarantine.actions import move, set_places
from yipan.report.quarantine.queries import occupancy, who_is_inside
from yipan.report.registers.actions import Event, enter

pytestmark = pytest.mark.django_db


@pytest.fixture
def out(
    drill: Incident,
    province: Province,
    cast: Cast,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


def follow(out: Outbreak, moment=NOON, scope=None):  # type: ignore[no-untyped-def]
    return queries.follow_up(out.incident, scope=scope or system_scope(), known_at=moment)


# ---- refusals ------------------------------------------------------------------------------------------


def test_who_may_not_read_cases_may_enter_none(out: Outbreak, cast: Cast) -> None:
    for user, refusal in (
        (cast.village_reporter, NotFound),  # the county is out of its sight
        (cast.other_county_officer, NotFound),
        (cast.commander, Forbidden),
        (cast.auditor, Forbidden),
        (cast.stranger, NotFound),
    ):
        with pytest.raises(refusal):
            out.contact("410000000000000001", scope=scope_of(user, at=NOON))
    assert not Contact.objects.exists()
    assert not Identity.objects.exists()


def test_days_that_cannot_be(out: Outbreak) -> None:
    with pytest.raises(FutureDay):
        out.contact("410000000000000001", last=25)
    with pytest.raises(RegisterRefused, match="90 days"):
        actions.add_exposure(
            case=out.case("A-1"), kind="travel", first_day=day(1).replace(year=2019),
            last_day=day(2).replace(year=2019), scope=system_scope(), at=NOON,
        )  # fmt: skip
    with pytest.raises(RegisterRefused, match="after the last day"):
        actions.add_exposure(
            case=out.case("A-1"), kind="travel", first_day=day(9), last_day=day(8),
            scope=system_scope(), at=NOON,
        )  # fmt: skip
    contact = out.contact("410000000000000001", last=20)
    with pytest.raises(FutureDay):
        visit(out, contact, 25)
    with pytest.raises(RegisterRefused, match="last contact"):
        visit(out, contact, 19)


def test_a_person_needs_something_to_be_known_by(out: Outbreak) -> None:
    with pytest.raises(RegisterRefused, match="neither"):
        out.contact("", name="Wang Wei")
    assert out.contact("", name="Wang Wei", phone="13800001111").identity.pseudonym


def visit(out: Outbreak, contact: Contact, on: int, result: str = "well", **more) -> Visit:  # type: ignore[no-untyped-def]
    return actions.add_visit(
        contact=contact,
        day=day(on),
        result=result,
        scope=more.pop("scope", system_scope()),
        at=more.pop("at", NOON),
        **more,
    )


def test_a_result_tells_what_it_needs_and_no_more(out: Outbreak) -> None:
    contact = out.contact("410000000000000001")
    with pytest.raises(Missing):
        visit(out, contact, 24, "symptoms")
    with pytest.raises(RegisterRefused):
        visit(out, contact, 24, "well", symptoms=["fever"])
    with pytest.raises(RegisterRefused):
        visit(out, contact, 24, "symptoms", symptoms=["hukou"])
    with pytest.raises(Missing):
        visit(out, contact, 24, "ended")
    with pytest.raises(NotFound):
        visit(out, contact, 24, "became_case", case="nobody-knows")
    with pytest.raises(RegisterRefused, match="met"):
        visit(out, contact, 24, "became_case", case=contact.case)
    with pytest.raises(RegisterRefused):
        visit(out, contact, 24, "gone")
    assert not Visit.objects.exists()


# ---- sealed, scoped ------------------------------------------------------------------------------------


def test_no_identifier_stands_anywhere_but_sealed(out: Outbreak) -> None:
    out.contact("410105199001011234", name="王伟", phone="13800001111")
    for model in (Contact, Visit, Case, AuditRecord):
        for row in model.objects.values():
            assert not any(s in str(row) for s in ("410105199001011234", "王伟", "13800001111"))
    sealed = Identity.objects.get()
    assert sealed.expires_at == NOON + retention.RETENTION["contact"]
    assert b"13800001111" not in bytes(sealed.sealed)
    with pytest.raises(Forbidden):  # the county officer reads cases and names nobody
        reveal(identity_id=sealed.pk, reason="phone the contact", scope=out.scope(), at=NOON)
    who = reveal(
        identity_id=sealed.pk, reason="phone the contact", scope=out.scope(out.doctor), at=NOON
    )
    assert who.phone == "13800001111"


def test_another_county_sees_nothing_and_counts_nothing(out: Outbreak, cast: Cast) -> None:
    contact = out.contact("410000000000000001")
    theirs = scope_of(cast.other_county_officer, at=NOON)
    assert follow(out, scope=theirs) == []
    with pytest.raises(NotFound):
        queries.one(Contact, contact.pk, out.incident, scope=theirs, known_at=NOON)
    with pytest.raises(NotFound):
        actions.known_case(out.incident, contact.case, scope=theirs, at=NOON)
    assert queries.contacts_not_followed(out.incident, known_at=at(21), scope=theirs) == []


def test_contacts_that_live_elsewhere_are_counted_and_not_shown(out: Outbreak) -> None:
    out.contact("410000000000000001")
    out.contact("410000000000000002", unit="100201")
    file = queries.case_file(out.incident, out.case("A-1"), scope=out.scope(), known_at=NOON)
    assert (len(file.contacts), file.elsewhere) == (1, 1)


# ---- follow-up -----------------------------------------------------------------------------------------


def test_who_is_overdue_and_where(out: Outbreak) -> None:
    late = out.contact("410000000000000001", last=20, at_=at(9, 21))
    seen = out.contact("410000000000000002", last=20, at_=at(9, 21))
    fresh = out.contact("410000000000000003", last=23, at_=at(9, 24), unit="100201")
    for on in (21, 22, 23):
        visit(out, seen, on)
    found = {f.contact.pk: f.progress for f in follow(out)}
    assert (found[late.pk].standing, found[late.pk].late_days) == (Standing.LATE, 3)
    assert found[late.pk].missed == (day(21), day(22), day(23))
    assert found[seen.pk].standing is Standing.DUE
    assert found[fresh.pk].standing is Standing.DUE
    assert next(f.contact.pk for f in follow(out)) == late.pk  # overdue first
    tonight = {f.contact.pk: f.progress for f in follow(out, at(20.5))}
    assert tonight[seen.pk].standing is Standing.LATE  # today's hour is past
    loads = queries.contacts_not_followed(out.incident, known_at=NOON)
    assert [(u.unit.code, u.open, u.late, u.longest_late_days) for u in loads] == [
        ("100101", 2, 1, 3)
    ]


def test_days_over_before_a_contact_was_known_were_never_owed(out: Outbreak) -> None:
    contact = out.contact("410000000000000001", last=12, at_=at(9, 24))
    (one,) = follow(out)
    assert (one.progress.standing, one.progress.missed) == (Standing.DUE, ())
    assert (one.progress.first, one.progress.last) == (day(13), day(26))
    visit(out, contact, 24, "not_found")
    (one,) = follow(out, at(20.5))
    assert one.progress.standing is Standing.LATE  # not found is not seen
    visit(out, contact, 24, at=at(21))
    (one,) = follow(out, at(21))
    assert one.progress.standing is Standing.DONE_TODAY


def test_the_end_of_a_follow_up(out: Outbreak) -> None:
    ill = out.contact("410000000000000001")
    over = out.contact("410000000000000002", last=10, at_=at(9, 11))
    moved = out.contact("410000000000000003")
    visit(out, ill, 24, "symptoms", symptoms=["fever", "cough"])
    assert follow(out)[1].progress.standing is Standing.SYMPTOMS
    visit(out, ill, 24, "became_case", case=out.case("A-3").pseudonym)
    visit(out, moved, 24, "ended", reason="left for another province")
    after = {f.contact.pk: f.progress.standing for f in follow(out, at(0, 25))}
    assert after == {
        ill.pk: Standing.BECAME_CASE, over.pk: Standing.COMPLETED, moved.pk: Standing.ENDED,
    }  # fmt: skip
    assert (out.case("A-1").pseudonym, out.case("A-3").pseudonym, "contact") in queries.links(
        out.incident, known_at=NOON
    )


def test_who_met_two_cases_is_seen_once(out: Outbreak) -> None:
    one = out.contact("410000000000000001", of="A-1", last=20, at_=at(9, 21))
    two = out.contact("410000000000000001", of="A-2", last=22, at_=at(9, 23))
    visit(out, one, 24)
    found = {f.contact.pk: f.progress.standing for f in follow(out)}
    assert found == {one.pk: Standing.DONE_TODAY, two.pk: Standing.DONE_TODAY}
    (person_,) = queries.by_person(follow(out))
    assert person_.also == 1
    visit(out, one, 24, "ended", reason="first contact was a mistake")
    found = {f.contact.pk: f.progress.standing for f in follow(out)}
    assert found[one.pk] is Standing.ENDED
    assert found[two.pk] is Standing.DONE_TODAY  # an end is of one contact alone


def test_a_replayed_visit_changes_nothing(out: Outbreak) -> None:
    contact = out.contact("410000000000000001")
    one = visit(out, contact, 24, client_key="phone-0001")
    assert visit(out, contact, 24, client_key="phone-0001").pk == one.pk
    assert Visit.objects.count() == 1


# ---- amendments ----------------------------------------------------------------------------------------


def test_what_was_known_before_an_amendment_stays_a_query(out: Outbreak) -> None:
    contact = out.contact("410000000000000001", last=20, at_=at(9, 21))
    visit(out, contact, 22, at=at(12, 22))
    amended = actions.amend(
        row=contact, changes={"last_day": day(22)}, reason="met again", scope=out.scope(), at=NOON
    )
    (before,) = follow(out, at(9, 24))
    (after,) = follow(out)
    assert (before.contact.pk, before.progress.last) == (contact.pk, day(20) + timedelta(14))
    assert (after.contact.pk, after.progress.last) == (amended.pk, day(22) + timedelta(14))
    assert len(after.visits) == 1  # its visits stay its own
    with pytest.raises(AlreadyAmended):
        actions.amend(row=contact, changes={}, reason="again", scope=out.scope(), at=NOON)
    with pytest.raises(Missing):
        actions.void(row=amended, reason=" ", scope=out.scope(), at=NOON)
    actions.void(row=amended, reason="another person", scope=out.scope(), at=NOON)
    assert follow(out) == []
    assert len(follow(out, at(9, 24))) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.filter(pk=amended.pk).update(reason="")


def test_named_again_is_one_contact_with_the_later_day(out: Outbreak) -> None:
    first = out.contact("410000000000000001", last=20)
    assert out.contact("410000000000000001", last=18).pk == first.pk
    assert out.contact("４１００-00000000000001", last=22).replaces_id == first.pk
    assert len(follow(out)) == 1


def test_handed_over_to_where_the_person_is(out: Outbreak, cast: Cast) -> None:
    contact = out.contact("410000000000000001", at_=at(9, 21))
    visit(out, contact, 22, at=at(12, 22))
    moved = actions.hand_over(
        contact=contact, to=out.province["100201"], reason="went to the parents",
        scope=out.scope(), at=NOON,
    )  # fmt: skip
    assert follow(out, scope=out.scope()) == []
    (theirs,) = follow(out, scope=scope_of(cast.other_county_officer, at=NOON))
    assert theirs.contact.pk == moved.pk
    assert len(theirs.visits) == 1
    assert Identity.objects.get().unit.code == "100201"


# ---- status --------------------------------------------------------------------------------------------


def test_a_status_only_by_a_health_officer_once_and_with_its_trace(out: Outbreak) -> None:
    contact = out.contact("410000000000000001")
    with pytest.raises(Forbidden):
        actions.quarantine(contact=contact, by=out.officer, at=NOON)
    held, slip = actions.quarantine(contact=contact, by=out.doctor, at=NOON)
    assert held.event.evidence["case"] == contact.case[:8]
    assert held.expires_at == at(0, 24) + timedelta(days=11)  # 14 days from 20 February, whole
    seen = queries.quarantined([contact.identity_id], scope=out.scope(), at=NOON)
    assert seen[contact.identity_id].pk == held.pk
    mine = status.status_by_slip(code=slip, address="192.0.2.1", at=NOON)
    appeal = status.contest(status=mine, text="I was not there", at=NOON)
    status.rule_on(appeal=appeal, upheld=True, reason="right", by=out.chief, at=NOON)
    assert queries.quarantined([contact.identity_id], scope=out.scope(), at=NOON) == {}
    with pytest.raises(StatusRefused):
        status.set_status(event=held.event, rule="contact-14d", by=out.doctor, at=NOON)


# ---- places, clusters ----------------------------------------------------------------------------------


def test_places_not_screened(out: Outbreak) -> None:
    market = out.province["100101001"]
    actions.add_exposure(
        case=out.case("A-1"), kind="market", first_day=day(14), last_day=day(16), place=market,
        setting="vegetable market", scope=out.scope(), at=NOON,
    )  # fmt: skip
    (waiting,) = queries.places_not_screened(out.incident, known_at=NOON)
    assert (waiting.place.pk, waiting.cases, waiting.days) == (market.pk, 1, 8)
    enter(
        incident=out.incident, unit=market, actor=None, source="form", at=NOON,
        events=[Event("place", "screened", 1, at(10, 24), market.code)],
        client_key="screen-0001", scope=system_scope(),
    )  # fmt: skip
    assert queries.places_not_screened(out.incident, known_at=NOON) == []
    assert len(queries.places_not_screened(out.incident, known_at=at(9, 24))) == 0


def test_clusters_of_linked_cases(out: Outbreak) -> None:
    assert queries.linked_case_clusters(out.incident, known_at=NOON) == []
    out.contact("410000000000000009", of="A-1")
    out.contact("410000000000000009", of="C-1", unit="100201")  # one person met both
    (cluster,) = queries.linked_case_clusters(out.incident, known_at=NOON)
    assert (cluster.unit.code, len(cluster.cases), cluster.recent) == ("10", 2, 2)
    actions.add_link(source=out.case("A-1"), case=out.case("A-2"), scope=system_scope(), at=NOON)
    (cluster,) = queries.linked_case_clusters(out.incident, known_at=NOON)
    assert (len(cluster.cases), cluster.counties) == (3, ("100101", "100201"))


def test_no_case_infects_itself_through_others(out: Outbreak) -> None:
    for source, case in (("A-1", "A-2"), ("A-2", "A-3")):
        actions.add_link(
            source=out.case(source), case=out.case(case), scope=system_scope(), at=NOON
        )
    with pytest.raises(RegisterRefused):
        actions.add_link(
            source=out.case("A-3"), case=out.case("A-1"), scope=system_scope(), at=NOON
        )


# ---- quarantine ----------------------------------------------------------------------------------------


def test_a_site_holds_no_more_than_its_places(out: Outbreak) -> None:
    site, other = out.site(places=2), out.site(places=5, code="H2")
    persons = [out.contact(f"41000000000000000{n}").identity for n in range(1, 4)]
    for who in persons[:2]:
        move(site=site, who=who, into=True, scope=system_scope(), at=NOON)
    with pytest.raises(SitePlaces, match="2 places"):
        move(site=site, who=persons[2], into=True, scope=system_scope(), at=NOON)
    with pytest.raises(SitePlaces, match="already"):
        move(site=other, who=persons[0], into=True, scope=system_scope(), at=NOON)
    with pytest.raises(SitePlaces, match="not here"):
        move(site=other, who=persons[0], into=False, scope=system_scope(), at=NOON)
    set_places(site=site, places=3, reason="floor 2", scope=system_scope(), at=NOON)
    move(site=site, who=persons[2], into=True, scope=system_scope(), at=NOON)
    move(site=site, who=persons[0], into=False, scope=system_scope(), at=NOON)
    shown = occupancy(out.incident, scope=out.scope(), known_at=NOON, since=at(0))
    assert [(o.site.code, o.places, o.inside, o.came_today, o.left_today) for o in shown] == [
        ("H1", 3, 2, 3, 1), ("H2", 5, 0, 0, 0),
    ]  # fmt: skip
    inside = who_is_inside(out.incident, scope=out.scope(), known_at=NOON)
    assert {i.identity.pk for i in inside} == {persons[1].pk, persons[2].pk}
    before = occupancy(out.incident, scope=out.scope(), known_at=at(11), since=at(0))
    assert before[0].places == 2
    assert before[0].inside == 0


# ---- laboratory ----------------------------------------------------------------------------------------


def test_the_laboratory_counts_what_waits_and_how_long(out: Outbreak) -> None:
    laboratory = out.site(places=2, kind="laboratory", code="L1")

    def step(number: str, name: str, moment, result: str = "") -> None:  # type: ignore[no-untyped-def]
        enter_step(
            laboratory=laboratory, unit=out.province["100101"], number=number, step=name,
            result=result, occurred_at=moment, scope=system_scope(), at=NOON, case=out.case("A-1"),
        )  # fmt: skip

    for n in range(6):
        step(f"TUBE-{n}", "taken", at(8, 23))
    with pytest.raises(StepOutOfOrder):
        step("TUBE-9", "result", at(9), "negative")  # nobody took it
    for n, hours in enumerate((4, 8, 12, 16, 20)):
        step(
            f"TUBE-{n}",
            "result",
            at(8, 23) + timedelta(hours=hours),
            "positive" if n == 0 else "negative",
        )
    with pytest.raises(StepOutOfOrder):
        step("TUBE-0", "result", at(9), "negative")  # amended, not repeated
    with pytest.raises(StepOutOfOrder):
        step("tube 5", "received", at(7, 23))  # before it was taken
    (one,) = board(out.incident, scope=out.scope(), known_at=NOON)
    assert (one.results, one.positive, one.backlog, one.per_day) == (5, 1, 1, 2)
    assert (one.median_hours, one.positivity) == (12, 0.2)
    assert one.p90_hours == pytest.approx(18.4)
    assert one.oldest_hours == pytest.approx(28)
    (then,) = board(out.incident, scope=out.scope(), known_at=at(11))
    assert then.results == 0  # recorded at noon: not known an hour before


# ---- expiry --------------------------------------------------------------------------------------------


def test_rows_end_by_themselves_and_by_their_own_clock(out: Outbreak, incident: Incident) -> None:
    contact = out.contact("410000000000000001")
    visit(out, contact, 24)
    Incident.objects.filter(pk=out.incident.pk).update(clock_set_at=None)
    ten_years = NOON + timedelta(days=3650)
    assert retention.expire(at=ten_years)["contacts"] == 0  # the drill's clock stands
    Incident.objects.filter(pk=out.incident.pk).update(clock_at=None, clock_set_at=None)
    assert retention.expire(at=NOON + timedelta(days=59))["contacts"] == 0
    assert retention.expire(at=NOON + timedelta(days=60))["contacts"] == 2
    assert not Contact.objects.exists()


def test_cases_end_and_register_events_forget_whom_but_not_how_many(out: Outbreak) -> None:
    Incident.objects.filter(pk=out.incident.pk).update(clock_at=None, clock_set_at=None)
    enter(
        incident=out.incident, unit=out.province["100101"], actor=None, source="form", at=NOON,
        events=[Event("person", "arrivals", 1, at(9), "410105199001011234")],
        client_key="reg-end-01", scope=system_scope(),
    )  # fmt: skip
    ended = retention.expire(at=NOON + timedelta(days=3 * 365 - 3))
    assert (ended["cases"], ended["register_events"]) == (0, 0)
    ended = retention.expire(at=NOON + timedelta(days=3 * 365))
    assert (ended["cases"], ended["register_events"]) == (4, 1)
    assert not Case.objects.exists()
    assert list(RegisterEvent.objects.values_list("subject", "change")) == [("", 1)]


def test_a_township_officer_follows_its_own(out: Outbreak) -> None:
    village = out.province["100101001"]
    walker = person("walker", Role.COUNTY_OFFICER, village, sensitivity=2)
    mine = out.contact("410000000000000001", unit="100101001")
    out.contact("410000000000000002", unit="100101002")
    scope = scope_of(walker, at=NOON)
    (one,) = follow(out, scope=scope)
    assert one.contact.pk == mine.pk
    visit(out, mine, 24, scope=scope)
    assert follow(out, scope=scope)[0].progress.standing is Standing.DONE_TODAY


def test_a_name_sealed_for_a_case_is_no_other_persons(out: Outbreak) -> None:
    case = out.case("A-1")
    one = actions.name_case(
        case=case, identifiers=Identifiers("410105199001011234", "王伟"), scope=system_scope(),
        at=NOON,
    )  # fmt: skip
    again = actions.name_case(
        case=case, identifiers=Identifiers("410105199001011234", "王伟"), scope=system_scope(),
        at=NOON,
    )  # fmt: skip
    assert one.pk == again.pk
    contact = out.contact("410105199001011234", of="A-2")
    assert contact.identity.pseudonym != one.identity.pseudonym  # another purpose, another name
