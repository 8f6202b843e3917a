"""Small counts of people at the door outwards: what of a value its reader may see.

A page, the API and every export ask here or give a whole table to `access.suppression`; both hide
the same cells, as the sums over a place's neighbours are taken to be known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Final, Protocol

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.access.suppression import Hidden, Shown, table_shown_to
from yipan.places.models import Package, Unit
from yipan.report.forms.current import elements_named
from yipan.report.models import Source, Value

OF_PEOPLE: Final = frozenset(
    {
        "人",
        "人次",
        "例",
        "名",
        "户",
        "户次",
        "person",
        "people",
        "persons",
        "case",
        "cases",
        "household",
        "households",
        "visits",
    }
)
"""Units of measure that say that people (or homes, which are found) are counted."""


class Measured(Protocol):
    """An element as the door, the page or the dictionary knows it."""

    @property
    def sensitivity(self) -> int:
        """0 public … 3 identifiable."""
        ...

    @property
    def unit(self) -> str:
        """The unit of measure."""
        ...


def counts_people(element: Measured) -> bool:
    """Return whether a small value of this element could be about somebody whom the neighbours know."""
    return element.sensitivity >= HOUSEHOLD or element.unit.strip().casefold() in OF_PEOPLE


def of_people(package: Package, names: Collection[str], *, known_at: datetime) -> set[str]:
    """Return those of these elements that count people; one that nobody knows does."""
    known = elements_named(package, set(names), known_at=known_at)
    return {n for n in names if n not in known or counts_people(known[n])}


def shown_values(
    incident: Incident, values: Sequence[Value], *, scope: Scope, known_at: datetime
) -> list[tuple[Value, Shown]]:
    """Return values, each with what its reader may see of it.

    The latest version of a day is judged together with its neighbours' (the units under the same
    parent), as their sum is known; an earlier version by itself.
    """
    if all(scope.may(Action.REPORT_READ, v.unit, sensitivity=HOUSEHOLD) for v in values):
        return [(v, v.value) for v in values]
    people = of_people(incident.package, {v.element for v in values}, known_at=known_at)
    judged: dict[tuple[int, str, date], Shown] = {}
    for unit in {v.unit_id: v.unit for v in values}.values():
        own = [v for v in values if v.unit_id == unit.pk and v.element in people]
        judged.update(_among_neighbours(incident, unit, own, scope=scope, known_at=known_at))
    latest: dict[tuple[int, str, date], int] = {}
    for v in values:
        key = (v.unit_id, v.element, v.day)
        latest[key] = max(v.version, latest.get(key, 0))
    found: list[tuple[Value, Shown]] = []
    for v in values:
        key = (v.unit_id, v.element, v.day)
        if v.element not in people or v.submission.source == Source.BULLETIN:
            found.append((v, v.value))
        elif v.version == latest[key]:
            found.append((v, judged[key]))
        else:
            found.append((v, _alone(v, scope)))
    return found


def conceal(
    incident: Incident, values: Sequence[Value], *, scope: Scope, known_at: datetime
) -> None:
    """Set on each value what its reader may see of it (`value.shown`), for a page."""
    for value, shown in shown_values(incident, values, scope=scope, known_at=known_at):
        value.shown = shown  # type: ignore[attr-defined]


def _alone(value: Value, scope: Scope) -> Shown:
    table = table_shown_to(
        scope, [value.unit], {value.element: [value.value]}, action=Action.REPORT_READ
    )
    return table.cells[value.element][0]


def _among_neighbours(
    incident: Incident, unit: Unit, values: Sequence[Value], *, scope: Scope, known_at: datetime
) -> dict[tuple[int, str, date], Shown]:
    """Return what is shown of one unit's values, its neighbours' values of the same days considered."""
    days = sorted({v.day for v in values})
    if not days:
        return {}
    names = sorted({v.element for v in values})
    beside = [u for u in Unit.objects.filter(parent=unit.parent_id) if u.pk != unit.pk]
    units = [unit, *(beside if unit.parent_id is not None else [])]
    rows = Value.objects.filter(
        incident=incident, unit__in=units, element__in=names, day__in=days, recorded_at__lte=known_at
    ).order_by("version")  # fmt: skip
    there = {
        (u, e, d): (value, source)
        for u, e, d, value, source in rows.values_list(
            "unit_id", "element", "day", "value", "submission__source"
        )
    }
    found: dict[tuple[int, str, date], Shown] = {}
    for day in days:
        shown = table_shown_to(
            scope,
            units,
            {n: [there.get((u.pk, n, day), (None, ""))[0] for u in units] for n in names},
            action=Action.REPORT_READ,
            public={
                (n, u.pk)
                for n in names
                for u in units
                if there.get((u.pk, n, day), (None, ""))[1] == Source.BULLETIN
            },
            sums_above=True,
        )
        found |= {(unit.pk, n, day): shown.cells[n][0] for n in names}
    return found


Row = tuple[str, date, str, float, str, datetime]


def shown_rows(
    incident: Incident, rows: Iterable[Row], *, scope: Scope, known_at: datetime
) -> tuple[list[Row], int]:
    """Return the rows of one day that may leave in another system's format, and how many may not.

    Those formats have no sign for “fewer than 5”, so a hidden count is left out.
    """
    every = list(rows)
    names = sorted({r[2] for r in every})
    codes = {r[0] for r in every}
    units = [
        u for u in Unit.objects.filter(package=incident.package_id).order_by("lft") if u.code in codes
    ]  # fmt: skip
    if all(scope.may(Action.REPORT_READ, u, sensitivity=HOUSEHOLD) for u in units):
        return every, 0
    cells = {(r[0], r[2]): r[3] for r in every}
    shown = table_shown_to(
        scope,
        units,
        {n: [cells.get((u.code, n)) for u in units] for n in names},
        action=Action.REPORT_READ,
        about_people=of_people(incident.package, names, known_at=known_at),
        sums_above=True,
    )
    at = {u.code: i for i, u in enumerate(units)}
    kept = [r for r in every if not isinstance(shown.cells[r[2]][at[r[0]]], Hidden)]
    return kept, len(every) - len(kept)


def exported(row: Iterable[object]) -> list[object]:
    """Return cells as they leave in a file or as data: a hidden count as its sign, never a number."""
    return [c.in_export if isinstance(c, Hidden) else c for c in row]


def hidden_name(shown: Shown) -> str | None:
    """Return the word for why a count is not shown, as the API says it; None where it is."""
    return shown.value if isinstance(shown, Hidden) else None
