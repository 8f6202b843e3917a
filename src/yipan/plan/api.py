"""Plan for machines: scenarios, options county by county, a new scenario, a signature."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import BaseModel, Field

from yipan.access.api import AUTH
from yipan.access.context import Board, PersonRequest, board_of
from yipan.access.rules import Action
from yipan.access.scope import Scope, nothing_there
from yipan.assess import queries as assessing
from yipan.plan import actions, edits, queries, searches
from yipan.plan.confirming import confirmed
from yipan.plan.errors import ConfirmFirst
from yipan.plan.models import Scenario, Search
from yipan.plan.rules import FEWEST_MEMBERS
from yipan.plan.scenarios.asking import read_limits

router = Router(tags=["plan"], auth=AUTH)

MOST_MEMBERS = 2000
"""Longer ensembles are run from the command line: a request must end."""


class QuantilesOut(BaseModel):
    """Quantiles of one number over the runs."""

    q05: float
    q25: float
    median: float
    q75: float
    q95: float


class ChanceOut(BaseModel):
    """How often something happened among the runs, with Wilson's 95 % interval."""

    happened: int
    members: int
    share: float
    low: float
    high: float


class OptionOut(BaseModel):
    """One option, as compared."""

    number: int
    key: str
    name_zh: str
    name_en: str
    members: int
    within_accepted_risk: bool
    infections: QuantilesOut = Field(description="new infections over the weeks, persons")
    peak_beds: QuantilesOut = Field(description="highest beds occupied in the province on a day")
    value_added_100m_cny: QuantilesOut = Field(description="100 million CNY over the weeks")
    share_of_ordinary: QuantilesOut = Field(description="of the value added if all were open")
    deaths: QuantilesOut
    beds_exceeded: ChanceOut = Field(description="any city above its staffed beds on any day")
    verified: ChanceOut | None = Field(default=None, description="on runs used for nothing else")
    certificate: dict[str, float] | None = Field(
        default=None, description="gap to the optimum of its own envelope, gap to the economy alone"
    )
    R: dict[str, float] | None = None
    over_hold: dict[str, Any] | None = Field(default=None, description="paired differences")
    over_base: dict[str, Any] | None = Field(
        default=None, description="an edit's paired differences"
    )
    delay: dict[str, Any] | None = Field(default=None, description="a week later, paired")
    needs: dict[str, list[float]] | None = Field(default=None, description="by week")
    edits: str | None = Field(default=None, description="key of the option it edits")
    reason: str = ""
    changes: list[dict[str, Any]] = Field(default_factory=list)


class ScenarioOut(BaseModel):
    """Options side by side for one assessment."""

    id: int
    incident: str
    assessment: int
    known_at: datetime
    made_at: datetime
    start_day: date
    weeks: int
    members: int
    seed: int
    seconds: float
    headline: str
    options: list[OptionOut]
    signed: str | None
    limits: dict[str, Any]
    answer: dict[str, Any] = Field(description="of a search: frontier, prices, what is impossible")
    assumptions: dict[str, str]


class CountyOut(BaseModel):
    """What one option means for one county."""

    unit: str
    tier: str
    levels: dict[str, list[int]] = Field(
        description="setting → level a week: 0 closed, 1 minimum, 2 staggered, 3 open"
    )
    infections: QuantilesOut
    value_added_100m_cny: QuantilesOut
    share_without_infection: float


class MakeIn(BaseModel):
    """A new scenario for the latest assessment."""

    members: int = Field(default=200, ge=FEWEST_MEMBERS, le=MOST_MEMBERS)
    seed: int = Field(default=1, ge=0, lt=2**63)


class ChangeIn(BaseModel):
    """One change of an edit."""

    counties: list[str]
    setting: str
    first: int = Field(description="first week, 1 …")
    last: int = Field(description="last week, inclusive")
    level: int = Field(ge=0, le=3)


class EditIn(BaseModel):
    """What to change, and why."""

    changes: list[ChangeIn]
    reason: str


class SearchIn(BaseModel):
    """Limits and priorities, as in a scenario's file; what is left out keeps its default."""

    limits: dict[str, Any] = Field(default_factory=dict)


class SearchOut(BaseModel):
    """How far a search is."""

    id: int
    scenario: int
    state: str
    label: str
    done: int
    total: int
    fault: str


class SignIn(BaseModel):
    """Which option, and why."""

    option: str
    reason: str


class SignatureOut(BaseModel):
    """A decision."""

    id: int
    scenario: int
    option: str
    by: str
    at: datetime
    reason: str


def _asking(request: HttpRequest, action: Action) -> tuple[PersonRequest, Scope, Board]:
    asking = cast(PersonRequest, request)
    asking.scope.check(action)
    return asking, asking.scope, board_of(request)


def _scenario(request: HttpRequest, pk: int) -> Scenario:
    _who, scope, board = _asking(request, Action.PLAN_READ)
    return queries.scenario_of(board.incident, pk, at=board.at, scope=scope)


@router.get("/scenarios", response=list[ScenarioOut], summary="Scenarios, the latest first")
def list_scenarios(request: HttpRequest, limit: int = 10) -> list[dict[str, Any]]:
    """Return the scenarios made by the moment asked for (`at`), the latest first."""
    _who, scope, board = _asking(request, Action.PLAN_READ)
    found = queries.scenarios(board.incident, at=board.at, scope=scope)
    return [queries.summary(scenario) for scenario in found[: max(1, min(limit, 100))]]


@router.get("/scenarios/{pk}", response=ScenarioOut, summary="One scenario")
def one_scenario(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Return one scenario with its options."""
    return queries.summary(_scenario(request, pk))


@router.get("/scenarios/{pk}/assumptions", summary="What a scenario stands on")
def assumptions(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Return every figure with unit, range, day and source."""
    kept: dict[str, Any] = _scenario(request, pk).assumptions
    return kept


@router.get("/scenarios/{pk}/options/{key}/openings", summary="What an option orders")
def openings(request: HttpRequest, pk: int, key: str) -> dict[str, Any]:
    """Return tier → setting → level by week."""
    ordered: dict[str, Any] = queries.option_of(_scenario(request, pk), key).openings
    return ordered


@router.get(
    "/scenarios/{pk}/options/{key}/counties",
    response=list[CountyOut],
    summary="An option county by county",
)
def counties(request: HttpRequest, pk: int, key: str) -> list[dict[str, Any]]:
    """Return the counties in scope, by code."""
    option = queries.option_of(_scenario(request, pk), key)
    scope = cast(PersonRequest, request).scope
    return [
        {"unit": row.unit.code, "tier": row.tier, "levels": row.levels, **row.results}
        for row in queries.county_rows(option, scope=scope)
    ]


@router.post("/scenarios", response=ScenarioOut, summary="Put the options side by side")
def make(request: HttpRequest, asked: MakeIn) -> dict[str, Any]:
    """Run every option for the latest assessment; takes seconds to minutes."""
    asking, scope, board = _asking(request, Action.PLAN_RUN)
    for unit in board.incident.places.all():
        scope.check(Action.PLAN_RUN, unit)
    made = actions.make_scenario(
        assessment=assessing.latest_or_raise(board.incident, at=board.now),
        at=board.now,
        members=asked.members,
        seed=asked.seed,
        by=asking.user,
    )
    return queries.summary(made)


@router.post("/scenarios/{pk}/options/{key}/edits", response=OptionOut, summary="Edit an option")
def edit(request: HttpRequest, pk: int, key: str, asked: EditIn) -> dict[str, Any]:
    """Change levels and run the result on the scenario's own members; takes seconds."""
    asking, scope, board = _asking(request, Action.PLAN_RUN)
    shown = _scenario(request, pk)
    made = edits.edit_option(
        option=queries.option_of(shown, key),
        changes=edits.read_changes([change.model_dump() for change in asked.changes]),
        reason=asked.reason,
        by=asking.user,
        at=board.now,
        scope=scope,
    )
    told: list[dict[str, Any]] = queries.summary(_scenario(request, pk))["options"]
    return next(option for option in told if option["key"] == made.key)


@router.post("/scenarios/{pk}/search", response=SearchOut, summary="Search the best openings")
def begin_search(request: HttpRequest, pk: int, asked: SearchIn) -> dict[str, Any]:
    """Begin a search beside the requests; ask for its state at the same address."""
    asking, scope, board = _asking(request, Action.PLAN_RUN)
    shown = _scenario(request, pk)
    limits = read_limits(asked.limits)
    for unit in board.incident.places.all():
        scope.check(Action.PLAN_RUN, unit)
    if shown.answer.get("limits") or limits.beds_factor != 1.0:
        shown = searches.anew(shown, limits=limits, at=board.now, by=asking.user)
    row = searches.start_search(
        scenario=shown, limits=limits, by=asking.user, at=board.now, now=asking.now, scope=scope
    )
    searches.run_beside(row, clock=timezone.now, at=board.now)
    return _state(row)


@router.get("/scenarios/{pk}/search", response=SearchOut, summary="How far a search is")
def search_state(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Return the last search of a scenario."""
    shown = _scenario(request, pk)
    row = searches.running(shown, now=cast(PersonRequest, request).now)
    if row is None:
        raise nothing_there(_("search of scenario %s") % pk)
    return _state(row)


def _state(row: Search) -> dict[str, Any]:
    return {
        "id": row.pk,
        "scenario": row.scenario_id,
        "state": row.state,
        "label": row.label,
        "done": row.done,
        "total": row.total,
        "fault": row.fault,
    }


@router.post("/scenarios/{pk}/signature", response=SignatureOut, summary="Sign an option")
def sign(request: HttpRequest, pk: int, asked: SignIn) -> dict[str, Any]:
    """Sign one option for the headquarters, with its reason."""
    asking, scope, board = _asking(request, Action.PLAN_SIGN)
    for unit in board.incident.places.all():
        scope.check(Action.PLAN_SIGN, unit)
    if not confirmed(asking):
        raise ConfirmFirst(
            _("A signature needs a person who confirmed a moment ago that it is them."),
            where="signature",
            remedy=_("Confirm with a passkey or code on the page of options, then sign."),
        )
    signature = actions.sign_option(
        option=queries.option_of(_scenario(request, pk), asked.option),
        by=asking.user,
        at=board.now,
        reason=asked.reason,
        scope=scope,
    )
    return {
        "id": signature.pk,
        "scenario": pk,
        "option": signature.option.key,
        "by": signature.by.username,
        "at": signature.at,
        "reason": signature.reason,
    }
