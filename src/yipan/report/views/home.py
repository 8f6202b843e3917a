"""The room's first page: who has reported, who is silent and why, what came in, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yipan.access.context import Board, PersonRequest
from yipan.access.errors import BadMoment
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.access.signing import signed_in
from yipan.places.models import Level, Unit
from yipan.report.aside.queries import rows_aside
from yipan.report.dictionary import asked_of, in_language
from yipan.report.errors import ReportError
from yipan.report.forms.daily import default_day
from yipan.report.values import queries
from yipan.report.values.actions import note_absence
from yipan.report.values.small import conceal

LEVELS = (Level.VILLAGE, Level.FACILITY, Level.TOWNSHIP, Level.COUNTY, Level.CITY)
SHOWN = 50
LATEST = 12


@dataclass(frozen=True)
class LevelShare:
    """How many units of one level have reported for their day."""

    level: str
    name: str
    day: date
    heard: int
    owing: int

    @property
    def silent(self) -> int:
        """How many have not been heard from."""
        return self.owing - self.heard


@signed_in
def home(request: PersonRequest) -> HttpResponse:
    """Show what has come in, in the part of the tree the person may see."""
    request.scope.check(Action.REPORT_READ)
    board, scope = request.board, request.scope
    shares = levels_owing(board, scope)
    chosen = _chosen(shares, request.GET.get("level", "") or _usual_level(scope))
    silent = (
        queries.not_heard_from(
            board.incident, day=chosen.day, known_at=board.at, scope=scope, level=chosen.level
        )
        if chosen
        else []
    )
    page = Paginator(silent, SHOWN).get_page(request.GET.get("page"))
    mine = _own_unit(board, scope)
    corrections = list(queries.corrections(board.incident, scope=scope, known_at=board.at)[:LATEST])
    conceal(board.incident, corrections, scope=scope, known_at=board.at)
    context = {
        "section": "report",
        "shares": shares,
        "chosen": chosen,
        "silent": page,
        "silent_known": sum(bool(s.reason) for s in silent),
        "submissions": queries.submissions(board.incident, scope=scope, known_at=board.at)[:LATEST],
        "corrections": corrections,
        "aside": rows_aside(board.incident, scope=scope, known_at=board.at).count(),
        "may_submit": scope.may(Action.REPORT_SUBMIT),
        "may_read_cases": scope.may(Action.CASE_READ, sensitivity=2),
        "mine": mine,
        "mine_heard": _heard(board, mine),
    }
    return render(request, "report/home.html", context)


def levels_owing(board: Board, scope: Scope) -> list[LevelShare]:
    """Return, for each level that owes reports in scope, how many have reported for their day."""
    found = []
    for level in LEVELS:
        if not asked_of(level):
            continue
        day = _day_of(board, level)
        heard, owing = queries.reported_share(
            board.incident, day=day, known_at=board.at, level=level, scope=scope
        )
        if owing:
            found.append(LevelShare(level, level_name(board, level), day, heard, owing))
    return found


def level_name(board: Board, level: str) -> str:
    """Return a level's name as the package calls it, in the language in use."""
    names = board.package.level_names.get(level, {})
    return in_language(names.get("zh", ""), names.get("en", "")) or str(Level(level).label)


def _day_of(board: Board, level: str) -> date:
    return default_day(board.time, Unit(level=level), board.at)


def _chosen(shares: Sequence[LevelShare], level: str) -> LevelShare | None:
    return next((s for s in shares if s.level == level), shares[0] if shares else None)


def _usual_level(scope: Scope) -> str:
    """Return the level a person asks after first: counties from above them, villages within one."""
    home = scope.home
    above = home is None or home.level in (Level.PROVINCE, Level.CITY)
    return Level.COUNTY if above else Level.VILLAGE


def _own_unit(board: Board, scope: Scope) -> Unit | None:
    """Return the person's own reporting unit, where they report for one only."""
    home = scope.home
    if home is None or not scope.may(Action.REPORT_SUBMIT, home) or not home.reports:
        return None
    return home


def _heard(board: Board, unit: Unit | None) -> datetime | None:
    if unit is None:
        return None
    day = _day_of(board, unit.level)
    known = queries.values_of(board.incident, unit=unit, day=day, known_at=board.at)
    return max((v.recorded_at for v in known.values()), default=None)


@require_POST
@signed_in
def absence(request: PersonRequest) -> HttpResponse:
    """Note why a unit is not heard from."""
    board = request.board
    unit = request.scope.get(
        Unit.objects.filter(package=board.package),
        unit="",
        action=Action.REPORT_READ,
        code=request.POST.get("unit", ""),
    )
    until = request.POST.get("until", "").strip()
    try:
        note_absence(
            incident=board.incident,
            unit=unit,
            reason=request.POST.get("reason", ""),
            since=board.now,
            until=_moment(board, until) if until else None,
            by=request.user,
            at=board.now,
            scope=request.scope,
        )
    except ReportError as fault:
        messages.error(request, f"{fault.message} {fault.remedy}")
    else:
        messages.success(
            request, _("Noted beside %s; everybody who waits for it sees why.") % unit.name
        )
    return redirect(f"{reverse('report:home')}?level={unit.level}")


def _moment(board: Board, text: str) -> datetime:
    try:
        stated = datetime.fromisoformat(text)
    except ValueError:
        raise BadMoment(
            _("“%s” is not a moment.") % text[:40],
            where="until",
            remedy=_("Write it as 2020-02-24T18:00, in the province's own time."),
        ) from None
    return stated if stated.tzinfo else stated.replace(tzinfo=board.time.zone)
