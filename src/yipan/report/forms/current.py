"""The one form of a level and day: fixed when the day begins, from the requests in effect then.

A request approved today is on tomorrow's page, one withdrawn today is gone from it; the page of a
day never changes under the hand of who fills it in.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from yipan.access.models import Incident
from yipan.places import queries as places
from yipan.places.models import Level, Package
from yipan.report.dictionary import ELEMENTS, Element, asked_of
from yipan.report.dictionary.definitions import Definition
from yipan.report.forms.compiler import Compiled
from yipan.report.forms.writing import merged_form, note_of
from yipan.report.models import DataElement, MergedForm
from yipan.report.requests import queries as requests

LARGEST = 100_000_000  # of an element whose request states no range
GROUP = {"flow": "today", "need": "today", "text": "words"}


def form_of_day(incident: Incident, *, level: str, day: date, now: datetime) -> MergedForm | None:
    """Return the one form of a level and day, fixing it if nobody has; None before the day begins."""
    there = MergedForm.objects.filter(incident=incident, level=level, day=day).first()
    if there is not None:
        return there
    start, _end = places.board_time(incident.package).day_bounds(day)
    if now < start:
        return None
    compiled = requests.compiled_at(incident, at=start, level=level)
    if not compiled.forms:
        return None  # nothing is requested: only the house's own elements are asked
    made = _row(incident, compiled, level, day, now)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:  # somebody else fixed it at the same moment: it is the same form
        return MergedForm.objects.get(incident=incident, level=level, day=day)
    return made


def _row(
    incident: Incident, compiled: Compiled, level: str, day: date, now: datetime
) -> MergedForm:
    pages = merged_form(compiled)
    return MergedForm(
        incident=incident,
        level=level,
        day=day,
        made_at=now,
        cutoff=compiled.cutoff,
        daily=[{"id": q["id"], "used_by": q["used_by"]} for q in pages["daily"]],
        weekly=[{"id": q["id"], "used_by": q["used_by"]} for q in pages["weekly"]],
        fields=[_lineage(o) for o in compiled.outcomes],
        counts=compiled.counts(),
    )


def _lineage(o: Any) -> dict[str, Any]:
    return {
        "form": o.form,
        "field": o.field.id,
        "element": o.element.id if o.element is not None else "",
        "how": o.how.value,
        "formula": o.formula,
        "asked": list(o.asked),
        "cutoff": o.cutoff,
        "note": note_of(o),
    }


def element_of(definition: Definition) -> Element:
    """Return an element of the dictionary as the door and the page know it."""
    return Element(
        id=definition.id,
        label_zh=definition.label_zh,
        label_en=definition.label_en,
        definition_zh=definition.definition_zh,
        definition_en=definition.definition_en,
        unit_zh=definition.unit,
        unit_en=definition.unit,
        measure="cumulative" if definition.measure == "cum" else definition.measure,
        min=0,
        max=LARGEST,
        levels=frozenset(Level.values),
        sensitivity=definition.sensitivity,
        group=GROUP.get(definition.measure, "now"),
        warn_change=0.5,
        relevant=definition.relevant,
        decimals=definition.decimals,
    )


def elements_named(package: Package, names: set[str], *, known_at: datetime) -> dict[str, Element]:
    """Return those of these elements that exist: the house's own, then the dictionary's."""
    found = {n: ELEMENTS[n] for n in names if n in ELEMENTS}
    others = names - found.keys()
    if others:
        rows = DataElement.objects.filter(
            package=package, element__in=others, recorded_at__lte=known_at
        )
        for row in rows.order_by("version"):
            found[row.element] = element_of(requests.definition_of(row))
    return found


def asked_on(
    incident: Incident, *, level: str, day: date, now: datetime, period: str = "daily"
) -> list[Element]:
    """Return what a unit of a level is asked on a day's page, the house's own elements first."""
    own = asked_of(level) if period == "daily" else []
    form = form_of_day(incident, level=level, day=day, now=now)
    if form is None:
        return own
    ids = [q["id"] for q in (form.daily if period == "daily" else form.weekly)]
    known = elements_named(incident.package, set(ids), known_at=now)
    seen = {e.id for e in own}
    return [*own, *(known[n] for n in ids if n in known and n not in seen)]


def users_on(incident: Incident, *, level: str, day: date, now: datetime) -> dict[str, list[str]]:
    """Return the codes of the forms that each answer of a day's page serves."""
    form = form_of_day(incident, level=level, day=day, now=now)
    if form is None:
        return {}
    return {q["id"]: sorted(q["used_by"]) for q in (*form.daily, *form.weekly)}
