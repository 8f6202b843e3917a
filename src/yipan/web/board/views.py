"""The board's pages: on a desk, on a wall, and the data behind its pictures."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from yipan.access.context import MOMENT_FORMAT, Board, PersonRequest, board_or_none
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.access.signing import signed_in
from yipan.assess.shown import for_export
from yipan.kernel.errors import NotFound
from yipan.kernel.words import clock as clock_words
from yipan.kernel.words import interval
from yipan.places import queries as places
from yipan.web.board import numbers, pictures, rail, sentences
from yipan.web.board.facts import Facts
from yipan.web.board.figures import figures, known
from yipan.web.board.outlook import outlook
from yipan.web.board.waits import waits

GZIP_FROM_BYTES = 1024
UNIT_COLUMNS = ("code", "name_zh", "name_en")
CSV_TYPE = "text/csv; charset=utf-8"


@require_safe
@signed_in
def board(request: PersonRequest) -> HttpResponse:
    """Show the board, or the first steps where there is nothing to show yet."""
    if board_or_none(request) is None:
        return render(request, "web/first_steps.html", _first_steps(request))
    return render(request, "web/board.html", _context(request))


@require_safe
@signed_in
def wall(request: PersonRequest) -> HttpResponse:
    """Show the board on a wall: one screen, no controls, renewed each minute."""
    return render(request, "web/wall.html", _context(request))


@require_safe
@signed_in
def number(request: PersonRequest, key: str) -> HttpResponse:
    """Show where one number of the board comes from."""
    facts = Facts(board=request.board, scope=request.scope)
    request.scope.check(Action.ASSESS_READ)
    context = {"section": "board", "facts": facts, "number": numbers.number(facts, key)}
    return render(request, "web/number.html", context)


def _first_steps(request: PersonRequest) -> dict[str, Any]:
    return {
        "section": "board",
        "package": places.current_package(),
        "may_load": request.scope.may(Action.PACKAGE_LOAD),
        "may_activate": request.scope.may(Action.INCIDENT_MANAGE),
    }


def _context(request: PersonRequest) -> dict[str, Any]:
    facts = Facts(board=request.board, scope=request.scope)
    assessed = facts.assessment is not None
    return {
        "section": "board",
        "facts": facts,
        "headline": sentences.headline(facts),
        "lead": sentences.lead(facts),
        "figures": figures(facts),
        "waits": waits(facts),
        "map_finding": sentences.map_finding(facts) if assessed else "",
        "map_address": _with_moment(reverse("web:map_data"), facts.board),
        "legend": pictures.legend(facts) if assessed else [],
        "curve": pictures.curve_data(facts) if assessed else None,
        "band": pictures.band_data(facts) if assessed else None,
        "curve_rows": curve_rows(facts) if assessed else [],
        "events": pictures.events(facts) if assessed else [],
        "county_rows": county_rows(facts),
        "cities_finding": sentences.cities_finding(facts) if assessed else "",
        "city_rows": city_rows(facts),
        "changes": sentences.changes(facts),
        "most_active": max((s.active or 0 for s in facts.cities), default=0),
        "unallocated": sentences.unallocated(facts),
        "outlook": outlook(facts),
        "silent_rows": rail.silent_rows(facts),
        "silent_more": rail.silent_more(facts),
        "late_orders": rail.late_orders(facts),
        "order_legend": rail.order_parts(facts),
        "order_parts": [(f"sh-{p['name']}", p["n"]) for p in rail.order_parts(facts)],
        "doors": doors(request.scope) if facts.own is None else [],
        "may_export": request.scope.may(Action.EXPORT),
        "moments": moments(facts.board),
        "next_cut_off": next_cut_off(facts.board),
    }


def doors(scope: Scope) -> list[dict[str, str]]:
    """Return where a person who may not read assessments begins instead."""
    rooms = (
        (Action.REPORT_SUBMIT, "report:form", _("Report")),
        (Action.ORDER_RECEIVE, "order:inbox", _("Orders")),
        (Action.AUDIT_READ, "access:audit", _("Audit")),
        (Action.ACCESS_MANAGE, "access:people", _("People")),
        (Action.INCIDENT_MANAGE, "access:incidents", _("Incidents")),
    )
    return [
        {"href": reverse(name), "label": label}
        for action, name, label in rooms
        if scope.may(action)
    ]


def _with_moment(address: str, board: Board) -> str:
    return f"{address}?{board.query}" if board.query else address


# ---- the strip ------------------------------------------------------------------------------------


def moments(board: Board) -> dict[str, str]:
    """Return the addresses a day back and a day forward; forward is empty where that is the future."""
    back = board.at - timedelta(days=1)
    forward = board.at + timedelta(days=1)
    found = {"back": "", "forward": ""}
    if back > board.incident.activated_at:
        found["back"] = _moment(board, back)
    if board.past:
        found["forward"] = _moment(board, forward) if forward < board.now else "?"
    return found


def _moment(board: Board, at: Any) -> str:
    return f"?at={at.astimezone(board.time.zone):{MOMENT_FORMAT}}"


def next_cut_off(board: Board) -> str:
    """Return when the next day's counts will be known, in words."""
    data_day = board.time.last_data_day(board.at) + timedelta(days=1)
    return clock_words(board.time.known_from(data_day), board.time.zone)


# ---- rows of the table twins and their files ------------------------------------------------------


def county_rows(facts: Facts) -> list[dict[str, Any]]:
    """Return the counties as the map's table shows them."""
    keep = f"?{facts.board.query}" if facts.board.query else ""
    return [
        {
            "code": s.unit.code,
            "name": s.unit.name,
            "city": facts.city_of[s.unit_id].name if s.unit_id in facts.city_of else "",
            "tier": s.tier,
            "tier_word": pictures.TIER_WORDS.get(s.tier, ""),
            "confirmed": known(s.confirmed),
            "confirmed_14d": known(s.confirmed_14d),
            "rule": s.rule,
            "href": reverse("assess:county", args=[s.unit.code]) + keep,
        }
        for s in facts.counties
    ]


def city_rows(facts: Facts) -> list[dict[str, Any]]:
    """Return the cities with patients in hospital first, the most first."""
    keep = f"?{facts.board.query}" if facts.board.query else ""
    ordered = sorted(facts.cities, key=lambda s: (-(s.active or 0), s.unit.code))
    return [
        {
            "name": s.unit.name,
            "href": reverse("assess:city", args=[s.unit.code]) + keep,
            "active": known(s.active),
            "share": s.active or 0,
            "confirmed": known(s.confirmed),
            "confirmed_7d": known(s.confirmed_7d),
            "rt": rt_row(s.rt),
        }
        for s in ordered
    ]


def rt_row(rt: dict[str, Any] | None) -> dict[str, Any]:
    """Return Rt of one place for its glyph, or the reason none is drawn."""
    if not rt:
        return {"note": ""}
    if "note" in rt:
        return {"note": _("too few cases") if rt["note"] == "too_few_cases" else "–"}
    return {**rt, "note": None, "words": interval(rt["median"], rt["q05"], rt["q95"])}


def curve_rows(facts: Facts) -> list[dict[str, Any]]:
    """Return the days of the curve, the latest first."""
    series = facts.series
    empty: list[None] = [None] * len(series["dates"])
    columns = (
        series["dates"],
        series["confirmed_new"],
        series.get("onset") or empty,
        series.get("expected") or empty,
    )
    return [
        {"day": day, "new": known(new), "onset": known(onset), "expected": expected}
        for day, new, onset, expected in reversed(list(zip(*columns, strict=True)))
    ]


@require_safe
@signed_in
def counties_csv(request: PersonRequest) -> HttpResponse:
    """Send the counties as a file."""
    facts = _for_export(request)
    columns = ("tier", "rule", "confirmed", "confirmed_7d", "confirmed_14d", "last_case_day")
    rows = (
        [
            *(getattr(s.unit, name) for name in UNIT_COLUMNS),
            *(for_export(getattr(s, name)) for name in columns),
            s.reported_at,
            int(s.synthetic),
        ]
        for s in facts.counties
    )
    return _csv("counties", facts, [*UNIT_COLUMNS, *columns, "reported_at", "synthetic"], rows)


@require_safe
@signed_in
def cities_csv(request: PersonRequest) -> HttpResponse:
    """Send the cities as a file."""
    facts = _for_export(request)
    columns = ("confirmed", "confirmed_7d", "cured", "deaths", "active")
    quantiles = ("median", "q05", "q95")
    rows = (
        [
            *(getattr(s.unit, name) for name in UNIT_COLUMNS),
            *(getattr(s, name) for name in columns),
            *((s.rt or {}).get(name) for name in quantiles),
        ]
        for s in facts.cities
    )
    head = [*UNIT_COLUMNS, *columns, *(f"rt_{name}" for name in quantiles)]
    return _csv("cities", facts, head, rows)


@require_safe
@signed_in
def curve_csv(request: PersonRequest) -> HttpResponse:
    """Send the province's daily series as a file."""
    facts = _for_export(request)
    series = facts.series
    dates = series.get("dates", [])
    empty: list[None] = [None] * len(dates)
    rt = pictures.band_data(facts) if dates else {}
    rows = (
        [day, new, onset, *((e or {}).get(k) for k in ("lo", "mid", "hi")), *bands]
        for day, new, onset, e, *bands in zip(
            dates,
            series.get("confirmed_new", []),
            series.get("onset") or empty,
            series.get("expected") or empty,
            *(rt.get(name, empty) for name in ("median", "lo90", "hi90")),
            strict=True,
        )
    )
    head = [
        "day",
        "confirmed_new",
        "onset_reported",
        "expected_q05",
        "expected_median",
        "expected_q95",
    ]
    return _csv("curve", facts, [*head, "rt_median", "rt_q05", "rt_q95"], rows)


def _for_export(request: PersonRequest) -> Facts:
    request.scope.check(Action.EXPORT)
    return Facts(board=request.board, scope=request.scope)


def _csv(name: str, facts: Facts, head: list[str], rows: Iterable[list[Any]]) -> HttpResponse:
    """Return a file that says in its name as known at which moment."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    moment = facts.board.at.astimezone(facts.board.time.zone)
    response = HttpResponse(text.getvalue(), content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}-{moment:%Y%m%dT%H%M}.csv"'
    return response


# ---- data behind the pictures -----------------------------------------------------------------------


@require_safe
@signed_in
def map_data(request: PersonRequest) -> HttpResponse:
    """Send the counties in sight by tier, as `<yipan-map>` reads them."""
    facts = Facts(board=request.board, scope=request.scope)
    return _json(
        request, json.dumps(pictures.map_data(facts), ensure_ascii=False), tag=get_language() or ""
    )


@require_safe
@signed_in
def topology(request: PersonRequest) -> HttpResponse:
    """Send the package's boundaries; under the address of their digest they never change."""
    found = places.topology(request.board.package)
    if found is None:
        raise NotFound(
            _("No boundaries are loaded."),
            where=request.board.package.name,
            remedy=_("The map draws circles at the centres instead."),
        )
    response = _json(request, found.body, tag=found.digest)
    if request.GET.get("v") == found.digest[:16]:
        response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _json(request: HttpRequest, body: str, *, tag: str) -> HttpResponse:
    """Return JSON with an ETag, compressed where the browser takes it; 304 where it has it already."""
    data = body.encode()
    etag = f'"{hashlib.sha256(tag.encode() + data).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    elif len(data) >= GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        # Nothing secret is in it, so its compressed length tells nothing.
        packed = gzip.compress(data, 6, mtime=0)
        response = HttpResponse(packed, content_type="application/json")
        response["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(data, content_type="application/json")
    response["ETag"] = etag
    response["Vary"] = "Accept-Encoding, Cookie"
    return response
