"""Cases, contacts, sites and specimens over the API: the same acts as the pages, the same scope."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access.context import Board, board_of
from yipan.access.identity import Identifiers
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.places.models import Unit
from yipan.report.cases.exports import fhir_bundle
from yipan.report.contacts import actions, queries
from yipan.report.contacts.chains import find_chains
from yipan.report.contacts.models import Contact, ExposureKind, VisitResult
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.queries import board as laboratory_board
from yipan.report.linelists.bring import Files, bring
from yipan.report.quarantine.models import Site, SiteKind
from yipan.report.quarantine.queries import occupancy

router = Router(tags=["report"])
PAGE = 500


class ContactIn(BaseModel):
    """A person who was near a case; what names them is sealed at once."""

    case: str = Field(min_length=8, max_length=64, description="pseudonym, or its beginning")
    number: str = Field("", max_length=60, description="of the identity document")
    name: str = Field("", max_length=120)
    phone: str = Field("", max_length=40)
    address: str = Field("", max_length=300)
    kind: ExposureKind
    last_day: date
    unit: str = Field(description="code of the unit where they are followed")
    client_key: str = Field(min_length=8, max_length=64)


class ContactOut(BaseModel):
    """A contact with where its follow-up stands; a pseudonym, no name."""

    id: int
    person: str
    case: str
    unit: str
    kind: str
    last_day: date
    until: date
    standing: str
    late_days: int
    last_seen: date | None


class VisitIn(BaseModel):
    """What a follow-up found."""

    day: date
    result: VisitResult
    symptoms: list[str] = Field(default=[], max_length=12)
    case: str = Field("", max_length=64)
    reason: str = Field("", max_length=300)
    client_key: str = Field(min_length=8, max_length=64)


class LoadOut(BaseModel):
    """The follow-up of one unit; units, never persons."""

    unit: str
    open: int
    done_today: int
    late: int
    symptoms: int
    longest_late_days: int


class SiteOut(BaseModel):
    """A quarantine site now."""

    code: str
    name: str
    unit: str
    places: int
    inside: int
    free: int


class LaboratoryOut(BaseModel):
    """A laboratory over the last seven days; null where there is too little."""

    code: str
    name: str
    unit: str
    per_day: int
    results: int
    positive: int
    decided: int
    rejected: int
    backlog: int
    median_hours: float | None
    p90_hours: float | None


class StepIn(BaseModel):
    """One step of one specimen."""

    laboratory: str = Field(description="code of the laboratory")
    number: str = Field(min_length=4, max_length=60)
    step: Literal["taken", "received", "result", "rejected"]
    result: Literal["", "positive", "negative", "unclear"] = ""
    occurred_at: datetime | None = None
    case: str = Field("", max_length=64)
    unit: str = ""
    client_key: str = Field(min_length=8, max_length=64)


class MadeOut(BaseModel):
    """What was entered."""

    id: int


class LinkOut(BaseModel):
    """One link of a chain."""

    case: str
    infector: str
    how: str
    generation: int


class ChainsOut(BaseModel):
    """The chains of the cases in sight; null where there is too little to say."""

    chains: int
    largest: int
    alone: int
    links: list[LinkOut]
    serial_mean_days: float | None
    serial_interval: tuple[float, float] | None
    R: float | None
    R_interval: tuple[float, float] | None


class BroughtOut(BaseModel):
    """What was taken of a bundle, and what was not."""

    cases: int
    results: int
    faults: list[dict[str, Any]]


def _asking(request: HttpRequest) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope, board_of(request)


def _unit(scope: Scope, board: Board, code: str) -> Unit:
    units = Unit.objects.filter(package=board.package).select_related("package")
    return scope.get(units, unit="", action=Action.PLACE_READ, code=code)


@router.get("/contacts", response=list[ContactOut], summary="Contacts with their follow-up")
def contacts(request: HttpRequest, unit: str = "", waiting: bool = False) -> list[ContactOut]:
    """The contacts in sight, those overdue first; `waiting`: only those to be seen today."""
    scope, board = _asking(request)
    scope.check(Action.CASE_READ, sensitivity=CASE)
    rows = queries.follow_up(board.incident, scope=scope, known_at=board.at)
    if unit:
        rows = [f for f in rows if f.unit.code == unit]
    if waiting:
        rows = [f for f in rows if f.progress.standing.value in ("late", "symptoms", "due")]
    return [_contact(f) for f in rows[:PAGE]]


@router.post("/contacts", response={201: MadeOut}, summary="Enter a contact")
def enter_contact(request: HttpRequest, given: ContactIn) -> Status[MadeOut]:
    """The same person named again for the same case is one contact, with the later last day."""
    scope, board = _asking(request)
    made = actions.add_contact(
        case=actions.known_case(board.incident, given.case, scope=scope, at=board.now),
        identifiers=Identifiers(given.number, given.name, given.phone, given.address),
        kind=given.kind,
        last_day=given.last_day,
        unit=_unit(scope, board, given.unit),
        scope=scope,
        at=board.now,
        client_key=given.client_key,
    )
    return Status(201, MadeOut(id=made.pk))


@router.post("/contacts/{pk}/visits", response={201: MadeOut}, summary="Enter a follow-up")
def enter_visit(request: HttpRequest, pk: int, given: VisitIn) -> Status[MadeOut]:
    """A replayed key is the follow-up it was."""
    scope, board = _asking(request)
    contact = queries.one(Contact, pk, board.incident, scope=scope, known_at=board.now)
    made = actions.add_visit(
        contact=contact,
        day=given.day,
        result=given.result,
        symptoms=given.symptoms,
        case=given.case,
        reason=given.reason,
        scope=scope,
        at=board.now,
        client_key=given.client_key,
    )
    return Status(201, MadeOut(id=made.pk))


@router.get("/follow-up", response=list[LoadOut], summary="Follow-up by place")
def follow_up(request: HttpRequest) -> list[LoadOut]:
    """Where most contacts are overdue first: places, never persons."""
    scope, board = _asking(request)
    scope.check(Action.CASE_READ, sensitivity=CASE)
    rows = queries.follow_up(board.incident, scope=scope, known_at=board.at)
    return [
        LoadOut(
            unit=u.unit.code,
            open=u.open,
            done_today=u.done_today,
            late=u.late,
            symptoms=u.symptoms,
            longest_late_days=u.longest_late_days,
        )
        for u in queries.by_unit(queries.by_person(rows))
    ]


@router.get("/quarantine-sites", response=list[SiteOut], summary="Quarantine sites")
def quarantine_sites(request: HttpRequest) -> list[SiteOut]:
    """Places, who is inside and what is free, the fullest first. Counts only."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    since = board.time.day_bounds(board.time.local_day(board.at))[0]
    found = occupancy(board.incident, scope=scope, known_at=board.at, since=since)
    return [
        SiteOut(
            code=o.site.code,
            name=o.site.name,
            unit=o.site.unit.code,
            places=o.places,
            inside=o.inside,
            free=o.free,
        )
        for o in found
    ]


@router.get("/laboratories", response=list[LaboratoryOut], summary="Laboratories")
def laboratories(request: HttpRequest) -> list[LaboratoryOut]:
    """Load, turnaround and backlog of the last seven days, the longest backlog first. Counts only."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    names = [n for n in LaboratoryOut.model_fields if n not in ("code", "name", "unit")]
    return [
        LaboratoryOut(
            code=b.laboratory.code,
            name=b.laboratory.name,
            unit=b.laboratory.unit.code,
            **{n: getattr(b, n) for n in names},
        )
        for b in laboratory_board(board.incident, scope=scope, known_at=board.at)
    ]


@router.post("/specimens", response={201: MadeOut}, summary="Enter a step of a specimen")
def specimen(request: HttpRequest, given: StepIn) -> Status[MadeOut]:
    """The number is kept as a pseudonym only; a replayed key is the step it was."""
    scope, board = _asking(request)
    site = scope.get(
        Site.objects.filter(incident=board.incident, kind=SiteKind.LABORATORY).select_related(
            "unit", "incident__package"
        ),
        action=Action.REPORT_READ,
        code=given.laboratory,
    )
    case = (
        actions.known_case(board.incident, given.case, scope=scope, at=board.now)
        if given.case
        else None
    )
    when = given.occurred_at
    made = enter_step(
        laboratory=site,
        unit=_unit(scope, board, given.unit) if given.unit else case.unit if case else site.unit,
        number=given.number,
        step=given.step,
        result=given.result,
        occurred_at=when.replace(tzinfo=board.time.zone) if when and not when.tzinfo else when,
        case=case,
        scope=scope,
        at=board.now,
        client_key=given.client_key,
    )
    return Status(201, MadeOut(id=made.pk))


@router.get("/chains", response=ChainsOut, summary="Who infected whom")
def chains(request: HttpRequest) -> ChainsOut:
    """Links among the cases in sight, with serial interval and offspring distribution."""
    scope, board = _asking(request)
    scope.check(Action.CASE_READ, sensitivity=CASE)
    found = find_chains(board.incident, scope=scope, known_at=board.at)
    serial, spread = found.summary.serial_interval, found.summary.offspring
    return ChainsOut(
        chains=found.chains,
        largest=found.largest,
        alone=found.alone,
        links=[
            LinkOut(case=n.case.pseudonym, infector=n.infector, how=n.how, generation=n.generation)
            for n in found.nodes
        ],
        serial_mean_days=serial.mean_days if serial else None,
        serial_interval=serial.mean_interval if serial else None,
        R=spread.R if spread else None,
        R_interval=spread.R_interval if spread else None,
    )


@router.get("/cases/fhir", summary="Cases as a FHIR R4 bundle")
def cases_out(request: HttpRequest) -> dict[str, Any]:
    """Pseudonyms, conditions, results and outcomes; no identifier. The export is recorded."""
    scope, board = _asking(request)
    return fhir_bundle(
        board.incident, scope=scope, known_at=board.at, at=board.now, actor=scope.user
    )


@router.post("/cases/fhir", response=BroughtOut, summary="Take a FHIR R4 bundle of cases in")
def cases_in(request: HttpRequest) -> BroughtOut:
    """The body is the bundle. Each entry is checked as at the door; what is wrong is named by entry and field."""
    scope, board = _asking(request)
    actor: User | None = scope.user
    done = bring(
        incident=board.incident,
        files=Files("fhir", {"cases": ("bundle", request.body)}),
        scope=scope,
        actor=actor,
        at=board.now,
    )
    faults = [fault._asdict() for fault in done.faults]
    return BroughtOut(cases=done.cases, results=done.results, faults=faults)


def _contact(one: queries.Followed) -> ContactOut:
    return ContactOut(
        id=one.contact.pk,
        person=one.contact.identity.pseudonym,
        case=one.contact.case,
        unit=one.unit.code,
        kind=one.contact.kind,
        last_day=one.contact.last_day,
        until=one.progress.last,
        standing=one.progress.standing.value,
        late_days=one.progress.late_days,
        last_seen=one.progress.last_seen,
    )
