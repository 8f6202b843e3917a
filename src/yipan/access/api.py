"""Access for machines: who am I, incidents and their levels, the audit trail."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access import actions
from yipan.access.api_door import AUTH, tell_refusals
from yipan.access.api_persons import router as persons
from yipan.access.audit import in_words
from yipan.access.context import PersonRequest, choose_incident
from yipan.access.models import AuditAnchor, AuditRecord, Incident, ResponseLevel
from yipan.access.queries import audit_trail, one_unit
from yipan.access.rules import Action
from yipan.access.signing import signed_in_scope

__all__ = ["AUTH", "router", "tell_refusals"]

router = Router(tags=["access"], auth=AUTH)
router.add_router("", persons)

MOST = 500


class HoldingOut(BaseModel):
    """One role at one place."""

    role: str
    unit: str | None = Field(description="code; null: the whole installation")
    unit_name: str | None
    sensitivity: int


class MeOut(BaseModel):
    """Who asks, and what they may do."""

    username: str
    name: str
    language: str
    demo: bool
    holdings: list[HoldingOut]
    actions: list[str]


class IncidentOut(BaseModel):
    """One incident."""

    slug: str
    name: str
    disease: str
    places: list[str]
    response_level: str
    exercise: bool
    activated_at: datetime
    stood_down_at: datetime | None


class IncidentIn(BaseModel):
    """A new incident; `places` are codes, each covers everything below it."""

    slug: str = Field(pattern=r"^[-a-zA-Z0-9_]+$", max_length=60)
    name_zh: str = Field(min_length=1, max_length=120)
    name_en: str = Field(min_length=1, max_length=120)
    disease: str = Field(max_length=60)
    places: list[str] = Field(min_length=1, max_length=50)
    response_level: int
    exercise: bool = False
    clock_at: datetime | None = None
    reason: str = Field(min_length=1, max_length=500)


class LevelIn(BaseModel):
    """Another response level, with its reason."""

    response_level: int
    reason: str = Field(max_length=500)


class ReasonIn(BaseModel):
    """Why."""

    reason: str = Field(max_length=500)


class AuditOut(BaseModel):
    """One recorded act."""

    id: int
    recorded_at: datetime
    at: datetime
    event: str
    words: str
    actor: str | None
    object_type: str
    object_id: str
    unit: str | None
    incident: str | None
    detail: dict[str, object]


class AuditPage(BaseModel):
    """Some recorded acts, the latest first; ask again with `before` = the last id."""

    found: int
    records: list[AuditOut]


class AnchorOut(BaseModel):
    """The end of the chain as it stood on one day, signed (Ed25519, hexadecimal)."""

    day: date
    position: int
    hash: str
    public_key: str
    signature: str


@router.get("/me", response=MeOut, summary="Who am I, and what may I do")
def me(request: HttpRequest) -> MeOut:
    """Return the person, their roles and the acts open to this session or token."""
    asking = cast(PersonRequest, request)
    scope = asking.scope
    return MeOut(
        username=asking.user.username,
        name=str(asking.user),
        language=asking.user.language,
        demo=asking.user.demo,
        holdings=[
            HoldingOut(
                role=h.role.value,
                unit=h.unit.code if h.unit else None,
                unit_name=h.unit.name if h.unit else None,
                sensitivity=h.sensitivity,
            )
            for h in scope.holdings
        ],
        actions=[a.value for a in Action if scope.may(a)],
    )


@router.get("/incidents", response=list[IncidentOut], summary="Incidents in sight")
def incidents(request: HttpRequest, active: bool | None = None) -> list[IncidentOut]:
    """Return the incidents that touch the caller's places, the latest first."""
    seen: QuerySet[Incident] = signed_in_scope(request, Action.PLACE_READ).incidents()
    if active is not None:
        seen = seen.filter(stood_down_at__isnull=active)
    return [_incident(i) for i in seen.prefetch_related("places")]


@router.get("/incidents/{slug}", response=IncidentOut, summary="One incident")
def incident(request: HttpRequest, slug: str) -> IncidentOut:
    """Return one incident; one out of sight is told like one that does not exist."""
    return _incident(choose_incident(signed_in_scope(request, Action.PLACE_READ), asked=slug))


@router.post("/incidents", response={201: IncidentOut}, summary="Activate an incident")
def activate(request: HttpRequest, given: IncidentIn) -> Status[IncidentOut]:
    """Activate an incident or an exercise at its places."""
    scope = signed_in_scope(request, Action.INCIDENT_MANAGE)
    asking = cast(PersonRequest, request)
    places = [one_unit(scope, text, Action.INCIDENT_MANAGE) for text in given.places]
    clock = given.clock_at
    if clock is not None and clock.tzinfo is None:
        clock = clock.replace(tzinfo=ZoneInfo(places[0].package.time_zone))
    made = actions.create_incident(
        package=places[0].package,
        slug=given.slug,
        name_zh=given.name_zh,
        name_en=given.name_en,
        disease=given.disease,
        places=places,
        response_level=given.response_level,
        exercise=given.exercise,
        at=asking.now,
        by=asking.user,
        clock_at=clock,
        clock_set_at=asking.now if clock else None,
        reason=given.reason,
    )
    return Status(201, _incident(made))


@router.post("/incidents/{slug}/level", response=IncidentOut, summary="Change the response level")
def change_level(request: HttpRequest, slug: str, given: LevelIn) -> IncidentOut:
    """Raise or lower the response level, with a reason."""
    scope = signed_in_scope(request, Action.INCIDENT_MANAGE)
    asking = cast(PersonRequest, request)
    changed = actions.change_level(
        incident=choose_incident(scope, asked=slug),
        response_level=given.response_level,
        reason=given.reason,
        by=asking.user,
        at=asking.now,
    )
    return _incident(changed)


@router.post("/incidents/{slug}/stand-down", response=IncidentOut, summary="End an incident")
def stand_down(request: HttpRequest, slug: str, given: ReasonIn) -> IncidentOut:
    """End the incident, with a reason; what was recorded stays."""
    scope = signed_in_scope(request, Action.INCIDENT_MANAGE)
    asking = cast(PersonRequest, request)
    ended = actions.stand_down(
        incident=choose_incident(scope, asked=slug),
        reason=given.reason,
        by=asking.user,
        at=asking.now,
    )
    return _incident(ended)


@router.get("/audit", response=AuditPage, summary="Recorded acts")
def audit(
    request: HttpRequest,
    event: str = "",
    person: str = "",
    place: str = "",
    first: date | None = None,
    last: date | None = None,
    before: int | None = None,
    limit: int = 100,
) -> AuditPage:
    """Return the acts recorded at the places one audits, the latest first."""
    scope = signed_in_scope(request, Action.AUDIT_READ)
    found = audit_trail(
        scope, event=event, person=person, place=place, first=first, last=last
    ).order_by("-pk")
    count = found.count()
    if before is not None:
        found = found.filter(pk__lt=before)
    return AuditPage(found=count, records=[_record(r) for r in found[: max(1, min(limit, MOST))]])


@router.get(
    "/audit/anchors", response=list[AnchorOut], summary="The signed ends of the audit chain"
)
def anchors(request: HttpRequest) -> list[AnchorOut]:
    """Return every day's anchor, the latest first, to be kept elsewhere."""
    signed_in_scope(request, Action.AUDIT_READ)
    return [
        AnchorOut(
            day=a.day,
            position=a.position,
            hash=a.hash,
            public_key=a.public_key,
            signature=a.signature,
        )
        for a in AuditAnchor.objects.order_by("-day")
    ]


def _incident(one: Incident) -> IncidentOut:
    return IncidentOut(
        slug=one.slug,
        name=one.name,
        disease=one.disease,
        places=sorted(unit.code for unit in one.places.all()),
        response_level=str(ResponseLevel(one.response_level).label),
        exercise=one.exercise,
        activated_at=one.activated_at,
        stood_down_at=one.stood_down_at,
    )


def _record(one: AuditRecord) -> AuditOut:
    return AuditOut(
        id=one.pk,
        recorded_at=one.recorded_at,
        at=one.at,
        event=one.event,
        words=in_words(one.event),
        actor=one.actor.username if one.actor else None,
        object_type=one.object_type,
        object_id=one.object_id,
        unit=one.unit.code if one.unit else None,
        incident=one.incident.slug if one.incident else None,
        detail=one.detail,
    )
