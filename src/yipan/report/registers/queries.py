"""Counting registers: any cut-off, any population, as known at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.access.row_security import every_row
from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.access.suppression import Shown, table_shown_to
from yipan.places.models import Unit
from yipan.report.models import Register, RegisterEvent
from yipan.report.registers import derived
from yipan.report.registers.derived import DERIVED


def standing(incident: Incident, *, known_at: datetime) -> QuerySet[RegisterEvent]:
    """Return the events known at a moment and not voided by then.

    The rows are locked: evaluate it inside `every_row()` or `rows_within` the reader's scope.
    """
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
    with every_row():
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
    counted = derived.changes(incident, concept, known_at=known_at)
    with every_row():  # a count: whoever asks for it says for which units
        for unit, occurred, change in chain(
            rows.values_list("unit_id", "occurred_at", "change").iterator(),
            (row for row in counted if row[1] < ends[-1]),
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


def _of_persons(incident: Incident, concept: str) -> bool:
    """Return whether events about persons bear a concept, whatever register a caller names."""
    with every_row():
        rows = RegisterEvent.objects.filter(incident=incident, concept=concept)
        return rows.filter(register=Register.PERSON).exists()


def shown_count(
    incident: Incident,
    unit: Unit,
    *,
    register: str,
    concept: str,
    measure: str,
    end: datetime,
    known_at: datetime,
    population: str,
    scope: Scope,
) -> Shown:
    """Return one unit's count at one moment as its reader may see it; None where none is kept.

    A small count of people is hidden outside its reader's right, and so is one that would give a
    neighbour's away: the sum over the units under the same parent is taken to be known.
    """
    people = register == Register.PERSON or concept in DERIVED or _of_persons(incident, concept)
    exact = scope.may(Action.REPORT_READ, unit, sensitivity=HOUSEHOLD)
    units = [unit]
    if people and not exact and unit.parent_id is not None:
        units += Unit.objects.filter(parent=unit.parent_id).exclude(pk=unit.pk).order_by("lft")
    kept = kept_by(incident, register=register, known_at=known_at, concept=concept)
    counted = count(
        incident, concept=concept, measure=measure, units=[u.pk for u in units], ends=[end],
        known_at=known_at, population=population,
    )[0]  # fmt: skip
    cells = [
        float(n) if u.pk in kept and np.isfinite(n) else None
        for u, n in zip(units, counted, strict=True)
    ]
    return table_shown_to(
        scope,
        units,
        {concept: cells},
        action=Action.REPORT_READ,
        about_people=[concept] if people else [],
        sums_above=True,
    ).cells[concept][0]
