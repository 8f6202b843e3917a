"""The pages of assess: the province, a county or city, who is silent, and the same as CSV."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from yipan.access import audit
from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.assess import actions, queries
from yipan.assess.errors import AssessError, VerdictWithoutReason
from yipan.assess.forms import VerdictForm
from yipan.assess.gaps.queries import gaps as find_gaps
from yipan.assess.gaps.queries import unscreened as find_unscreened
from yipan.assess.gaps.words import headline as gaps_headline
from yipan.assess.hub.model_output import frame, model_output
from yipan.assess.models import Alarm, Assessment, Tier, UnitSituation
from yipan.assess.pages import exports, pictures
from yipan.assess.pages.home import Home
from yipan.assess.pages.place import CONTROL, Place
from yipan.assess.shown import alarms_shown, situations_shown
from yipan.assess.warnings import queries as warnings
from yipan.assess.warnings import words as alarm_words
from yipan.assess.warnings.actions import judge_alarm, look_for_clusters
from yipan.kernel.errors import YipanError
from yipan.places.models import Level
from yipan.report.contacts.queries import contacts_not_followed, places_not_screened

MOST = 200


@require_safe
@signed_in
def home(request: PersonRequest) -> HttpResponse:
    """Show the situation of the province: curve, Rt, cities, tiers with their reasons, who is silent."""
    request.scope.check(Action.ASSESS_READ)
    assessment = queries.latest(request.board.incident, at=request.board.at)
    may_run = not request.board.past and request.scope.may(Action.ASSESS_RUN)
    context: dict[str, Any] = {
        "section": "assess",
        "may_run": may_run,
        "may_export": request.scope.may(Action.EXPORT),
        "assessment": assessment,
    }
    if assessment is None:
        return render(request, "assess/nothing.html", context)
    wanted = request.GET.get("tier", "")
    context["home"] = Home(
        board=request.board,
        scope=request.scope,
        assessment=assessment,
        tier=wanted if wanted in Tier.values else "",
    )
    return render(request, "assess/home.html", context)


@require_POST
@signed_in
def run(request: PersonRequest) -> HttpResponse:
    """Assess now, with everything known at this moment."""
    request.scope.check(Action.ASSESS_RUN)
    actions.assess(
        incident=request.board.incident,
        known_at=request.board.now,
        made_at=request.now,
        by=request.user,
    )
    return redirect("assess:home")


@require_POST
@signed_in
def closer(request: PersonRequest) -> HttpResponse:
    """Look closer at the assessment shown: Rt by onset, how grave."""
    request.scope.check(Action.ASSESS_RUN)
    actions.look_closer(assessment=_assessment(request), at=request.board.now, by=request.user)
    return redirect("assess:home")


@require_safe
@signed_in
def county(request: PersonRequest, code: str) -> HttpResponse:
    """Show one county: its tier in words, what would change it, its neighbours, what came in."""
    place = _place(request, code, Level.COUNTY)
    shown = [place.situation, *(n.situation for n in place.neighbours if n.situation)]
    context = {
        "section": "assess",
        "place": place,
        "curve": _curve(place),
        "curve_rows": pictures.day_rows(place.series),
        "map": pictures.map_of(
            request.board.package,
            shown,
            selected=code,
            title=place.headline,
            query=request.board.query,
        ),
    }
    return render(request, "assess/county.html", context)


@require_safe
@signed_in
def city(request: PersonRequest, code: str) -> HttpResponse:
    """Show one city: its published counts, its Rt, its counties, what no county has reported."""
    place = _place(request, code, Level.CITY)
    context = {
        "section": "assess",
        "place": place,
        "curve": _curve(place),
        "curve_rows": pictures.day_rows(place.series),
        "band": pictures.band(
            place.series["rt"],
            latest=place.situation.rt or {"note": "no_data"},
            incomplete_from=None,  # by day of confirmation nothing is outstanding
        ),
    }
    return render(request, "assess/city.html", context)


@require_safe
@signed_in
def gaps(request: PersonRequest) -> HttpResponse:
    """Show who has not been heard from, level by level, with the known reasons."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    found = find_gaps(board.incident, at=board.at, scope=request.scope)
    unscreened = find_unscreened(board.incident, at=board.at, scope=request.scope)
    context = {
        "section": "assess",
        "gaps": found,
        "headline": gaps_headline(found),
        "unscreened_day": unscreened[0],
        "unscreened": unscreened[1][:30],
        "not_followed": contacts_not_followed(
            board.incident, known_at=board.at, scope=request.scope
        )[:MOST],
        "not_screened": places_not_screened(board.incident, known_at=board.at, scope=request.scope)[
            :MOST
        ],
        "doubts": alarms_shown(
            warnings.about_reporting(
                warnings.open_alarms(board.incident, scope=request.scope, at=board.at)
            )[:MOST],
            scope=request.scope,
        ),
    }
    return render(request, "assess/gaps.html", context)


@require_safe
@signed_in
def alarms(request: PersonRequest) -> HttpResponse:
    """Show what the numbers ask about, what people made of it, and how often alarms are false."""
    return _alarms_page(request)


@require_POST
@signed_in
def judge(request: PersonRequest, pk: int) -> HttpResponse:
    """Record what a person made of an alarm."""
    alarm = request.scope.get(
        Alarm.objects.filter(incident=request.board.incident).select_related("unit", "incident"),
        action=Action.ASSESS_READ,
        pk=pk,
    )
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return _alarms_page(request, form=form, about=pk)
    try:
        judge_alarm(
            alarm=alarm,
            verdict=form.cleaned_data["verdict"],
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=request.board.now,
            scope=request.scope,
        )
    except AssessError as fault:
        return _alarms_page(request, fault=fault)
    except VerdictWithoutReason as fault:
        return _alarms_page(request, fault=fault)
    return redirect("assess:alarms")


@require_POST
@signed_in
def clusters(request: PersonRequest) -> HttpResponse:
    """Look for clusters in space and time in the latest assessment."""
    request.scope.check(Action.ASSESS_RUN)
    look_for_clusters(assessment=_assessment(request), at=request.board.now, by=request.user)
    return redirect("assess:alarms")


def _alarms_page(
    request: PersonRequest,
    *,
    form: VerdictForm | None = None,
    about: int | None = None,
    fault: YipanError | None = None,
) -> HttpResponse:
    assessment = _assessment(request)
    board = request.board
    every = warnings.alarms(board.incident, scope=request.scope, at=board.at)
    open_now = warnings.open_alarms(board.incident, scope=request.scope, at=board.at)
    waiting = alarms_shown(open_now[:MOST], scope=request.scope)
    record = warnings.track_record(
        board.incident, scope=request.scope, at=board.at, day=assessment.data_day
    )
    context = {
        "section": "assess",
        "assessment": assessment,
        "headline": alarm_words.headline(len(waiting), record),
        "waiting": waiting,
        "judged": every.filter(judged_at__lte=board.at).order_by("-judged_at")[:50],
        "record": record,
        "may_judge": not board.past and request.scope.may(Action.ASSESS_RUN),
        "form": form or VerdictForm(),
        "about": about,
        "fault": fault,
    }
    wrong = fault.status if fault else 422 if form is not None else 200
    return render(request, "assess/alarms.html", context, status=wrong)


@require_safe
@signed_in
def units_csv(request: PersonRequest, level: str) -> HttpResponse:
    """Send the counties or cities in scope as CSV; the export is recorded."""
    assessment = _assessment(request, export=True)
    return _csv(
        request, assessment, exports.units_csv(assessment, _rows(request, assessment, level)), level
    )


@require_safe
@signed_in
def units_geojson(request: PersonRequest, level: str) -> HttpResponse:
    """Send the counties or cities in scope as GeoJSON points; the export is recorded."""
    assessment = _assessment(request, export=True)
    rows = _rows(request, assessment, level)
    answer = _csv(request, assessment, exports.units_geojson(assessment, rows), level)
    answer["Content-Type"] = "application/geo+json"
    name = f"{level}-{assessment.data_day.isoformat()}.geojson"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
@signed_in
def series_csv(request: PersonRequest) -> HttpResponse:
    """Send the province's daily series as CSV; the export is recorded."""
    assessment = _assessment(request, export=True)
    return _csv(request, assessment, exports.series_csv(assessment), "series")


@require_safe
@signed_in
def hub(request: PersonRequest, format: str) -> HttpResponse:
    """Send nowcast and forecast in hubverse's model-output layout; the export is recorded."""
    assessment = _assessment(request, export=True)
    table = frame(model_output(assessment))
    if format == "csv":
        return _csv(request, assessment, table.write_csv(), "model-output")
    answer = _csv(request, assessment, "", "model-output")
    body = BytesIO()
    table.write_parquet(body)
    answer.content = body.getvalue()
    answer["Content-Type"] = "application/vnd.apache.parquet"
    name = f"model-output-{assessment.data_day.isoformat()}.parquet"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
@signed_in
def changes_csv(request: PersonRequest) -> HttpResponse:
    """Send the tier changes in scope as CSV; the export is recorded."""
    assessment = _assessment(request, export=True)
    rows = queries.tier_changes(request.board.incident, scope=request.scope, at=request.board.at)
    return _csv(request, assessment, exports.changes_csv(rows), "tier-changes")


def _assessment(request: PersonRequest, *, export: bool = False) -> Assessment:
    request.scope.check(Action.ASSESS_READ)
    if export:
        request.scope.check(Action.EXPORT)
    return queries.latest_or_raise(request.board.incident, at=request.board.at)


def _rows(request: PersonRequest, assessment: Assessment, level: str) -> list[UnitSituation]:
    rows = queries.situations(assessment, scope=request.scope, level=level)
    return situations_shown(assessment, rows, scope=request.scope)


def _place(request: PersonRequest, code: str, level: str) -> Place:
    assessment = _assessment(request)
    situation = queries.situation(assessment, code, scope=request.scope, level=level)
    (shown,) = situations_shown(assessment, [situation], scope=request.scope)
    wanted = request.GET.get("control", "")
    return Place(
        board=request.board,
        scope=request.scope,
        assessment=assessment,
        situation=shown,
        control=min(int(wanted), 100) if wanted.isascii() and wanted.isdecimal() else CONTROL,
    )


def _curve(place: Place) -> dict[str, Any]:
    return pictures.curve(place.series, title=place.curve_title, summary=place.headline)


def _csv(request: PersonRequest, assessment: Assessment, body: str, what: str) -> HttpResponse:
    with transaction.atomic():
        audit.record(
            event="assess.exported",
            at=request.board.now,
            actor=request.user,
            object_type="assessment",
            object_id=str(assessment.pk),
            unit=request.scope.home,
            incident=request.board.incident,
            detail={"what": what},
        )
    answer = HttpResponse(body, content_type="text/csv; charset=utf-8")
    name = f"{what}-{assessment.data_day.isoformat()}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer
