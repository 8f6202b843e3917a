"""Counting registers: any cut-off, any population, as known at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.report.models import RegisterEvent
from yipan.report.registers import derived
from yipan.report.registers.derived import DERIVED


def standing(incident: Incident, *, known_at: datetime) -> QuerySet[RegisterEvent]:
    """Return the events known at a moment and not voided by then."""
    known = RegisterEvent.objects.filter(incident=incident, recorded_at__lte=known_at)
    voided = known.filter(voids=OuterRef("pk"))
    return known.filter(voids__isnull=True).exclude(Exists(voided))


def kept_by(
    incident: Incident, *, register: str, known_at: datetime, concept: str = ""
) -> set[int]:
    """Return the units that keep a register: that have ever entered an event. The others' is not zero.

    A concept that is counted from cases, contacts, stays or specimens is kept where such rows are.
    """
    if concept in DERIVED:
        return derived.kept_by(incident, concept, known_at=known_at)
    rows = RegisterEvent.objects.filter(
        incident=incident, register=register, recorded_at__lte=known_at
    )
    return set(rows.order_by().values_list("unit_id", flat=True).distinct())


def count(
    incident: Incident,
    *,
    concept: str,
    measure: str,
    units: Sequence[int],
    ends: Sequence[datetime],
    known_at: datetime,
    population: str = "",
) -> NDArray[np.float64]:
    """Return counts [period, unit] at the ends of periods, each period begun at the end before.

    stock: all changes up to the end. cum: all gains up to the end. flow: the gains of the
    period (the first has its begin a day before its end). An event at the very end belongs to
    the next period: periods are half-open. Of a concept counted from rows about persons no
    population is recorded: asked for one, every count is NaN.
    """
    if population and concept in DERIVED:
        return np.full((len(ends), len(units)), np.nan)
    rows = standing(incident, known_at=known_at).filter(concept=concept, occurred_at__lt=ends[-1])
    if population:
        rows = rows.filter(populations__contains=f"|{population}|")
    if len(units) <= 300:
        rows = rows.filter(unit__in=units)
    column = {pk: i for i, pk in enumerate(units)}
    edges = np.array([e.timestamp() for e in ends])
    begun = np.concatenate([[edges[0] - 86_400], edges])
    before = np.zeros(len(units))  # before the first period began
    table = np.zeros((len(ends), len(units)))
    for unit, occurred, change in chain(
        rows.values_list("unit_id", "occurred_at", "change").iterator(),
        (row for row in derived.changes(incident, concept, known_at=known_at) if row[1] < ends[-1]),
    ):
        place = column.get(unit)
        if place is None or (measure != "stock" and change < 0):
            continue
        period = int(np.searchsorted(begun, occurred.timestamp(), side="right")) - 1
        if period < 0:
            before[place] += change
        else:
            table[period, place] += change
    if measure == "flow":
        return table
    return before + np.cumsum(table, axis=0)
