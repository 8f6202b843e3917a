"""Another system's cases, contacts, links and follow-ups taken in: every row checked as at the door."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.identity import Identifiers
from yipan.access.models import Incident, User
from yipan.access.row_security import every_row
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.kernel.errors import YipanError
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.cases.actions import CaseRow, differs, known_cases, pseudonym, take_cases
from yipan.report.cases.fhir import ImportedResult, read_bundle
from yipan.report.cases.queries import visible
from yipan.report.cases.rules import read_case
from yipan.report.contacts import actions
from yipan.report.contacts.errors import NotOneFile, RegisterRefused
from yipan.report.contacts.models import Contact, Link, PersonRow, Visit
from yipan.report.contacts.queries import reading, seen, standing
from yipan.report.contacts.rules import UNSPECIFIED
from yipan.report.laboratory.actions import enter_step, specimen_name
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.linelists import godata, sormas, tagged
from yipan.report.linelists.plain import (
    CONFIRMED,
    PROBABLE,
    Fault,
    ImportedCase,
    ImportedContact,
    ImportedLink,
    ImportedVisit,
    Options,
    Record,
    records_of,
)
from yipan.report.models import Case, Source
from yipan.report.quarantine.models import Site, SiteKind

SYSTEMS = ("godata", "sormas", "linelist", "fhir")


@dataclass(frozen=True)
class Files:
    """The files of one export by what they hold, (name, content) each, and how they are to be read."""

    system: str
    held: Mapping[str, tuple[str, bytes]]  # cases, contacts, relationships, follow_ups, persons
    places: Mapping[str, str] | None = None
    date_format: str = ""
    probable: bool = False


@dataclass
class Brought:
    """What was taken, what was not and why, and what was left out as asked."""

    cases: int = 0
    contacts: int = 0
    links: int = 0
    visits: int = 0
    results: int = 0
    faults: list[Fault] = field(default_factory=list)
    omitted: Counter[str] = field(default_factory=Counter)

    @property
    def left_out(self) -> list[tuple[str, int]]:
        """What was left out, and how many."""
        return sorted(self.omitted.items())


@dataclass
class _Told:
    cases: list[ImportedCase] = field(default_factory=list)
    contacts: list[ImportedContact] = field(default_factory=list)
    links: list[ImportedLink] = field(default_factory=list)
    visits: list[ImportedVisit] = field(default_factory=list)
    results: list[ImportedResult] = field(default_factory=list)


def bring(
    *, incident: Incident, files: Files, scope: Scope, actor: User | None, at: datetime
) -> Brought:
    """Take another system's files in; what is wrong is named by file, row and field, the rest is taken.

    The same files again add nothing. Names, telephones and documents are sealed at once. Raises
    NotOneFile (R164), ListMalformed (R167) and NotATable (R115) for a file that is not what it was
    said to be, and what `Scope.check` raises for somebody who may enter no cases.
    """
    scope.check(Action.CASE_READ, sensitivity=CASE)
    if files.system not in SYSTEMS:
        raise NotOneFile(name=files.system[:40], why=_("this system is not known"))
    if not files.held:
        raise NotOneFile(name=_("Files"), why=_("none was sent"))
    done = Brought()
    told = _read(files, done)
    with transaction.atomic():
        taking = _Taking(incident, files, scope, actor, at, done)
        taking.cases(told.cases)
        taking.contacts(told.contacts)
        taking.links(told.links)
        taking.visits(told.visits)
        taking.results(told.results)
        audit.record(
            event="cases.imported",
            at=at,
            actor=actor,
            object_type="line_list",
            object_id=files.system,
            unit=scope.home,
            incident=incident,
            detail={
                "cases": done.cases, "contacts": done.contacts, "links": done.links,
                "visits": done.visits, "refused": len(done.faults),
            },
        )  # fmt: skip
    return done


# ---- reading -------------------------------------------------------------------------------------------


def _read(files: Files, done: Brought) -> _Told:
    if files.system == "fhir":
        return _read_fhir(files, done)

    def rows(kind: str) -> Sequence[Record]:
        held = files.held.get(kind)
        return records_of(held[1], name=held[0]) if held is not None else ()

    def options(kind: str) -> Options:
        name = files.held[kind][0] if kind in files.held else ""
        return Options(
            date_format=files.date_format,
            places=files.places,
            relationships=rows("relationships"),
            persons=rows("persons"),
            faults=done.faults,
            file=name,
        )

    told = _Told()
    reader = {"godata": godata.read, "sormas": sormas.read, "linelist": tagged.read}[files.system]
    if "cases" in files.held:
        told.cases = reader(rows("cases"), options("cases"))
    if "contacts" in files.held and files.system in ("godata", "sormas"):
        read = godata.read_contacts if files.system == "godata" else sormas.read_contacts
        told.contacts = read(rows("contacts"), options("contacts"))
    if "relationships" in files.held and files.system == "godata":
        told.links = godata.read_links(rows("relationships"), options("relationships"))
    if "follow_ups" in files.held and files.system == "godata":
        told.visits = godata.read_follow_ups(rows("follow_ups"), options("follow_ups"))
    if files.system == "linelist":
        told.links = [
            ImportedLink(c.infector, c.number, "probable", "other", c.row)
            for c in told.cases
            if c.infector
        ]
    return told


def _read_fhir(files: Files, done: Brought) -> _Told:
    name, content = next(iter(files.held.values()))
    try:
        body = json.loads(content.decode("utf-8-sig"))
    except (ValueError, UnicodeDecodeError, RecursionError) as fault:
        raise NotOneFile(name=name, why=_("it is not JSON in UTF-8")) from fault
    if not isinstance(body, dict):
        raise NotOneFile(name=name, why=_("it is no bundle"))
    read = read_bundle(body, file=name)
    done.faults += read.faults
    return _Told(cases=read.cases, results=read.results)


# ---- taking --------------------------------------------------------------------------------------------


class _Taking:
    """One import under way: numbers of the other system to what they are called here."""

    def __init__(
        self,
        incident: Incident,
        files: Files,
        scope: Scope,
        actor: User | None,
        at: datetime,
        done: Brought,
    ) -> None:
        self.incident, self.files, self.scope, self.actor = incident, files, scope, actor
        self.at, self.done = at, done
        package = incident.package
        self.by_code = {u.code: u for u in places.units(package)}
        self.by_name: dict[str, Unit | None] = {}
        for unit in self.by_code.values():
            for name in (unit.name_zh, unit.name_en.casefold()):
                self.by_name[name] = None if name in self.by_name else unit
        self.named: dict[str, str] = {}  # number there → number by which a case is taken here
        self.persons: dict[str, list[int]] = {}  # contact's number there → contacts here

    def refuse(self, kind: str, row: int, field_: str, fault: YipanError) -> None:
        name = self.files.held.get(kind, ("", b""))[0] or kind
        self.done.faults.append(Fault(name, row, field_, fault.message, fault.remedy))

    def unit(self, text: str) -> Unit:
        """Return the unit that a code or a name names. Raises RegisterRefused (R160)."""
        found = (
            self.by_code.get(text) or self.by_name.get(text) or self.by_name.get(text.casefold())
        )
        if found is None:
            why = _("“%s” is no unit of this province") % text[:60] if text else _("it is missing")
            raise RegisterRefused(label=_("Place"), why=why)
        return found

    # cases

    def cases(self, told: Sequence[ImportedCase]) -> None:
        wanted = (CONFIRMED, PROBABLE) if self.files.probable else (CONFIRMED,)
        clock = places.board_time(self.incident.package)
        today, first = clock.local_day(self.at), clock.local_day(self.incident.activated_at)
        rows: list[tuple[ImportedCase, CaseRow]] = []
        for one in told:
            if one.classification not in wanted:
                self.done.omitted[_("cases classified %s") % one.classification] += 1
                continue
            try:
                unit = self.unit(one.unit)
                actions.writing(self.scope, unit)
                row = read_case(_cells(one), unit=unit.pk, today=today, first=min(first, today))
            except YipanError as fault:
                self.refuse("cases", one.row, _field(fault), fault)
                continue
            for number in (one.number, *(n for n in one.also if n)):
                self.named[number] = one.number
            rows.append((one, row))
        if not rows:
            return
        names = [pseudonym(self.incident, row.number) for _one, row in rows]
        known = known_cases(self.incident, names)
        why = _("brought in again from %s") % self.files.system
        kept = [
            row._replace(reason=why)
            if name in known and differs(known[name], row) and not row.reason
            else row
            for name, (_one, row) in zip(names, rows, strict=True)
        ]
        self.done.cases = sum(
            name not in known or differs(known[name], row)
            for name, row in zip(names, kept, strict=True)
        )
        take_cases(
            incident=self.incident,
            cases=kept,
            actor=self.actor,
            source=Source.FILE,
            at=self.at,
            unit=self.scope.home or places.province(self.incident.package),
        )
        for one, _row in rows:
            if one.document or (one.name and one.phone):
                self._attempt("cases", one.row, partial(self._name, one))

    def _name(self, one: ImportedCase) -> None:
        actions.name_case(
            case=self._case(one.number),
            identifiers=Identifiers(one.document, one.name, one.phone, one.address),
            scope=self.scope,
            at=self.at,
        )

    def _case(self, number: str) -> Case:
        """Return the case that a number of the other system names. Raises RegisterRefused (R160)."""
        name = pseudonym(self.incident, self.named.get(number, number))
        with reading(self.scope):
            found = (
                visible(self.incident, scope=self.scope, known_at=self.at)
                .select_related("unit__package", "incident__package")
                .filter(pseudonym=name)
                .first()
            )
        if found is None:
            raise RegisterRefused(
                label=_("Case"), why=_("“%s” is not among the cases") % number[:60]
            )
        return found

    # contacts

    def contacts(self, told: Sequence[ImportedContact]) -> None:
        before = set(self._standing())
        for one in told:
            self._attempt("contacts", one.row, partial(self._contact, one))
        self.done.contacts = len(set(self._standing()) - before)

    def _standing(self) -> list[int]:
        with reading(self.scope):
            rows = seen(Contact, self.incident, scope=self.scope, known_at=self.at)
            return list(rows.values_list("pk", flat=True))

    def _contact(self, one: ImportedContact) -> None:
        case = self._case(one.source)
        if one.last_day is None:
            raise RegisterRefused(label=_("Last contact"), why=_("it is missing"))
        number = one.document or f"{self.files.system} {one.number}"
        made = actions.add_contact(
            case=case,
            identifiers=Identifiers(number, one.name, one.phone, one.address),
            kind=one.kind,
            last_day=one.last_day,
            unit=self.unit(one.unit) if one.unit else case.unit,
            scope=self.scope,
            at=self.at,
        )
        for name in (one.number, *one.also):
            self.persons.setdefault(name, []).append(made.pk)
        if one.became:
            actions.add_visit(
                contact=made,
                day=places.board_time(self.incident.package).local_day(self.at),
                result="became_case",
                case=self._case(one.became).pseudonym,
                scope=self.scope,
                at=self.at,
                client_key=self._key("became", one.number, one.became),
            )

    # links and follow-ups

    def links(self, told: Sequence[ImportedLink]) -> None:
        for one in told:
            try:
                source, case = self._case(one.source), self._case(one.case)
            except RegisterRefused:
                self.done.omitted[_("relationships with somebody who is no case here")] += 1
                continue
            if self._attempt("relationships", one.row, partial(self._link, one, source, case)):
                self.done.links += 1

    def _link(self, one: ImportedLink, source: Case, case: Case) -> bool:
        key = self._key("link", source.pseudonym, case.pseudonym)
        if _is_there(Link, key):
            return False
        actions.add_link(
            source=source,
            case=case,
            certainty=one.certainty,
            kind=one.kind,
            scope=self.scope,
            at=self.at,
            client_key=key,
        )
        return True

    def visits(self, told: Sequence[ImportedVisit]) -> None:
        for one in told:
            if self._attempt("follow_ups", one.row, partial(self._visit, one)):
                self.done.visits += 1

    def _visit(self, one: ImportedVisit) -> bool:
        held = self.persons.get(one.contact)
        if not held:
            raise RegisterRefused(
                label=_("Contact"), why=_("“%s” is not among the contacts") % one.contact[:60]
            )
        if one.day is None:
            raise RegisterRefused(label=_("Day"), why=_("it is missing"))
        added = False
        for pk in sorted(set(held)):
            key = self._key("visit", str(pk), one.day.isoformat(), one.result)
            if _is_there(Visit, key):
                continue
            added = True
            with reading(self.scope):
                contact = Contact.objects.select_related(
                    "unit__package", "incident__package", "identity"
                ).get(pk=pk)
            actions.add_visit(
                contact=contact,
                day=one.day,
                result=one.result,
                # The other system says that there were symptoms, not which.
                symptoms=[UNSPECIFIED] if one.result == "symptoms" else [],
                scope=self.scope,
                at=self.at,
                client_key=key,
            )
        return added

    # results

    def results(self, told: Sequence[ImportedResult]) -> None:
        laboratories = {
            s.code: s
            for s in Site.objects.filter(
                incident=self.incident, kind=SiteKind.LABORATORY
            ).select_related("unit", "incident__package")
        }
        for one in told:
            site = laboratories.get(one.laboratory)
            if site is None:
                self.done.omitted[_("results of a laboratory that is not entered here")] += 1
                continue
            if self._attempt("cases", one.row, partial(self._result, one, site)):
                self.done.results += 1

    def _result(self, one: ImportedResult, site: Site) -> bool:
        case = self._case(one.case)
        name = specimen_name(one.specimen)
        with every_row():
            known = standing(SpecimenEvent, self.incident, known_at=self.at)
            if known.filter(specimen=name, step="result").exists():
                return False
        steps = (("taken", "", one.taken_at), ("result", one.result, one.resulted_at))
        for step, result, when in steps:
            enter_step(
                laboratory=site,
                unit=case.unit,
                number=one.specimen,
                step=step,
                result=result,
                occurred_at=when,
                case=case,
                scope=self.scope,
                at=self.at,
                client_key=self._key("step", one.specimen, step),
            )
        return True

    def _attempt(self, kind: str, row: int, doing: Callable[[], Any]) -> bool:
        """Do one row's act; return whether it added something. A refusal is noted with its row."""
        try:
            return doing() is not False
        except YipanError as fault:
            self.refuse(kind, row, _field(fault), fault)
            return False

    def _key(self, *parts: str) -> str:
        told = "\n".join((str(self.incident.pk), self.files.system, *parts))
        return f"bring:{hashlib.sha256(told.encode()).hexdigest()[:56]}"


def _is_there(kind: type[PersonRow], key: str) -> bool:
    with every_row():
        return kind._default_manager.filter(client_key=key).exists()


def _cells(one: ImportedCase) -> dict[str, Any]:
    return {
        "number": one.number,
        "report_day": one.report_day,
        "onset_day": one.onset_day,
        "age": one.age if one.age is not None else one.age_band,
        "sex": one.sex,
        "imported": {True: "1", False: "0", None: ""}[one.imported],
        "cluster": one.cluster,
        "outcome": one.outcome,
        "outcome_day": one.outcome_day,
    }


def _field(fault: YipanError) -> str:
    """Return which field a fault is about, in the reader's words."""
    params = getattr(fault, "params", {})
    return str(params.get("label", "")) or fault.where
