"""Assess over the API: the same assessments as the pages, the same scope, and assessing on demand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, cast

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from yipan.access.api_door import AUTH
from yipan.access.context import Board, PersonRequest, board_of
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.assess import actions, queries
from yipan.assess.gaps.queries import gaps as find_gaps
from yipan.assess.models import Alarm, Assessment, TierChange, UnitSituation
from yipan.assess.shown import alarms_shown, changes_shown, for_export, situations_shown
from yipan.assess.warnings import queries as warnings
from yipan.assess.warnings.actions import judge_alarm, look_for_clusters
from yipan.assess.warnings.words import sentence

router = Router(tags=["assess"], auth=AUTH)
MOST = 500


class AssessmentOut(BaseModel):
    """One assessment: its moment, its headline, the province's figures and the method."""

    id: int
    incident: str
    known_at: datetime
    data_day: date
    made_at: datetime
    seconds: float
    headline: str
    province: dict[str, Any] = Field(description="See docs/reference/assess-situation.md.")
    method: dict[str, Any]
    outlook: dict[str, Any] = Field(
        description="A closer look: Rt by onset, severity; empty until made."
    )


class MomentOut(BaseModel):
    """One assessment in a list."""

    id: int
    known_at: datetime
    data_day: date
    confirmed: int | None


class SituationOut(BaseModel):
    """One county or city in an assessment; null is “nobody has said”, never zero.

    A small count that the person may not see is “<5”, what would give it away is “…”.
    """

    code: str
    name_zh: str
    name_en: str
    level: str
    confirmed: int | str | None
    confirmed_new: int | str | None
    confirmed_7d: int | str | None
    confirmed_14d: int | str | None
    cured: int | str | None
    deaths: int | str | None
    active: int | str | None
    last_case_day: date | None
    reported_at: datetime | None
    tier: str
    rule: int | None
    trace: list[dict[str, Any]]
    rt: dict[str, Any] | None
    synthetic: bool


class TierChangeOut(BaseModel):
    """A change of a county's tier with the rule that decided and the values it used."""

    at: datetime
    code: str
    before: str
    after: str
    pack: str
    rule: int | None
    trace: list[dict[str, Any]]


class AssessIn(BaseModel):
    """Which moment to assess: what was known then, nothing later. Default: now."""

    known_at: datetime | None = None


class GapOut(BaseModel):
    """Who of one level was not heard from."""

    level: str
    day: date
    heard: int
    owing: int
    silent: list[str] = Field(description="Codes, the longest silence first.")


class AlarmOut(BaseModel):
    """A question the numbers raise, with its evidence."""

    id: int
    unit: str
    kind: str
    day: date
    at: datetime
    observed: float | str | None
    expected: float | None
    p_value: float | None
    evidence: dict[str, Any]
    sentence: str
    verdict: str
    judged_at: datetime | None
    reason: str


class VerdictIn(BaseModel):
    """What a person made of an alarm; a false one needs a reason."""

    verdict: Literal["true", "false", "unclear"]
    reason: str = ""


class ClustersIn(BaseModel):
    """How to look for clusters."""

    seed: int = Field(default=1, ge=0)


class FoundOut(BaseModel):
    """How many alarms are new."""

    new: int


def _alarm(alarm: Alarm) -> AlarmOut:
    own = {
        name: for_export(getattr(alarm, name))
        for name in AlarmOut.model_fields
        if name not in ("id", "unit", "sentence")
    }
    return AlarmOut(id=alarm.pk, unit=alarm.unit.code, sentence=sentence(alarm), **own)


def _asking(request: HttpRequest, action: Action) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    scope.check(action)
    return scope, board_of(request)


def _latest(request: HttpRequest) -> tuple[Scope, Assessment]:
    scope, board = _asking(request, Action.ASSESS_READ)
    return scope, queries.latest_or_raise(board.incident, at=board.at)


def _out(assessment: Assessment) -> AssessmentOut:
    return AssessmentOut(**queries.summary(assessment))


def _situation(s: UnitSituation) -> SituationOut:
    unit = s.unit
    own = {
        name: for_export(getattr(s, name))
        for name in SituationOut.model_fields
        if name not in ("code", "name_zh", "name_en", "level")
    }
    return SituationOut(
        code=unit.code, name_zh=unit.name_zh, name_en=unit.name_en, level=unit.level, **own
    )


def _change(change: TierChange) -> TierChangeOut:
    return TierChangeOut(
        at=change.at,
        code=change.unit.code,
        before=change.before,
        after=change.after,
        pack=change.pack,
        rule=change.rule,
        trace=change.trace,
    )


@router.get("/assessments", response=list[MomentOut], summary="The assessments so far")
def assessments(request: HttpRequest) -> list[MomentOut]:
    """Every assessment of a moment up to the one shown, the latest first."""
    _scope, board = _asking(request, Action.ASSESS_READ)
    rows = queries.assessments(board.incident, at=board.at)[:MOST]
    return [
        MomentOut(
            id=a.pk, known_at=a.known_at, data_day=a.data_day, confirmed=a.province["confirmed"]
        )
        for a in rows
    ]


@router.post("/assessments", response=AssessmentOut, summary="Assess a moment")
def assess(request: HttpRequest, asked: AssessIn) -> AssessmentOut:
    """Assess what was known at a moment; the same moment again returns the assessment that stands."""
    _scope, board = _asking(request, Action.ASSESS_RUN)
    known_at = asked.known_at or board.now
    made = actions.assess(
        incident=board.incident,
        known_at=known_at if known_at.tzinfo else known_at.replace(tzinfo=board.time.zone),
        made_at=cast(PersonRequest, request).now,
        by=request.user if isinstance(request.user, User) else None,
    )
    return _out(made)


@router.get("/assessments/latest", response=AssessmentOut, summary="The latest assessment")
def latest(request: HttpRequest) -> AssessmentOut:
    """The latest assessment at the moment shown (`?at=`), A202 where there is none."""
    return _out(_latest(request)[1])


@router.get("/series", response=dict[str, Any], summary="The daily series")
def series(request: HttpRequest) -> dict[str, Any]:
    """The province's daily series of the latest assessment, and Rt by city."""
    found: dict[str, Any] = _latest(request)[1].series
    return found


@router.get("/situations", response=list[SituationOut], summary="Counties or cities")
def situations(
    request: HttpRequest, level: Literal["county", "city"] = "county", tier: str = ""
) -> list[SituationOut]:
    """The counties or cities in scope in the latest assessment, by code."""
    scope, assessment = _latest(request)
    rows = queries.situations(assessment, scope=scope, level=level)
    asked = rows.filter(tier=tier) if tier else rows
    return [_situation(s) for s in situations_shown(assessment, asked, scope=scope)]


@router.get("/situations/{code}", response=SituationOut, summary="One county or city")
def situation(request: HttpRequest, code: str) -> SituationOut:
    """One unit's situation; absent and out of sight answer the same 404."""
    scope, assessment = _latest(request)
    found = queries.situation(assessment, code, scope=scope)
    (shown,) = situations_shown(assessment, [found], scope=scope)
    return _situation(shown)


@router.get("/tier-changes", response=list[TierChangeOut], summary="Changes of tier")
def tier_changes(request: HttpRequest, code: str = "") -> list[TierChangeOut]:
    """The tier changes in scope up to the moment shown, the latest first."""
    scope, board = _asking(request, Action.ASSESS_READ)
    rows = queries.tier_changes(board.incident, scope=scope, at=board.at)
    asked = (rows.filter(unit__code=code) if code else rows)[:MOST]
    return [_change(c) for c in changes_shown(asked, scope=scope)]


@router.get("/gaps", response=list[GapOut], summary="Who was not heard from")
def gaps(request: HttpRequest) -> list[GapOut]:
    """The silent units of every level in scope that owes reports."""
    scope, board = _asking(request, Action.REPORT_READ)
    return [
        GapOut(
            level=g.level,
            day=g.day,
            heard=g.heard,
            owing=g.owing,
            silent=[s.unit.code for s in g.silent],
        )
        for g in find_gaps(board.incident, at=board.at, scope=scope)
    ]


@router.get("/alarms", response=list[AlarmOut], summary="Alarms")
def alarms(request: HttpRequest, waiting: bool = False) -> list[AlarmOut]:
    """The alarms in scope, the latest first; with `waiting` only those nobody has judged."""
    scope, board = _asking(request, Action.ASSESS_READ)
    found = warnings.open_alarms if waiting else warnings.alarms
    rows = found(board.incident, scope=scope, at=board.at)[:MOST]
    return [_alarm(a) for a in alarms_shown(rows, scope=scope)]


@router.post("/alarms/{pk}/verdict", response=AlarmOut, summary="Judge an alarm")
def verdict(request: HttpRequest, pk: int, said: VerdictIn) -> AlarmOut:
    """Record what a person made of an alarm: 409 where somebody has judged it already."""
    scope, board = _asking(request, Action.ASSESS_READ)
    alarm = scope.get(
        Alarm.objects.filter(incident=board.incident).select_related("unit", "incident"),
        action=Action.ASSESS_READ,
        pk=pk,
    )
    judged = judge_alarm(
        alarm=alarm,
        verdict=said.verdict,
        reason=said.reason,
        by=cast(User, request.user),
        at=board.now,
        scope=scope,
    )
    return _alarm(alarms_shown([judged], scope=scope)[0])


@router.post("/clusters", response=FoundOut, summary="Look for clusters")
def clusters(request: HttpRequest, asked: ClustersIn) -> FoundOut:
    """Scan the latest assessment for clusters in space and time; the same seed finds the same."""
    scope, assessment = _latest(request)
    scope.check(Action.ASSESS_RUN)
    fresh = look_for_clusters(
        assessment=assessment,
        at=board_of(request).now,
        by=cast(User, request.user),
        seed=asked.seed,
    )
    return FoundOut(new=fresh)
