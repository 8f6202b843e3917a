"""Incidents: several at once; activated, raised, lowered and stood down with a reason."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from yipan.access import actions
from yipan.access.context import SESSION_INCIDENT, PersonRequest, choose_incident
from yipan.access.errors import IncidentRefused
from yipan.access.forms import IncidentForm, LevelForm, StandDownForm, beside_field
from yipan.access.middleware import in_the_past_too
from yipan.access.models import Incident
from yipan.access.queries import one_unit, place_hints
from yipan.access.rules import DISEASES, Action
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.places.models import Unit


@require_http_methods(["GET", "POST"])
@signed_in
def incidents(request: PersonRequest) -> HttpResponse:
    """List the incidents in sight; activate one."""
    form = IncidentForm(request.POST or None)
    fault: YipanError | None = None
    if request.method == "POST":
        request.scope.check(Action.INCIDENT_MANAGE)
        if form.is_valid():
            try:
                made = _activate(request, form)
            except YipanError as refused:
                fault = refused
            else:
                request.session[SESSION_INCIDENT] = made.slug
                return redirect("access:incident", slug=made.slug)
    every = list(request.scope.incidents().prefetch_related("places"))
    running = [i for i in every if i.stood_down_at is None]
    context = {
        "incidents": every,
        "running": running,
        "exercises": [i for i in running if i.exercise],
        "current": request.session.get(SESSION_INCIDENT, ""),
        "diseases": DISEASES,
        "form": form,
        "may_manage": request.scope.may(Action.INCIDENT_MANAGE),
        "hints": place_hints(request.scope, Action.INCIDENT_MANAGE),
        "fault": beside_field(fault, form) if fault else None,
    }
    status = fault.status if fault else 422 if form.errors else 200
    return render(request, "access/incidents.html", context, status=status)


def _activate(request: PersonRequest, form: IncidentForm) -> Incident:
    given = form.cleaned_data
    texts = [t.strip() for t in re.split(r"[,，;；\n]", given["places"]) if t.strip()]
    if not texts:
        raise IncidentRefused(
            _("The incident has no place."),
            where="places",
            remedy=_("Name at least one unit; it covers everything below it."),
        )
    places = [one_unit(request.scope, text, Action.INCIDENT_MANAGE) for text in texts]
    clock = given["clock_at"]
    return actions.create_incident(
        package=places[0].package,
        slug=given["slug"],
        name_zh=given["name_zh"],
        name_en=given["name_en"],
        disease=given["disease"],
        places=places,
        response_level=given["response_level"],
        exercise=given["exercise"],
        at=request.now,
        by=request.user,
        clock_at=_in_zone(clock, places[0]) if clock else None,
        clock_set_at=request.now if clock else None,
        reason=given["reason"],
    )


def _in_zone(typed: datetime, place: Unit) -> datetime:
    """A browser sends the wall clock of the province, without a zone."""
    return typed.replace(tzinfo=ZoneInfo(place.package.time_zone))


@signed_in
def incident(request: PersonRequest, slug: str) -> HttpResponse:
    """Show one incident: its places, its levels over time, what can be done."""
    return _page(request, choose_incident(request.scope, asked=slug))


@require_POST
@signed_in
def change_level(request: PersonRequest, slug: str) -> HttpResponse:
    """Raise or lower the response level."""
    about = choose_incident(request.scope, asked=slug)
    form = LevelForm(request.POST)
    if not form.is_valid():
        return _page(request, about, level_form=form)
    try:
        actions.change_level(
            incident=about,
            response_level=form.cleaned_data["response_level"],
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=request.now,
        )
    except YipanError as fault:
        return _page(request, about, level_form=form, fault=fault)
    return redirect("access:incident", slug=slug)


@require_POST
@signed_in
def stand_down(request: PersonRequest, slug: str) -> HttpResponse:
    """End the incident."""
    about = choose_incident(request.scope, asked=slug)
    form = StandDownForm(request.POST)
    if not form.is_valid():
        return _page(request, about, stand_down_form=form)
    try:
        actions.stand_down(
            incident=about, reason=form.cleaned_data["reason"], by=request.user, at=request.now
        )
    except YipanError as fault:
        return _page(request, about, stand_down_form=form, fault=fault)
    return redirect("access:incident", slug=slug)


@in_the_past_too
@require_POST
@signed_in
def switch(request: PersonRequest) -> HttpResponse:
    """Make another incident in sight the one that pages are about."""
    about = choose_incident(request.scope, asked=request.POST.get("incident", "") or "?")
    request.session[SESSION_INCIDENT] = about.slug
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return redirect(wanted if safe else "/")


def _page(
    request: PersonRequest,
    about: Incident,
    *,
    level_form: LevelForm | None = None,
    stand_down_form: StandDownForm | None = None,
    fault: YipanError | None = None,
) -> HttpResponse:
    places = list(about.places.order_by("lft"))
    tried = [form for form in (level_form, stand_down_form) if form]
    context = {
        "about": about,
        "places": places,
        "disease": DISEASES.get(about.disease, about.disease),
        "changes": about.level_changes.select_related("by").order_by("-at", "-pk"),
        "zone": ZoneInfo(about.package.time_zone),
        "level_form": level_form or LevelForm(),
        "stand_down_form": stand_down_form or StandDownForm(),
        "may_manage": about.stood_down_at is None
        and all(request.scope.may(Action.INCIDENT_MANAGE, unit) for unit in places),
        "fault": beside_field(fault, *tried) if fault else None,
    }
    status = fault.status if fault else 422 if tried else 200
    return render(request, "access/incident.html", context, status=status)
