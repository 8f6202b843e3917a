"""Persons entered twice: proposed from sealed identifiers, decided by people, undone; nothing else kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from cast import NOON, Cast, Province
from integration.report.tracing import Outbreak, at, outbreak
from yipan.access import keyring
from yipan.access.errors import Forbidden, IdentityRefused
from yipan.access.identity import Identifiers
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.scope import system_scope
from yipan.report.contacts.actions import name_case
from yipan.report.contacts.errors import PairDecided
from yipan.report.contacts.queries import by_person, follow_up
from yipan.report.duplicates.actions import decide, propose
from yipan.report.duplicates.invented import invent, score
from yipan.report.duplicates.linkage import Entry, compare, entry
from yipan.report.duplicates.models import Decision, Pair
from yipan.report.duplicates.queries import one_person, proposals
from yipan.report.errors import Missing

pytest.importorskip("splink", reason="the extra “linkage” is not installed")
database = pytest.mark.django_db
WHY = "find who stands twice before phoning"


# ---- the comparison ------------------------------------------------------------------------------------


def test_on_invented_persons_it_finds_most_and_proposes_few_others() -> None:
    people = invent(persons=700, share_twice=0.06, seed=7)
    found = {(p.one, p.other) for p in compare(people.entries)}
    told = score(found, people)
    assert told.there > 25
    assert told.precision >= 0.8
    assert told.recall >= 0.8


def test_a_family_at_one_address_with_one_telephone_is_no_double() -> None:
    home = {"phone": "13800001111", "address": "三河村2组12号"}
    family = [
        entry(1, number="411525197001011234", name="王建国", **home),
        entry(2, number="411525197203042345", name="王芳", **home),
        entry(3, number="411525200105063456", name="王小伟", **home),
    ]
    others = [entry(i, number=f"41152519800101{i:04d}", name=f"李{i}", phone=f"1390000{i:04d}",
                    address=f"东村{i}号") for i in range(10, 300)]  # fmt: skip
    assert compare([*family, *others]) == []
    assert compare(family) == []


def test_order_and_names_of_entries_change_nothing() -> None:
    people = invent(persons=120, share_twice=0.2, seed=3).entries
    plain = {(p.one, p.other): round(p.weight, 6) for p in compare(people)}
    turned = {(p.one, p.other): round(p.weight, 6) for p in compare(people[::-1])}
    moved = compare([Entry(e.id + 1000, e.number, e.name, e.phone, e.address) for e in people])
    assert plain == turned
    assert {(p.one - 1000, p.other - 1000) for p in moved} == set(plain)


def test_one_person_alone_has_no_double() -> None:
    assert compare([entry(1, number="411525197001011234", name="王", phone="", address="")]) == []


# ---- inside the boundary -------------------------------------------------------------------------------


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    made = outbreak(drill, province, cast.county_officer)
    made.contact("411525197001011234", name="王建国", phone="13800001111")
    made.contact("411525197001012134", of="A-2", name="王建国", phone="13800001111")  # a slip
    made.contact("", of="A-3", name="王建国", phone="13800001111")  # no document seen
    made.contact("411525198503052222", name="李敏", phone="13900002222")
    made.contact("411525198503052223", of="C-1", name="李敏", phone="13900002222", unit="100201")
    name_case(
        case=made.case("A-2"), scope=system_scope(), at=NOON,
        identifiers=Identifiers("411525198503052222", "李敏", "13900002222"),
    )  # fmt: skip
    return made


@database
def test_only_who_may_see_persons_and_says_why(out: Outbreak) -> None:
    with pytest.raises(Forbidden):
        propose(incident=out.incident, reason=WHY, scope=out.scope(), at=NOON)
    with pytest.raises(IdentityRefused):
        propose(incident=out.incident, reason="x", scope=out.scope(out.doctor), at=NOON)
    assert not Pair.objects.exists()


@database
def test_only_persons_in_sight_are_opened_and_only_ids_and_weights_kept(out: Outbreak) -> None:
    made = propose(incident=out.incident, reason=WHY, scope=out.scope(out.doctor), at=NOON)
    assert len(made) == 4  # three entries of one man, and a contact that is a case; none of Cedar
    assert {p.unit.code for p in made} == {"100101"}
    kept = {f.name for f in Pair._meta.concrete_fields}
    assert kept == {
        "id", "incident", "unit", "one", "other", "weight", "probability", "proposed_at",
        "proposed_by", "expires_at",
    }  # fmt: skip
    logged = AuditRecord.objects.get(event="identity.compared")
    assert logged.detail == {"reason": WHY, "count": 5}
    assert not any(
        s in str(list(m.objects.values()))
        for m in (Pair, AuditRecord)
        for s in ("王建国", "13800001111", "411525197001011234")
    )
    again = propose(incident=out.incident, reason=WHY, scope=out.scope(out.doctor), at=NOON)
    assert again == []


@database
def test_a_decision_joins_persons_and_can_be_undone(out: Outbreak) -> None:
    scope = out.scope(out.doctor)
    propose(incident=out.incident, reason=WHY, scope=scope, at=NOON)
    men = [p.pair for p in proposals(out.incident, scope=scope, known_at=NOON)
           if p.pair.one.purpose == p.pair.other.purpose == "contact"]  # fmt: skip
    assert len(men) == 3
    with pytest.raises(Missing):
        decide(pair=men[0], verdict="same", reason=" ", scope=scope, at=NOON)
    with pytest.raises(Forbidden):
        decide(pair=men[0], verdict="same", reason="looked", scope=out.scope(), at=NOON)
    rows = follow_up(out.incident, scope=scope, known_at=NOON)
    assert len(by_person(rows)) == 4
    for pair in men[:2]:
        decide(pair=pair, verdict="same", reason="same face", scope=scope, at=NOON)
    rows = follow_up(out.incident, scope=scope, known_at=NOON)
    assert sorted(one.also for one in by_person(rows)) == [0, 2]  # one visit a day for all three
    with pytest.raises(PairDecided):
        decide(pair=men[0], verdict="same", reason="again", scope=scope, at=NOON)
    ids = {p.one_id for p in men} | {p.other_id for p in men}
    assert {one_person(out.incident, known_at=NOON)[i] for i in ids} == {min(ids)}
    for pair in men[:2]:
        decide(pair=pair, verdict="open", reason="was in a hurry", scope=scope, at=at(13))
    assert one_person(out.incident, known_at=at(13)) == {}
    assert len(one_person(out.incident, known_at=NOON)) == 3  # what was decided then stays a query
    assert Decision.objects.count() == 4


@database
def test_the_page_from_looking_to_undoing(
    out: Outbreak, as_person: Callable[[User], Client]
) -> None:
    client = as_person(out.doctor)

    def send(status: int = 302, **sent: object) -> str:
        answer = client.post("/report/duplicates/", sent)
        assert answer.status_code == status
        return answer.content.decode()

    send(422, act="look", reason="x")
    send(act="look", reason=WHY)
    pair = Pair.objects.order_by("pk")[0]
    plain = client.get("/report/duplicates/").content.decode()
    assert "王建国" not in plain
    assert "李敏" not in plain
    seen = send(200, act="see", pair=pair.pk, reason="compare the two entries")
    assert "王建国" in seen or "李敏" in seen
    assert AuditRecord.objects.filter(event="identity.revealed").count() == 2
    send(422, act="same", pair=pair.pk, reason="")
    send(act="same", pair=pair.pk, reason="same document, two digits turned")
    send(409, act="same", pair=pair.pk, reason="same document, two digits turned")
    send(act="open", pair=pair.pk, reason="was too quick")
    send(404, act="same", pair=99999, reason="nobody's pair")
