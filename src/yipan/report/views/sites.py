"""Quarantine sites and laboratories as boards, and the registers of persons, places and stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from yipan.access.context import PersonRequest
from yipan.access.row_security import rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.report.contacts.actions import known_case
from yipan.report.contacts.forms import EventForm, PlacesForm, ReasonForm, SiteForm, SpecimenForm
from yipan.report.errors import Missing
from yipan.report.laboratory.actions import enter_step
from yipan.report.laboratory.queries import board as laboratory_board
from yipan.report.laboratory.queries import specimens
from yipan.report.models import DataElement, RegisterEvent, Source
from yipan.report.quarantine.actions import open_site, set_places
from yipan.report.quarantine.models import Site, SiteKind
from yipan.report.quarantine.queries import occupancy, sites, who_is_inside
from yipan.report.registers import actions as registers
from yipan.report.registers import queries as events
from yipan.report.registers.derived import DERIVED
from yipan.report.views.contacts import fresh_key, hints, may_write, unit_named

SHOWN = 50


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def quarantine(request: PersonRequest) -> HttpResponse:
    """Show the quarantine sites, the fullest first, who is inside and what is free; open one."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    made, fault = _site_forms(request, SiteKind.QUARANTINE)
    if request.method == "POST" and fault is None and not _wrong(made):
        return redirect("report:quarantine")
    since = board.time.day_bounds(board.time.local_day(board.at))[0]
    found = occupancy(board.incident, scope=request.scope, known_at=board.at, since=since)
    reads = request.scope.may(Action.CASE_READ, sensitivity=CASE)
    inside = who_is_inside(board.incident, scope=request.scope, known_at=board.at) if reads else []
    context = {
        "section": "report",
        "found": [(o, made.get(f"places-{o.site.pk}")) for o in found],
        "places": sum(o.places for o in found),
        "inside": sum(o.inside for o in found),
        "free": sum(max(o.free, 0) for o in found),
        "full": sum(o.full for o in found),
        "persons": Paginator(inside, SHOWN).get_page(request.GET.get("page")),
        "form": made["open"],
        "fault": fault,
        "hints": hints(request),
        "may_write": may_write(request.scope) and not board.past,
    }
    return render(request, "report/quarantine.html", context, status=_code(fault, made))


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def laboratory(request: PersonRequest) -> HttpResponse:
    """Show the laboratories, the longest backlog first; enter a step of a specimen, open a laboratory."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    made, fault = _site_forms(request, SiteKind.LABORATORY)
    specimen = SpecimenForm(
        request.POST if request.POST.get("act") == "specimen" else None,
        prefix="specimen",
        laboratories=[
            (str(s.pk), s.name)
            for s in sites(
                board.incident, SiteKind.LABORATORY, scope=request.scope, known_at=board.at
            )
        ],
        initial={"client_key": fresh_key(), "step": "taken"},
    )
    if request.POST.get("act") == "specimen" and specimen.is_valid():
        try:
            _enter(request, specimen.cleaned_data)
        except YipanError as refused:
            fault = refused
        else:
            messages.success(request, _("Entered."))
    made["specimen"] = specimen
    if request.method == "POST" and fault is None and not _wrong(made):
        return redirect("report:laboratory")
    found = laboratory_board(board.incident, scope=request.scope, known_at=board.at)
    reads = request.scope.may(Action.CASE_READ, sensitivity=CASE)
    waiting = (
        specimens(board.incident, scope=request.scope, known_at=board.at, waiting=True)
        if reads
        else []
    )
    most = max((n for b in found for _d, n, _p in b.days), default=0)
    context = {
        "section": "report",
        "found": [(b, made.get(f"places-{b.laboratory.pk}"), _bars(b.days, most)) for b in found],
        "results": sum(b.results for b in found),
        "backlog": sum(b.backlog for b in found),
        "per_day": sum(b.per_day for b in found),
        "positive": sum(b.positive for b in found),
        "decided": sum(b.decided for b in found),
        "over": sum(b.over for b in found),
        "waiting": Paginator(waiting, SHOWN).get_page(request.GET.get("page")),
        "form": made["open"],
        "specimen": specimen,
        "fault": fault,
        "hints": hints(request),
        "may_write": may_write(request.scope) and not board.past,
    }
    return render(request, "report/laboratory.html", context, status=_code(fault, made))


def _bars(days: list[tuple[Any, int, int]], most: int) -> list[tuple[Any, int, int, int, int, int]]:
    """Return day, results, positives, x and the heights of a bar of 40 px at the most."""
    high = 40 / most if most else 0
    return [(d, n, p, i * 14, round(n * high), round(p * high)) for i, (d, n, p) in enumerate(days)]


def _enter(request: PersonRequest, said: dict[str, Any]) -> None:
    board = request.board
    laboratory = request.scope.get(
        Site.objects.filter(incident=board.incident, kind=SiteKind.LABORATORY).select_related(
            "unit", "incident__package"
        ),
        action=Action.REPORT_READ,
        pk=int(said["laboratory"]),
    )
    case = (
        known_case(board.incident, said["case"].strip(), scope=request.scope, at=board.now)
        if said["case"]
        else None
    )
    unit = unit_named(request.scope, said["unit"]) if said["unit"] else None
    enter_step(
        laboratory=laboratory,
        unit=unit or (case.unit if case else laboratory.unit),
        number=said["number"],
        step=said["step"],
        result=said["result"],
        occurred_at=_local(request, said["occurred_at"]),
        case=case,
        scope=request.scope,
        at=board.now,
        client_key=said["client_key"] or None,
    )


def _site_forms(
    request: PersonRequest, kind: str
) -> tuple[dict[str, forms.Form], YipanError | None]:
    """Return the forms of a board of sites, and the fault of the one that was sent, if it was refused."""
    board = request.board
    act = request.POST.get("act", "") if request.method == "POST" else ""
    made: dict[str, forms.Form] = {
        "open": SiteForm(
            request.POST if act == "open" else None, prefix="open", initial={"kind": kind}
        )
    }
    found = sites(board.incident, kind, scope=request.scope, known_at=board.at)
    for site in found:
        name = f"places-{site.pk}"
        made[name] = PlacesForm(request.POST if act == name else None, prefix=name)
    sent = made.get(act)
    if sent is None or not sent.is_valid():
        return made, None
    said = sent.cleaned_data
    try:
        if act == "open":
            open_site(
                incident=board.incident,
                unit=unit_named(request.scope, said["unit"]),
                kind=kind,
                code=said["code"],
                name_zh=said["name_zh"],
                name_en=said["name_en"],
                places=said["places"],
                scope=request.scope,
                at=board.now,
            )
        else:
            site = next(s for s in found if act == f"places-{s.pk}")
            set_places(
                site=site,
                places=said["places"],
                reason=said["reason"],
                scope=request.scope,
                at=board.now,
            )
    except YipanError as refused:
        return made, refused
    messages.success(request, _("Entered."))
    return made, None


# ---- registers of persons, places and stock ---------------------------------------------------------------


@sensitive_post_parameters("event-subject")
@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def entering(request: PersonRequest) -> HttpResponse:
    """Enter an event into a register, see the latest, void one that is wrong with a reason."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    act = request.POST.get("act", "") if request.method == "POST" else ""
    home = request.scope.home
    form = EventForm(
        request.POST if act == "event" else None,
        prefix="event",
        initial={
            "client_key": fresh_key(),
            "unit": home.code if home is not None else "",
            "register": "person",
            "change": 1,
        },
    )
    voiding = ReasonForm(request.POST if act == "void" else None, prefix="void")
    fault: YipanError | None = None
    sent = {"event": form, "void": voiding}.get(act)
    if sent is not None and sent.is_valid():
        try:
            (_enter_event if act == "event" else _void_event)(request, sent.cleaned_data)
        except YipanError as refused:
            fault = refused
        else:
            messages.success(request, _("Entered."))
            return redirect("report:registers")
    rows = request.scope.filter(
        events.standing(board.incident, known_at=board.at), action=Action.REPORT_READ
    )
    with rows_within(request.scope, Action.REPORT_READ):
        page = Paginator(
            rows.select_related("unit").order_by("-occurred_at", "-pk"), SHOWN
        ).get_page(request.GET.get("page"))
        page.object_list = list(page.object_list)
    known = DataElement.objects.filter(source__in=("person", "place", "stock"))
    context = {
        "section": "report",
        "form": form,
        "voiding": voiding,
        "fault": fault,
        "page": page,
        "concepts": sorted(set(known.values_list("concept", flat=True)[:500]) | {"screened"}),
        "derived": [(name, d.label) for name, d in DERIVED.items()],
        "hints": hints(request),
        "may_enter": request.scope.may(Action.REPORT_SUBMIT) and not board.past,
        "may_void": request.scope.may(Action.REPORT_CORRECT) and not board.past,
    }
    return render(
        request, "report/registers.html", context, status=_code(fault, {"f": form, "v": voiding})
    )


def _enter_event(request: PersonRequest, said: dict[str, Any]) -> None:
    board = request.board
    if said["concept"] in DERIVED:
        raise Missing(label=_("a concept of its own: this one is counted from cases and contacts"))
    tags = [t.strip() for t in said["populations"].replace("，", ",").split(",")]
    registers.enter(
        incident=board.incident,
        unit=unit_named(request.scope, said["unit"]),
        events=[
            registers.Event(
                said["register"],
                said["concept"].strip(),
                said["change"],
                _local(request, said["occurred_at"]) or board.now,
                said["subject"],
                tuple(t for t in tags if t),
            )
        ],
        actor=request.user,
        source=Source.FORM,
        at=board.now,
        client_key=said["client_key"] or fresh_key(),
        scope=request.scope,
    )


def _void_event(request: PersonRequest, said: dict[str, Any]) -> None:
    pk = request.POST.get("event", "")
    rows = RegisterEvent.objects.filter(incident=request.board.incident).select_related(
        "incident__package", "unit"
    )
    with rows_within(request.scope, Action.REPORT_READ):
        event = request.scope.get(
            rows, action=Action.REPORT_READ, pk=int(pk) if pk.isdigit() else 0
        )
    registers.void(
        event=event,
        reason=said["reason"],
        actor=request.user,
        at=request.board.now,
        scope=request.scope,
    )


# ---- shared --------------------------------------------------------------------------------------------


def _local(request: PersonRequest, moment: datetime | None) -> datetime | None:
    """Return a moment that a person typed: in the province's own time, whatever the server's zone."""
    return moment.replace(tzinfo=request.board.time.zone) if moment is not None else None


def _wrong(made: dict[str, forms.Form]) -> bool:
    return any(form.errors for form in made.values() if form.is_bound)


def _code(fault: YipanError | None, made: dict[str, forms.Form]) -> int:
    return fault.status if fault is not None else 422 if _wrong(made) else 200
