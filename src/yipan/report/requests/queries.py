"""Every read of the dictionary and of requests, each as known at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.places.models import Package
from yipan.report.dictionary.definitions import Definition
from yipan.report.dictionary.units import Conversion
from yipan.report.forms.compiler import CUTOFF, Compiled, compile_forms
from yipan.report.models import (
    DataElement,
    DataRequest,
    Freeze,
    RequestedField,
    RequestState,
    Ruled,
    UnitConversion,
)
from yipan.report.requests.fields import Field, Form, Spec

COPIED = (
    "label_zh", "label_en", "definition_zh", "definition_en", "concept", "population", "measure",
    "time_basis", "level", "unit", "cutoff", "source", "ask_period", "formula", "system", "owner",
    "freshness", "sensitivity", "legal_basis", "retention_days", "reason_zh", "reason_en",
    "relevant", "decimals",
)  # fmt: skip


def definition_of(row: DataElement) -> Definition:
    """Return a row of the dictionary as the compiler knows it."""
    return Definition(
        id=row.element,
        version=row.version,
        disaggregation=tuple(row.disaggregation),
        **{name: getattr(row, name) for name in COPIED},
    )


def dictionary(package: Package, *, known_at: datetime) -> dict[str, Definition]:
    """Return every element in its latest version known at a moment, in the order they came."""
    rows = DataElement.objects.filter(package=package, recorded_at__lte=known_at)
    latest: dict[str, DataElement] = {}
    for row in rows.order_by("version", "pk"):
        latest[row.element] = row
    return {row.element: definition_of(row) for row in sorted(latest.values(), key=lambda r: r.pk)}


def conversions(package: Package, *, known_at: datetime) -> list[Conversion]:
    """Return the package's own unit conversions known at a moment; a later one stands over an earlier."""
    rows = UnitConversion.objects.filter(package=package, recorded_at__lte=known_at)
    return [Conversion(r.source_unit, r.target_unit, r.factor, r.note) for r in rows.order_by("pk")]


def versions(package: Package, element: str, *, known_at: datetime) -> list[DataElement]:
    """Return every version of an element, the latest first."""
    rows = DataElement.objects.filter(package=package, element=element, recorded_at__lte=known_at)
    return list(rows.select_related("recorded_by").order_by("-version"))


def search(known: Mapping[str, Definition], text: str) -> list[Definition]:
    """Return the elements whose id, labels, definition or concept hold every word of `text`."""
    words = text.casefold().split()
    found = []
    for e in known.values():
        whole = " ".join(
            (e.id, e.label_zh, e.label_en, e.definition_zh, e.definition_en, e.concept, e.owner)
        ).casefold()
        if all(word in whole for word in words):
            found.append(e)
    return found


def requests_in_scope(
    incident: Incident, *, scope: Scope, known_at: datetime
) -> QuerySet[DataRequest]:
    """Return the requests of the places in scope, the latest first."""
    rows = DataRequest.objects.filter(incident=incident, made_at__lte=known_at)
    return scope.filter(rows, action=Action.REPORT_READ).order_by("-made_at", "-pk")


def frozen_at(incident: Incident, at: datetime) -> Freeze | None:
    """Return the freeze that stands at a moment, None where none does."""
    rows = Freeze.objects.filter(incident=incident, since__lte=at)
    return rows.filter(Q(until__isnull=True) | Q(until__gt=at)).first()


def in_effect(
    incident: Incident, *, at: datetime, level: str = "", even_frozen: bool = False
) -> list[DataRequest]:
    """Return the requests that count at a moment: begun, not over, not frozen, with their fields."""
    day = places.board_time(incident.package).local_day(at)
    rows = DataRequest.objects.filter(
        incident=incident, active_from__lte=at, sunset_on__gt=day
    ).filter(Q(closed_at__isnull=True) | Q(closed_at__gt=at))
    if level:
        rows = rows.filter(level=level)
    if not even_frozen and frozen_at(incident, at) is not None:
        rows = rows.filter(statutory=True)
    fields = RequestedField.objects.order_by("position")
    return list(
        rows.exclude(state=RequestState.REJECTED)
        .order_by("code")
        .prefetch_related(Prefetch("fields", fields))
    )


def counts_at(field: RequestedField, at: datetime) -> bool:
    """Return whether a field is to be met at a moment: no ruling was needed, or it was ruled in."""
    if field.asked_at is None or field.asked_at > at:
        return True
    ruled = field.ruled_at is not None and field.ruled_at <= at
    return ruled and field.ruling != Ruled.REJECT


def field_of(row: RequestedField, level: str, known: Mapping[str, Definition]) -> Field:
    """Return a field as it is to be matched: a ruling stands in the place of what it decided."""
    ruled = known.get(row.ruled_element) if row.ruling in (Ruled.SAME, Ruled.NEW) else None
    if ruled is not None:
        spec = Spec(
            ruled.concept, ruled.population, ruled.measure, ruled.time_basis, row.unit, row.cutoff,
            "", level,
        )  # fmt: skip
    else:
        spec = Spec(
            row.concept, row.population, row.measure, row.time_basis, row.unit, row.cutoff,
            row.definition, level,
        )  # fmt: skip
    return Field(row.code, row.label_zh, row.label_en, spec)


def form_of(
    request: DataRequest, known: Mapping[str, Definition], fields: Iterable[RequestedField]
) -> Form:
    """Return a request as the compiler knows it, with these of its fields."""
    return Form(
        code=request.code,
        department_zh=request.department_zh,
        department_en=request.department_en,
        title_zh=request.title_zh,
        title_en=request.title_en,
        frequency=request.frequency,
        cutoff=request.cutoff,
        deadline=request.deadline,
        level=request.level,
        fields=tuple(field_of(f, request.level, known) for f in fields),
    )


def compiled_at(
    incident: Incident,
    *,
    at: datetime,
    level: str,
    without: DataRequest | None = None,
    even_frozen: bool = False,
    cutoff: str = CUTOFF,
) -> Compiled:
    """Return what the requests in effect at a moment compile to, for units of one level."""
    known = dictionary(incident.package, known_at=at)
    forms = [
        form_of(r, known, [f for f in r.fields.all() if counts_at(f, at)])
        for r in in_effect(incident, at=at, level=level, even_frozen=even_frozen)
        if without is None or r.pk != without.pk
    ]
    units = conversions(incident.package, known_at=at)
    return compile_forms(forms, known, units, cutoff=cutoff)


def waiting_for_ruling(incident: Incident, *, scope: Scope, at: datetime) -> list[RequestedField]:
    """Return the fields that wait for a ruling, the soonest due first."""
    rows = RequestedField.objects.filter(
        request__incident=incident, asked_at__lte=at, ruled_at__isnull=True
    ).exclude(request__state__in=(RequestState.CLOSED, RequestState.REJECTED))
    seen = scope.filter(rows, action=Action.REPORT_READ, unit="request__unit")
    return list(seen.select_related("request").order_by("due_at", "pk"))


def rulings(incident: Incident, *, known_at: datetime) -> list[RequestedField]:
    """Return the rulings that were published, the latest first: they bind every department."""
    rows = RequestedField.objects.filter(request__incident=incident, ruled_at__lte=known_at)
    return list(rows.select_related("request", "ruled_by").order_by("-ruled_at", "-pk"))
