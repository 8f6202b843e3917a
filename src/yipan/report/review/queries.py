"""Which values are out of the ordinary, and what has been said of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Abs

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places.models import Unit
from yipan.report.dictionary import Element
from yipan.report.forms.current import elements_named
from yipan.report.models import TableRelease, Value
from yipan.report.review.models import Review, Verdict
from yipan.report.values.rules import warning

SMALLEST_CHANGE = 10  # below it a change is ordinary, however large its share


class Kind(StrEnum):
    """Why a value is out of the ordinary."""

    JUMP = "jump"  # changed from the day before by more than its element allows unasked
    CORRECTED = "corrected"  # corrected after a department had received the old value


@dataclass(frozen=True)
class Exceptional:
    """One value out of the ordinary: what it was before, why it waits, and what has been said."""

    value: Value
    element: Element
    kind: Kind
    before: float | None  # yesterday's value of a jump, the old version of a correction
    said: Sequence[Review]  # the earliest first

    @property
    def share(self) -> float:
        """By which share of what it was it changed; 0 where that was zero or is not known."""
        if not self.before or self.value.value is None:
            return 0.0
        return abs(self.value.value - self.before) / self.before

    @property
    def more(self) -> bool:
        """Whether it is more than it was."""
        return (self.value.value or 0) > (self.before or 0)

    @property
    def verdict(self) -> str:
        """What was said last, an empty string where nobody has said anything."""
        return self.said[-1].verdict if self.said else ""

    @property
    def open(self) -> bool:
        """Whether it still waits for the office above."""
        return self.verdict != Verdict.STANDS


def exceptions(
    incident: Incident,
    *,
    day: date,
    known_at: datetime,
    scope: Scope,
    action: Action = Action.REPORT_READ,
) -> list[Exceptional]:
    """Return the values of `day` in scope that are out of the ordinary, as known at a moment.

    What waits for the office comes first, the largest change before the others. A value whose
    element sets no limit, or which nobody reported the day before, is never a jump.
    """
    standing = scope.filter(_latest(incident, day, known_at), action=action).select_related(
        "unit", "submission__actor"
    )
    found = [
        *_jumps(standing, incident, day, known_at),
        *_corrected(standing, incident, day, known_at),
    ]
    elements = elements_named(
        incident.package, {value.element for value, _kind, _before in found}, known_at=known_at
    )
    listed = {
        value.pk: (value, kind, before)
        for value, kind, before in found
        if value.element in elements and _matters(elements[value.element], value, kind, before)
    }
    said = _said(listed, known_at)
    rows = [
        Exceptional(value, elements[value.element], kind, before, said[value.pk])
        for value, kind, before in listed.values()
    ]
    return sorted(rows, key=lambda e: (not e.open, -e.share, e.value.unit.code))


def questions_to(
    incident: Incident, *, unit: Unit, day: date, known_at: datetime
) -> Mapping[str, Review]:
    """Return what the office above asks of a unit's page of a day, by element: questions not answered yet."""
    mine = _latest(incident, day, known_at).filter(unit=unit).values_list("pk", "element")
    names = dict(mine)
    said = _said(names, known_at)
    return {
        names[pk]: reviews[-1]
        for pk, reviews in said.items()
        if reviews and reviews[-1].verdict == Verdict.ASKED
    }


def _latest(incident: Incident, day: date, known_at: datetime) -> QuerySet[Value]:
    rows = Value.objects.filter(incident=incident, day=day, recorded_at__lte=known_at)
    newer = rows.filter(
        unit=OuterRef("unit"), element=OuterRef("element"), version__gt=OuterRef("version")
    )
    return rows.filter(~Exists(newer))


def _jumps(
    standing: QuerySet[Value], incident: Incident, day: date, known_at: datetime
) -> Iterable[tuple[Value, Kind, float | None]]:
    day_before = Value.objects.filter(
        incident=incident,
        unit=OuterRef("unit"),
        element=OuterRef("element"),
        day=day - timedelta(days=1),
        recorded_at__lte=known_at,
    ).order_by("-version")
    changed = standing.filter(value__isnull=False).annotate(
        before=Subquery(day_before.values("value")[:1])
    )
    for value in changed.annotate(by=Abs(F("value") - F("before"))).filter(by__gte=SMALLEST_CHANGE):
        yield value, Kind.JUMP, value.before


def _corrected(
    standing: QuerySet[Value], incident: Incident, day: date, known_at: datetime
) -> Iterable[tuple[Value, Kind, float | None]]:
    received: dict[str, list[datetime]] = defaultdict(list)
    releases = TableRelease.objects.filter(
        request__incident=incident, day=day, known_at__lte=known_at
    )
    for elements, moment in releases.values_list("elements", "known_at"):
        for name in elements:
            received[name].append(moment)
    if not received:
        return
    old = Value.objects.filter(
        incident=incident, unit=OuterRef("unit"), element=OuterRef("element"), day=day
    ).filter(version=OuterRef("version") - 1)
    corrected = standing.filter(version__gt=1, element__in=received).annotate(
        before=Subquery(old.values("value")[:1]), stood_from=Subquery(old.values("recorded_at")[:1])
    )
    for value in corrected:
        if any(
            value.stood_from <= moment < value.recorded_at for moment in received[value.element]
        ):
            yield value, Kind.CORRECTED, value.before


def _matters(element: Element, value: Value, kind: Kind, before: float | None) -> bool:
    if kind is Kind.CORRECTED:
        return True
    return value.value is not None and warning(element, value.value, before) is not None


def _said(values: Iterable[int], known_at: datetime) -> dict[int, list[Review]]:
    found: dict[int, list[Review]] = defaultdict(list)
    keys = list(values)
    for start in range(0, len(keys), 500):  # SQLite takes so many parameters, and more
        rows = Review.objects.filter(
            Q(value__in=keys[start : start + 500]), Q(at__lte=known_at)
        ).select_related("by")
        for row in rows.order_by("at", "pk"):
            found[row.value_id].append(row)
    return found
