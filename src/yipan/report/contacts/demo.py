"""Synthetic contacts, specimens and stays of one county, so that no page is empty in a demonstration.

No real person is in it: names are made of a few syllables, numbers begin with DEMO. The cases are those
of the demonstration's own synthetic line list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np

from yipan.access.identity import Identifiers
from yipan.access.models import Incident
from yipan.access.row_security import every_row
from yipan.access.scope import system_scope
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.cases.queries import current
from yipan.report.contacts import actions
from yipan.report.contacts.actions import head
from yipan.report.contacts.models import Contact, Exposure, Link, Visit
from yipan.report.laboratory.actions import specimen_name
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.models import Case
from yipan.report.quarantine.actions import move, open_site
from yipan.report.quarantine.models import Site, SiteKind

FAMILY: Final = ("赵", "钱", "孙", "李", "周", "吴", "郑", "王")
GIVEN: Final = ("安", "和", "平", "明", "文", "宁", "新", "乐")
KINDS: Final = ("household", "household", "meal", "workplace", "transport", "market")
CASES, CONTACTS_EACH, DOUBLES = 10, 4, 3
SEEN_SHARE, SYMPTOMS_SHARE = 0.86, 0.04


def fill(*, incident: Incident, county: Unit, at: datetime, seed: int) -> int:
    """Fill a county with synthetic contacts and what goes with them; return how many contacts.

    Done once: a county that has contacts is left as it is. Everything carries the synthetic mark.
    """
    with every_row():
        if Contact.objects.filter(incident=incident).exists():
            return 0
    inside = places.subtree(county)
    with every_row():
        cases = list(
            current(incident, known_at=at)
            .filter(unit__in=inside, report_day__lte=at.date())
            .select_related("unit__package", "incident__package")
            .order_by("-report_day", "pseudonym")[: 3 * CASES]
        )
    if not cases:
        return 0
    made = _County(incident, county, at, np.random.default_rng([seed, 39]))
    recent = [c for c in cases if (at.date() - c.report_day).days <= 30][:CASES] or cases[:CASES]
    contacts = made.contacts(recent)
    made.visits(contacts)
    made.exposures(recent)
    made.links(list(reversed(cases)))
    made.stays(contacts)
    made.specimens(recent, contacts)
    return len(contacts)


class _County:
    def __init__(
        self, incident: Incident, county: Unit, at: datetime, rng: np.random.Generator
    ) -> None:
        self.incident, self.county, self.at, self.rng = incident, county, at, rng
        self.clock = places.board_time(incident.package)
        self.today = self.clock.local_day(at)
        below = list(places.subtree(county, itself=False, level=Level.TOWNSHIP)[:6]) or list(
            places.subtree(county, itself=False, level=Level.VILLAGE)[:6]
        )
        self.units = below or [county]
        self.told: dict[int, Identifiers] = {}

    def contacts(self, cases: list[Case]) -> list[Contact]:
        made: list[Contact] = []
        for n, case in enumerate(cases):
            last = min(max(case.report_day, self.today - timedelta(days=12)), self.today)
            for k in range(CONTACTS_EACH):
                number = f"DEMO{n:02d}{k:02d}{int(self.rng.integers(1_000_000_000)):09d}"
                made.append(
                    self._contact(case, number, self._name(), n, last - timedelta(days=k % 2))
                )
        for n in range(min(DOUBLES, len(cases) - 1)):  # the same person entered twice, with a slip
            case = cases[n + 1]
            told = self.told[made[n * CONTACTS_EACH].identity_id]
            slipped = told.number[:-2] + told.number[-1] + told.number[-2]
            who = Identifiers(slipped, told.name, told.phone, "")
            made.append(self._add(case, who, self.units[n % len(self.units)], self.today))
        return made

    def _contact(self, case: Case, number: str, name: str, n: int, last: date) -> Contact:
        phone = f"1990000{int(self.rng.integers(10_000)):04d}"
        where = self.units[int(self.rng.integers(len(self.units)))]
        who = Identifiers(number, name, phone, f"{where.name_zh}{n + 1}组")
        return self._add(case, who, where, last)

    def _add(self, case: Case, who: Identifiers, where: Unit, last: date) -> Contact:
        recorded = min(
            datetime.combine(last + timedelta(days=1), time(9), tzinfo=self.clock.zone), self.at
        )
        made = actions.add_contact(
            case=case,
            identifiers=who,
            kind=KINDS[int(self.rng.integers(len(KINDS)))],
            last_day=last,
            unit=where,
            scope=system_scope(),
            at=recorded,
            synthetic=True,
        )
        self.told[made.identity_id] = who
        return made

    def _name(self) -> str:
        one, two, three = (int(i) for i in self.rng.integers(8, size=3))
        return FAMILY[one] + GIVEN[two] + GIVEN[three]

    def visits(self, contacts: list[Contact]) -> None:
        rows = []
        for contact in contacts:
            day = contact.last_day + timedelta(days=1)
            while day <= self.today:
                moment = datetime.combine(day, time(16), tzinfo=self.clock.zone)
                chance = float(self.rng.random())
                if contact.recorded_at <= moment <= self.at and chance < SEEN_SHARE:
                    ill = chance < SYMPTOMS_SHARE
                    rows.append(
                        Visit(
                            contact=contact,
                            day=day,
                            result="symptoms" if ill else "well",
                            symptoms="|fever|" if ill else "",
                            **self._head(contact.unit, moment, "contact"),
                        )
                    )
                day += timedelta(days=1)
        with every_row():
            Visit.objects.bulk_create(rows)

    def exposures(self, cases: list[Case]) -> None:
        rows = [
            Exposure(
                case=case.pseudonym,
                kind="market" if n % 2 else "transport",
                place=self.units[n % len(self.units)],
                first_day=case.report_day - timedelta(days=6),
                last_day=case.report_day - timedelta(days=3),
                **self._head(case.unit, self.at, "case"),
            )
            for n, case in enumerate(cases[:6])
        ]
        with every_row():
            Exposure.objects.bulk_create(rows)

    def links(self, cases: list[Case]) -> None:
        """Let a case be infected by an earlier one, a few of them by one: as superspreading looks."""
        rows = []
        begun = {c.pseudonym: c.onset_day or c.report_day for c in cases}
        ordered = sorted(cases, key=lambda c: (begun[c.pseudonym], c.pseudonym))
        for n, case in enumerate(ordered):
            days = [(begun[case.pseudonym] - begun[c.pseudonym]).days for c in ordered[:n]]
            near = [c for c, d in zip(ordered, days, strict=False) if 0 <= d <= 9]
            if not near or float(self.rng.random()) > 0.65:
                continue
            source = near[int(min(self.rng.geometric(0.6) - 1, len(near) - 1))]
            rows.append(
                Link(
                    source=source.pseudonym,
                    case=case.pseudonym,
                    certainty=("confirmed", "probable", "possible")[n % 3],
                    kind=KINDS[n % len(KINDS)],
                    **self._head(case.unit, self.at, "case"),
                )
            )
        with every_row():
            Link.objects.bulk_create(rows)

    def stays(self, contacts: list[Contact]) -> None:
        for n, places_ in enumerate((10, 16)):
            site = self._site(
                SiteKind.QUARANTINE, f"Q{n + 1}", "隔离点", "Quarantine site", n, places_
            )
            for contact in contacts[n * 10 : n * 10 + (10 if n == 0 else 5)]:
                move(
                    site=site, who=contact.identity, into=True, scope=system_scope(), at=self.at,
                    occurred_at=max(contact.recorded_at, self.at - timedelta(days=9)),
                    synthetic=True,
                )  # fmt: skip

    def specimens(self, cases: list[Case], contacts: list[Contact]) -> None:
        """Let each case have its positive result, and the contacts be tested in the last week."""
        site = self._site(
            SiteKind.LABORATORY, "L1", "县疾控中心实验室", "County laboratory", None, 24
        )
        rows: list[SpecimenEvent] = []
        for case in cases:
            noon = datetime.combine(case.report_day, time(6), tzinfo=self.clock.zone)
            told = {"case": case.pseudonym}
            rows += self._specimen(site, case.unit, noon, "positive", len(rows), told)
        for contact in [*contacts, *contacts[:25]]:
            taken = self.at - timedelta(hours=float(self.rng.uniform(1, 7 * 24)))
            result = "positive" if self.rng.random() < 0.04 else "negative"
            who = {"identity": contact.identity}
            rows += self._specimen(site, contact.unit, taken, result, len(rows), who)
        with every_row():
            SpecimenEvent.objects.bulk_create(rows)

    def _specimen(
        self,
        site: Site,
        unit: Unit,
        taken: datetime,
        result: str,
        n: int,
        of: Mapping[str, object],
    ) -> list[SpecimenEvent]:
        hours = float(self.rng.gamma(4.0, 3.0))
        name = specimen_name(f"DEMO-SPECIMEN-{n:04d}")
        steps = (("taken", "", 0.0), ("received", "", hours / 3), ("result", result, hours))
        whens = [(step, told, taken + timedelta(hours=after)) for step, told, after in steps]
        return [
            SpecimenEvent(
                specimen=name, laboratory=site, step=step, result=told, **of,
                **self._head(unit, when, "case"),
            )
            for step, told, when in whens
            if when <= self.at
        ]  # fmt: skip

    def _site(self, kind: str, code: str, zh: str, en: str, n: int | None, holds: int) -> Site:
        return open_site(
            incident=self.incident,
            unit=self.county,
            kind=kind,
            code=code,
            name_zh=f"{zh}{n + 1}" if n is not None else zh,
            name_en=f"{en} {n + 1}" if n is not None else en,
            places=holds,
            scope=system_scope(),
            at=self.at,
            occurred_at=self.at - timedelta(days=20),
            synthetic=True,
        )

    def _head(self, unit: Unit, moment: datetime, purpose: str) -> dict[str, object]:
        return head(self.incident, unit, None, moment, moment, purpose, True)
