"""What a department receives: its own columns, a row a unit, every cell with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.access.suppression import Hidden, Sum, table_shown_to
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.dictionary.definitions import Definition
from yipan.report.dictionary.formulas import read_formula
from yipan.report.forms.compiler import Compiled, Outcome
from yipan.report.forms.deriving import field_values
from yipan.report.forms.writing import how_in_words, note_of
from yipan.report.models import DataRequest, TableRelease, Value
from yipan.report.registers import queries as registers
from yipan.report.requests import queries as requests
from yipan.report.requests.fields import plain_cutoff
from yipan.report.requests.matching import Relation
from yipan.report.values import queries as values
from yipan.report.values.small import counts_people, exported

BACK = 8  # days: the mean of a week, and the day before
WORDS = ("text", "list", "attr", "date")
Cell = float | str | Hidden | None


@dataclass(frozen=True)
class Column:
    """One column of the table, with its provenance."""

    code: str
    title: str
    outcome: Outcome
    filled: int = 0


@dataclass(frozen=True)
class Table:
    """A department's table of one day, as known at a moment."""

    request: DataRequest
    day: date
    known_at: datetime
    units: list[Unit]
    columns: list[Column]
    cells: list[list[Cell]]  # [unit][column], as its reader may see them
    elements: list[str] = field(default_factory=list)  # asked elements that it rests on
    reported: int = 0  # units that answered the page of the day
    hidden: int = 0  # cells that this reader may not see exactly

    @property
    def header(self) -> list[str]:
        """The column titles as the department calls them, the unit first."""
        return [_("Unit code"), _("Unit name"), *(c.title for c in self.columns)]

    def rows(self) -> list[list[Cell]]:
        """The rows, the unit first."""
        return [[u.code, u.name, *row] for u, row in zip(self.units, self.cells, strict=True)]

    def exported(self) -> list[list[object]]:
        """The rows as they leave in a file: a hidden count as its sign."""
        return [exported(row) for row in self.rows()]

    def provenance(self) -> list[list[str | int]]:
        """Return one row a column: how it is met, by which formula, at which cut-off, how full."""
        return [
            [
                c.code,
                c.title,
                how_in_words(c.outcome.how),
                c.outcome.formula,
                c.outcome.cutoff or c.outcome.field.spec.cutoff,
                c.filled,
                len(self.units),
                note_of(c.outcome),
            ]
            for c in self.columns
        ]

    def as_data(self) -> dict[str, Any]:
        """Return the table as data, its provenance beside it."""
        return {
            "request": self.request.code,
            "day": self.day.isoformat(),
            "known_at": self.known_at.isoformat(),
            "columns": [
                {
                    "field": c.code,
                    "title": c.title,
                    "how": c.outcome.how.value,
                    "element": c.outcome.element.id if c.outcome.element else None,
                    "formula": c.outcome.formula,
                    "asked": list(c.outcome.asked),
                    "cutoff": c.outcome.cutoff or c.outcome.field.spec.cutoff,
                    "cutoff_differs": c.outcome.cutoff_differs,
                    "filled": c.filled,
                }
                for c in self.columns
            ],
            "hidden": self.hidden,
            "rows": [
                {"unit": u.code, "name": u.name, "cells": exported(row)}
                for u, row in zip(self.units, self.cells, strict=True)
            ],
        }

    @property
    def provenance_header(self) -> list[str]:
        """The titles of the provenance rows."""
        return [
            _("Field"), _("Label"), _("How"), _("Formula"), _("Cut-off"), _("Cells filled"), _("Units"), _("Note"),
        ]  # fmt: skip


def department_table(request: DataRequest, *, day: date, known_at: datetime, scope: Scope) -> Table:
    """Return a request's table of one day for the units in scope, as known at a moment.

    Fields that wait or are not asked stand as empty columns with the reason in their provenance.
    A cell is empty where a fact is missing: never a zero.
    """
    incident = request.incident
    clock = places.board_time(incident.package)
    compiled = requests.compiled_at(
        incident, at=min(known_at, clock.day_bounds(day)[1]), level=request.level
    )
    units = _units(request, scope, day)
    facts = _Facts(incident, compiled, units, day, known_at)
    outcomes = {o.field.id: o for o in compiled.outcomes if o.form == request.code}
    columns: list[Column] = []
    data: list[list[Cell]] = []
    for row in request.fields.order_by("position"):
        outcome = outcomes.get(row.code)
        if outcome is None:
            continue  # it waits for a ruling or was ruled out
        cells: list[Cell] = list(facts.cells(outcome))
        title = f"{row.label} ({row.unit})" if row.unit else row.label
        filled = sum(c is not None and c != "" for c in cells)
        columns.append(Column(row.code, title, outcome, filled))
        data.append(cells)
    hidden = _hide_small(columns, data, facts, scope)
    asked = sorted({n for c in columns for n in c.outcome.asked})
    heard = Value.objects.filter(
        incident=incident, day=day, element__in=asked, recorded_at__lte=known_at
    )
    return Table(
        request=request,
        day=day,
        known_at=known_at,
        units=units,
        columns=columns,
        cells=[list(row) for row in zip(*data, strict=True)] if data else [[] for _u in units],
        elements=asked,
        reported=heard.filter(unit__in=[u.pk for u in units]).values("unit").distinct().count()
        if len(units) <= 300
        else heard.order_by().values("unit").distinct().count(),
        hidden=hidden,
    )


def _hide_small(
    columns: Sequence[Column], data: list[list[Cell]], facts: _Facts, scope: Scope
) -> int:
    """Hide in `data` what the reader may not see exactly, and return how many cells that are.

    Columns that are the same fact, or the plain sum of others, or made from them in another way, are
    told to the suppression: nothing is to be had by subtraction within the table.
    """
    if all(scope.may(Action.REPORT_READ, u, sensitivity=HOUSEHOLD) for u in facts.units):
        return 0
    numbers: dict[str, list[float | None]] = {}
    for column, cells in zip(columns, data, strict=True):
        if not any(isinstance(c, str) for c in cells):
            numbers[column.code] = [None if isinstance(c, str | Hidden) else c for c in cells]
    met = [c for c in columns if c.code in numbers and c.outcome.met]
    people = {c.code for c in met if _counts_people(c.outcome)}
    plain = {_fact_of(c.outcome): c.code for c in reversed(met) if c.code in people}
    sums: list[Sum[str]] = []
    rests: dict[str, set[str]] = {}
    for column in met:
        fact = _fact_of(column.outcome)
        if column.code in people:
            if plain[fact] != column.code:
                sums.append(Sum(column.code, (plain[fact],)))  # the same fact asked twice
            sums.extend(_added_up(column, plain, facts.compiled))
            continue
        for name, counted in facts.leaves(column.outcome).items():
            numbers[f"{LEAF}{name}"] = counted
            people.add(f"{LEAF}{name}")
            rests.setdefault(column.code, set()).add(f"{LEAF}{name}")
    shown = table_shown_to(
        scope, facts.units, numbers, action=Action.REPORT_READ, about_people=people, sums=sums,
        rests_on=rests, sums_above=True,
    )  # fmt: skip
    hidden = 0
    for i, column in enumerate(columns):
        if column.code in numbers:
            data[i] = list(shown.cells[column.code])
            hidden += sum(isinstance(c, Hidden) for c in data[i])
    return hidden


LEAF = "·"  # before the name of what a column rests on, which is no column itself
Fact = tuple[str, str, str, str]


def _counts_people(outcome: Outcome) -> bool:
    """Return whether a cell is a count of people as it stands: not a rate, not a converted quantity."""
    element = outcome.element
    return (
        element is not None
        and counts_people(element)
        and element.measure in ("stock", "flow", "cum", "need")
        and outcome.match.conversion is None
    )


def _fact_of(outcome: Outcome) -> Fact:
    """Return what a column says: two columns with the same are equal in every row."""
    spec, element = outcome.field.spec, outcome.element
    return (
        element.id if element is not None else "",
        spec.population if outcome.match.relation is Relation.POPULATION else "",
        spec.measure if outcome.match.relation is Relation.MEASURE else "",
        outcome.cutoff or spec.cutoff,
    )


def _added_up(column: Column, plain: Mapping[Fact, str], compiled: Compiled) -> list[Sum[str]]:
    """Return the sum that a column is of others in this table, if it is one."""
    outcome = column.outcome
    name, population, measure, cutoff = _fact_of(outcome)
    text = compiled.expressions.get(name, "") or compiled.dictionary[name].formula
    terms = read_formula(text).terms if text and not population and not measure else None
    if not terms:
        return []
    codes = [(plain.get((n, "", "", cutoff)), sign) for n, sign in terms]
    if any(code is None for code, _sign in codes):
        return []
    added = [str(code) for code, sign in codes if sign > 0]
    taken = [str(code) for code, sign in codes if sign < 0]
    if len(added) == 1 and taken:
        return [Sum(added[0], (column.code, *taken))]
    return [] if taken else [Sum(column.code, tuple(added))]


def _units(request: DataRequest, scope: Scope, day: date) -> list[Unit]:
    inside = places.subtree(request.unit, level=request.level)
    seen = scope.filter(inside, unit="", action=Action.REPORT_READ).filter(reports=True)
    return list(seen.order_by("lft"))


class _Facts:
    """Facts of one day and the week before, [day, unit], from values, registers and the board."""

    def __init__(
        self,
        incident: Incident,
        compiled: Compiled,
        units: list[Unit],
        day: date,
        known_at: datetime,
    ) -> None:
        self.incident = incident
        self.compiled = compiled
        self.units = units
        self.ids = [u.pk for u in units]
        self.day = day
        self.first = day - timedelta(days=BACK - 1)
        self.known_at = known_at
        self.zone = places.board_time(incident.package).zone
        self.memo: dict[tuple[str, ...], NDArray[np.float64]] = {}

    def cells(self, outcome: Outcome) -> list[float | str | None]:
        if not outcome.met or outcome.element is None:
            return [None] * len(self.units)
        if outcome.element.measure in WORDS:
            return self.words(outcome.element)
        last = field_values(outcome, self.compiled, self)[-1]
        return [None if np.isnan(x) else _plain(float(round(x, 6))) for x in last]

    def words(self, element: Definition) -> list[float | str | None]:
        """Texts and attributes: from the registry, or as they were answered."""
        if element.source == "registry":
            return [_registry_text(u, element.concept, self.day, self.above) for u in self.units]
        rows = Value.objects.filter(
            incident=self.incident, element=element.id, day=self.day, recorded_at__lte=self.known_at
        ).order_by("version")
        said = dict(rows.values_list("unit_id", "text"))
        return [said.get(pk) or None for pk in self.ids]

    @cached_property
    def above(self) -> dict[int, Unit]:
        """The units that may stand over others, by id."""
        rows = Unit.objects.filter(package=self.incident.package_id).exclude(
            level__in=(Level.VILLAGE, Level.FACILITY)
        )
        return {u.pk: u for u in rows}

    def leaves(self, outcome: Outcome) -> dict[str, list[float | None]]:
        """Return the counts of people that a cell is made from, by element, of the day."""
        if not outcome.met or outcome.element is None:
            return {}
        cutoff = outcome.cutoff or outcome.field.spec.cutoff or self.compiled.cutoff
        found: dict[str, list[float | None]] = {}
        seen: set[str] = set()
        waiting = [outcome.element.id]
        while waiting:
            name = waiting.pop()
            element = self.compiled.dictionary.get(name)
            if element is None or name in seen:
                continue
            seen.add(name)
            known = (
                self.answered(element)
                if name in self.compiled.solution.asked
                else self.counted(
                    element, cutoff=cutoff, population=element.population, measure=element.measure
                )
                if element.from_register
                else None
            )
            if known is None:
                text = self.compiled.expressions.get(name, "")
                waiting.extend(read_formula(text).inputs if text else ())
            elif counts_people(element):
                found[name] = [None if np.isnan(x) else float(x) for x in known[-1]]
        return found

    # what `deriving` asks for

    def answered(self, element: Definition) -> NDArray[np.float64]:
        return self._values(element.id)

    def _values(self, name: str) -> NDArray[np.float64]:
        key = ("value", name)
        if key not in self.memo:
            self.memo[key] = values.daily_counts(
                self.incident, units=self.ids, element=name, first=self.first, last=self.day,
                known_at=self.known_at,
            )  # fmt: skip
        return self.memo[key]

    def counted(
        self, element: Definition, *, cutoff: str, population: str, measure: str
    ) -> NDArray[np.float64]:
        if element.source == "external":
            return self._values(element.id)
        if element.source == "registry":
            known = [_registry_number(u, element.concept) for u in self.units]
            return np.tile(np.array(known, dtype=np.float64), (BACK, 1))
        key = ("register", element.id, cutoff, population, measure)
        if key not in self.memo:
            counted = registers.count(
                self.incident,
                concept=element.concept,
                measure=measure if measure in ("stock", "flow", "cum") else "stock",
                units=self.ids,
                ends=[
                    cutoff_moment(self.first + timedelta(days=i), cutoff, self.zone)
                    for i in range(BACK)
                ],
                known_at=self.known_at,
                population="" if population == "all" else population,
            )
            self.memo[key] = self._where_kept(counted, element.source, element.concept)
        return self.memo[key]

    def _where_kept(
        self, counted: NDArray[np.float64], register: str, concept: str = ""
    ) -> NDArray[np.float64]:
        """Leave out units that do not keep the register: what nobody enters is not zero."""
        kept = registers.kept_by(
            self.incident, register=register, known_at=self.known_at, concept=concept
        )
        missing = np.array([pk not in kept for pk in self.ids], dtype=bool)
        return np.where(missing, np.nan, counted)

    def helper(self, name: str, *, of: Definition, cutoff: str) -> NDArray[np.float64]:
        """`received` and `used_avg` of the item an element is about, from the stock register."""
        item = next(
            (c for c in self.compiled.solution.by[of.id].body if c in self.compiled.dictionary),
            of.id,
        )
        ends = [
            cutoff_moment(self.first + timedelta(days=i), cutoff, self.zone) for i in range(BACK)
        ]
        concept = f"{item}.{'received' if name == 'received' else 'used'}"
        flow = registers.count(
            self.incident, concept=concept, measure="flow", units=self.ids, ends=ends,
            known_at=self.known_at,
        )  # fmt: skip
        flow = self._where_kept(flow, "stock")
        if name == "received":
            return flow
        week = np.array([flow[max(0, i - 6) : i + 1].mean(axis=0) for i in range(BACK)])
        return np.asarray(week)


def _plain(value: float) -> float:
    """Return a whole number without its point."""
    return int(value) if value.is_integer() else value


def cutoff_moment(day: date, cutoff: str, zone: object) -> datetime:
    """Return the moment of a cut-off: `18:00` of the day, `24:00 (T-1)` the midnight it begins with.

    >>> from zoneinfo import ZoneInfo
    >>> cutoff_moment(date(2020, 2, 24), "24:00 (T-1)", ZoneInfo("UTC")).isoformat()
    '2020-02-24T00:00:00+00:00'
    """
    said = plain_cutoff(cutoff) or "24:00"
    hours, minutes = said[:5].split(":")
    back = 1 if said.endswith("(T-1)") else 0
    start = datetime.combine(day - timedelta(days=back), time(0), tzinfo=zone)  # type: ignore[arg-type]
    return start + timedelta(hours=int(hours), minutes=int(minutes))


def _registry_number(unit: Unit, concept: str) -> float:
    known = {"pop_resident": unit.population, "residents": unit.population}
    value = known.get(concept)
    return float("nan") if value is None else float(value)


def _registry_text(unit: Unit, concept: str, day: date, above: Mapping[int, Unit]) -> str | None:
    """Return what the board itself knows of a unit in words; `above` are the units over it, by id."""
    if concept in ("unit_name", "village"):
        return unit.name
    if concept == "unit_code":
        return unit.code
    if concept == "report_date":
        return day.isoformat()
    if concept not in (Level.TOWNSHIP, Level.COUNTY):
        return None
    over = above.get(unit.parent_id or 0)
    while over is not None and over.level != concept:
        over = above.get(over.parent_id or 0)
    return over.name if over is not None else None


# --- release and notice


def release(table: Table, *, by: User | None, at: datetime, format: str) -> TableRelease:
    """Record that a table was delivered, so that a later correction is told; call it in a transaction."""
    made = TableRelease.objects.create(
        request=table.request,
        day=table.day,
        known_at=table.known_at,
        made_by=by,
        format=format,
        units=len(table.units),
        cells=sum(c.filled for c in table.columns),
        elements=table.elements,
    )
    audit.record(
        event="table.released",
        at=at,
        actor=by,
        object_type="data_request",
        object_id=table.request.pk,
        unit=table.request.unit,
        incident=table.request.incident,
        detail={"day": table.day.isoformat(), "units": made.units, "cells": made.cells},
    )
    return made


def corrected_since(request: DataRequest, *, known_at: datetime, scope: Scope) -> Sequence[Value]:
    """Return the values that a department has received and that were corrected after, the latest first.

    Each is told once for the latest delivery of its day that had the old value.
    """
    found: dict[int, Value] = {}
    latest: dict[date, TableRelease] = {}
    for one in request.releases.filter(known_at__lte=known_at).order_by("known_at"):
        latest[one.day] = one
    for one in latest.values():
        rows = Value.objects.filter(
            incident=request.incident,
            day=one.day,
            element__in=one.elements,
            version__gt=1,
            recorded_at__gt=one.known_at,
            recorded_at__lte=known_at,
        )
        seen = scope.filter(rows, action=Action.REPORT_READ).select_related(
            "unit", "submission__actor"
        )
        found.update({v.pk: v for v in seen})
    return sorted(found.values(), key=lambda v: v.recorded_at, reverse=True)
