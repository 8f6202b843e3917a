"""What departments read “from a register” equals a direct count of the rows, at any cut-off and moment known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cast import NOON, Cast, Province
from integration.report.tracing import Outbreak, at, day, outbreak
from unit.report.village_forms import element, form
from yipan.access import keyring
from yipan.access.models import Incident
from yipan.access.scope import system_scope
from yipan.report.cases.actions import CaseRow, take_cases
from yipan.report.contacts.actions import add_visit, amend
from yipan.report.contacts.models import Contact, Visit
from yipan.report.forms.tables import department_table
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.models import Case
from yipan.report.quarantine.actions import move
from yipan.report.quarantine.models import Stay
from yipan.report.registers.derived import DERIVED
from yipan.report.registers.queries import count, kept_by
from yipan.report.requests import actions as requests
from yipan.report.requests.actions import Why
from yipan.report.requests.fields import Field, Spec

pytestmark = pytest.mark.django_db
CUT_OFFS = [at(h, d) for d in (11, 14, 19, 21, 22, 23, 24) for h in (0, 8, 12.5, 20)]


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    """A fortnight of Alder, entered day by day with delays, drawn with a seed."""
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    made = outbreak(drill, province, cast.county_officer)
    rng = np.random.default_rng(39)
    site = made.site(places=50)
    laboratory = made.site(places=50, kind="laboratory", code="L1")
    for n in range(14):
        last = int(rng.integers(9, 20))
        told = at(float(rng.integers(6, 22)), last + 1)
        unit = ("100101", "100101001")[n % 2]
        contact = made.contact(f"4100000000000001{n:02d}", last=last, at_=told, unit=unit)
        for on in range(last + 1, 25):
            moment = at(float(rng.integers(8, 20)), on)
            if moment > max(told, NOON) or moment < told or rng.random() < 0.3:
                continue
            late = moment + timedelta(hours=float(rng.integers(0, 30)))
            if late > NOON:
                continue
            ill = rng.random() < 0.2
            add_visit(
                contact=contact, day=day(on), result="symptoms" if ill else "well",
                symptoms=["fever"] if ill else [], occurred_at=moment, at=late,
                scope=system_scope(),
            )  # fmt: skip
        if n % 5 == 0:
            add_visit(
                contact=contact, day=day(23), result="ended", reason="moved away", at=at(9, 23),
                scope=system_scope(),
            )  # fmt: skip
        if n % 3 == 0:
            move(site=site, who=contact.identity, into=True, at=at(15, 21), scope=system_scope())
        if n % 6 == 0:
            move(site=site, who=contact.identity, into=False, at=at(9, 24), scope=system_scope())
        enter_step(
            laboratory=laboratory, unit=province[unit], number=f"TUBE-{n:02d}", step="taken",
            at=at(10, 22), scope=system_scope(), identity=contact.identity,
        )  # fmt: skip
        if n % 2:
            enter_step(
                laboratory=laboratory, unit=province[unit], number=f"TUBE-{n:02d}", step="result",
                result="positive" if n % 4 == 1 else "negative", at=at(18, 23), scope=system_scope(),
            )  # fmt: skip
        if n == 4:
            amend(
                row=contact, changes={"last_day": day(20)}, reason="met again", at=at(8, 23),
                scope=system_scope(),
            )  # fmt: skip
    take_cases(
        incident=drill, actor=None, source="synthetic", at=at(9, 24), unit=province["10"],
        cases=[CaseRow(province["100101"].pk, "A-1", day(12), onset_day=day(8), outcome="cured",
                       outcome_day=day(23), reason="discharged")],
    )  # fmt: skip
    return made


def standing_of(rows, known_at: datetime):  # type: ignore[no-untyped-def]
    """The rows that stand, told apart here by hand and not by the function under test."""
    known = [r for r in rows if r.recorded_at <= known_at]
    gone = {r.replaces_id for r in known if r.replaces_id}
    return [r for r in known if not r.void and r.pk not in gone]


def direct(concept: str, unit: int, until: datetime, known_at: datetime) -> float:
    """Count the stock, or all so far, of a concept row by row in plain Python."""
    noun, what = concept.split(".")
    if noun == "case":
        latest: dict[str, Case] = {}
        for case in Case.objects.filter(recorded_at__lte=known_at).order_by("version"):
            latest[case.pseudonym] = case
        days = {
            "confirmed": lambda c: c.report_day,
            "cured": lambda c: c.outcome_day if c.outcome == "cured" else None,
            "died": lambda c: c.outcome_day if c.outcome == "died" else None,
        }[what]
        told = [days(c) for c in latest.values() if c.unit_id == unit]
        return sum(d is not None and at(0, d.day) < until for d in told)
    if noun == "contact":
        visits = standing_of(Visit.objects.all(), known_at)
        before = {c.pk: c.replaces_id for c in Contact.objects.all()}
        total = 0.0
        for contact in standing_of(Contact.objects.all(), known_at):
            if contact.unit_id != unit:
                continue
            own, older = {contact.pk}, before[contact.pk]
            while older:
                own.add(older)
                older = before[older]
            mine = sorted(
                (v for v in visits if v.contact_id in own), key=lambda v: (v.recorded_at, v.pk)
            )
            end = at(0, contact.last_day.day) + timedelta(days=15)
            ended = [v.occurred_at for v in mine if v.result in ("ended", "became_case")]
            end = min([end, *ended[:1]])
            begun, over = contact.occurred_at < until, end < until
            total += {
                "followed": begun - over,
                "released": over,
                "symptoms": sum(v.result == "symptoms" and v.occurred_at < until for v in mine),
                "became_case": sum(
                    v.result == "became_case" and v.occurred_at < until for v in mine
                ),
            }[what]
        return total
    if noun == "quarantine":
        moves = [s for s in standing_of(Stay.objects.all(), known_at) if s.unit_id == unit]
        came = sum(s.move == "in" and s.occurred_at < until for s in moves)
        left = sum(s.move == "out" and s.occurred_at < until for s in moves)
        return came - left if what == "inside" else left
    steps = [s for s in standing_of(SpecimenEvent.objects.all(), known_at) if s.unit_id == unit]
    chosen = {
        "taken": lambda s: s.step == "taken",
        "result": lambda s: s.step == "result",
        "positive": lambda s: s.result == "positive",
    }[what]
    return sum(chosen(s) and s.occurred_at < until for s in steps)


@pytest.mark.parametrize("concept", DERIVED)
def test_every_concept_equals_a_direct_count_at_any_cut_off(out: Outbreak, concept: str) -> None:
    units = [out.province[code].pk for code in ("100101", "100101001", "100201")]
    seen = set()
    for known_at in (at(8, 22), at(8, 24), NOON):
        stock = count(
            out.incident, concept=concept, measure="stock", units=units, ends=CUT_OFFS,
            known_at=known_at,
        )  # fmt: skip
        told = np.array([[direct(concept, u, end, known_at) for u in units] for end in CUT_OFFS])
        np.testing.assert_array_equal(stock, told)
        seen |= set(stock.ravel())
        flow = count(
            out.incident, concept=concept, measure="flow", units=units, ends=CUT_OFFS,
            known_at=known_at,
        )  # fmt: skip
        if concept not in ("contact.followed", "quarantine.inside"):  # nothing of these ever leaves
            np.testing.assert_array_equal(flow[1:], np.diff(stock, axis=0))
    assert len(seen) > 1 or concept in ("case.died", "contact.became_case", "contact.released")


def test_a_county_without_such_a_register_is_missing_and_not_zero(out: Outbreak) -> None:
    keeps = kept_by(out.incident, register="person", known_at=NOON, concept="contact.followed")
    assert keeps == {out.province["100101"].pk, out.province["100101001"].pk}
    other = kept_by(out.incident, register="person", known_at=NOON)
    assert other == set()  # nobody keeps the general register of persons by having contacts
    asked = count(
        out.incident, concept="contact.followed", measure="stock", units=[1], ends=[NOON],
        known_at=NOON, population="students",
    )  # fmt: skip
    assert np.isnan(asked).all()


def test_a_department_receives_it_from_the_register(out: Outbreak, cast: Cast) -> None:
    """Nobody is asked: each field is met by a register, and its cell equals the direct count."""
    since = at(12, 22)
    told = [
        element("contacts_followed", concept="contact.followed", source="person"),
        element("contacts_released", "flow", concept="contact.released", source="person"),
        element("inside", concept="quarantine.inside", source="person"),
        element("positives", "cum", concept="specimen.positive", source="person"),
    ]
    requests.record_elements(package=out.province.package, definitions=told, at=since, by=None)
    asked = form(
        "CC",
        *(
            Field(
                f"F{n}", e.label_zh, e.label_en,
                Spec(
                    concept=e.concept, population="all", measure=e.measure,
                    time_basis=e.time_basis, unit="", cutoff=cutoff,
                ),
            )
            for n, (e, cutoff) in enumerate(zip(told, ("08:00", "20:00", "12:00", "24:00"), strict=True))
        ),
    )  # fmt: skip
    drafted = requests.draft_request(
        incident=out.incident, unit=out.province["10"], form=asked, why=Why("a", "b", "c"),
        by=cast.department, at=since, scope=system_scope(),
    )  # fmt: skip
    made, _answer = requests.submit_request(
        request=drafted, by=cast.department, at=since, scope=system_scope()
    )
    table = department_table(made, day=day(23), known_at=NOON, scope=system_scope())
    assert [c.outcome.how.value for c in table.columns] == ["register"] * 4
    row = dict(zip([u.code for u in table.units], table.cells, strict=True))
    mine = out.province["100101001"].pk
    assert row["100101001"] == [
        direct("contact.followed", mine, at(8, 23), NOON),
        direct("contact.released", mine, at(20, 23), NOON)
        - direct("contact.released", mine, at(20, 22), NOON),
        None,  # the site is the county's: the village keeps no such register
        direct("specimen.positive", mine, at(24, 23), NOON),
    ]
    assert row["100201001"] == [None] * 4
