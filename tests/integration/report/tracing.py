"""A small outbreak in Alder: three cases, their contacts, a site and a laboratory; invented persons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cast import NOON, Province, person
from yipan.access.identity import Identifiers
from yipan.access.models import Incident, Role, User
from yipan.access.row_security import every_row
from yipan.access.scope import Scope, scope_of, system_scope
from yipan.report.cases.actions import CaseRow, pseudonym, take_cases
from yipan.report.contacts.actions import add_contact
from yipan.report.contacts.models import Contact
from yipan.report.models import Case
from yipan.report.quarantine.actions import open_site
from yipan.report.quarantine.models import Site

TODAY = date(2020, 2, 24)


def at(hour: float, day: int = 24) -> datetime:
    """A moment of the province's day."""
    return datetime(2020, 2, day, tzinfo=UTC) + timedelta(hours=hour - 8)


def day(n: int) -> date:
    return date(2020, 2, n)


@dataclass
class Outbreak:
    """Who is in it, and who works on it."""

    incident: Incident
    province: Province
    officer: User  # county officer of Alder: reads cases, names nobody
    doctor: User  # health officer of Alder: sees who persons are
    chief: User  # health officer of the city above

    def scope(self, user: User | None = None, moment: datetime = NOON) -> Scope:
        return scope_of(user or self.officer, at=moment)

    def case(self, number: str) -> Case:
        name = pseudonym(self.incident, number)
        with every_row():
            return Case.objects.select_related("unit__package", "incident__package").get(
                pseudonym=name, version=1
            )

    def contact(self, number: str, *, of: str = "A-1", last: int = 20, at_: datetime = NOON,
                unit: str = "100101", name: str = "", phone: str = "",
                scope: Scope | None = None) -> Contact:  # fmt: skip
        return add_contact(
            case=self.case(of),
            identifiers=Identifiers(number, name, phone),
            kind="household",
            last_day=day(last),
            unit=self.province[unit],
            scope=scope or system_scope(),
            at=at_,
        )

    def site(self, places: int = 2, kind: str = "quarantine", code: str = "H1") -> Site:
        return open_site(
            incident=self.incident, unit=self.province["100101"], kind=kind, code=code,
            name_zh="隔离点", name_en="Hotel One", places=places, scope=system_scope(),
            at=at(0, 20),
        )  # fmt: skip


def outbreak(incident: Incident, province: Province, officer: User) -> Outbreak:
    """Take three cases of Alder and one of Cedar into the line list."""
    rows = [
        CaseRow(province["100101"].pk, "A-1", day(12), onset_day=day(8)),
        CaseRow(province["100101"].pk, "A-2", day(17), onset_day=day(13)),
        CaseRow(province["100101"].pk, "A-3", day(21), onset_day=day(12)),
        CaseRow(province["100201"].pk, "C-1", day(20), onset_day=day(15)),
    ]
    take_cases(
        incident=incident, cases=rows, actor=None, source="synthetic", at=at(9, 22),
        unit=province["10"],
    )  # fmt: skip
    return Outbreak(
        incident=incident,
        province=province,
        officer=officer,
        doctor=person("doctor", Role.HEALTH_OFFICER, province["100101"], sensitivity=3),
        chief=person("chief", Role.HEALTH_OFFICER, province["1001"], sensitivity=3),
    )
