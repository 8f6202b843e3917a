"""What a person may see of the counts of an assessment: the one place where small ones are hidden.

Whoever may read counts of small places (sensitivity 1) at a county sees all of it. Others see counts
of 1 to 4 as "fewer than 5", whatever would give them away not at all, and no sentence, curve or trace
made of them. Cities and the province are shown as the authority published them. The whole table of
the assessment decides, so that page, API and export answer alike. A reader who keeps yesterday's
answer can still work a day's count out of two totals of 5 and more; that is not prevented.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.access.suppression import LEAST, Hidden, Sum, table_shown_to
from yipan.assess.models import Alarm, Assessment, TierChange, UnitSituation
from yipan.places.models import Level, Unit

COUNTS = (
    "confirmed", "confirmed_new", "confirmed_7d", "confirmed_14d", "cured", "deaths", "active",
)  # fmt: skip
NUMBERS_OF_ALARMS = ("before", "relative_risk", "cases_of_neighbours", "cases", "joins")


def exact(scope: Scope, unit: Unit) -> bool:
    """Return whether the person may read small counts of a unit."""
    return unit.level in (Level.PROVINCE, Level.CITY) or scope.may(
        Action.ASSESS_READ, unit, sensitivity=HOUSEHOLD
    )


def situations_shown(
    assessment: Assessment, rows: Iterable[UnitSituation], *, scope: Scope
) -> list[UnitSituation]:
    """Return the rows with `Hidden` in the place of counts that the person may not see.

    What is made of a hidden count goes with it: the values of the tier's trace, its chances, the cases
    expected. The rows must not be saved.
    """
    found = list(rows)
    if all(exact(scope, row.unit) for row in found):
        return found
    every = {
        row.unit_id: row
        for row in UnitSituation.objects.filter(
            assessment=assessment, unit__level=Level.COUNTY
        ).select_related("unit")
    }
    units = [row.unit for row in every.values()]
    shown = table_shown_to(
        scope,
        units,
        {name: [getattr(row, name) for row in every.values()] for name in COUNTS},
        action=Action.ASSESS_READ,
        sums=[Sum("confirmed", ("active", "cured", "deaths"))],
        sums_above=True,  # a city's page tells what none of its counties has reported
    )
    place = {unit.pk: i for i, unit in enumerate(units)}
    for row in found:
        if not exact(scope, row.unit):
            _hide(row, {name: shown.cells[name][place[row.unit_id]] for name in COUNTS})
    return found


def _hide(row: UnitSituation, cells: dict[str, Any]) -> None:
    for name, cell in cells.items():
        if isinstance(cell, Hidden):
            setattr(row, name, cell)
    if hides(row):
        row.trace = trace_shown(row.trace)
        row.chances, row.pending = {}, {}


def hides(row: UnitSituation) -> bool:
    """Return whether a count of the row is hidden."""
    return any(isinstance(getattr(row, name), Hidden) for name in COUNTS)


def trace_shown(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a trace that says which rule held and what was unknown, without the numbers it used."""
    return [
        {**step, "values": {k: v for k, v in step["values"].items() if v is None}} for step in trace
    ]


def changes_shown(changes: Iterable[TierChange], *, scope: Scope) -> list[TierChange]:
    """Return tier changes, their traces without numbers where the person may not see small counts."""
    found = list(changes)
    for change in found:
        if not exact(scope, change.unit):
            change.trace = trace_shown(change.trace)
    return found


def alarms_shown(alarms: Iterable[Alarm], *, scope: Scope) -> list[Alarm]:
    """Return alarms, without their numbers where a small count of theirs may not be seen."""
    found = list(alarms)
    for alarm in found:
        seen = alarm.observed
        small = seen is not None and 0 < seen < LEAST
        if (small or alarm.evidence.get("before")) and not exact(scope, alarm.unit):
            alarm.observed = Hidden.FEWER if small else Hidden.WITHHELD  # type: ignore[assignment]
            alarm.expected = alarm.p_value = None
            alarm.evidence = {k: v for k, v in alarm.evidence.items() if k not in NUMBERS_OF_ALARMS}
    return found


def for_export(value: Any) -> Any:
    """Return a value as a file or the API tells it: a hidden count is a mark, never a number."""
    return value.in_export if isinstance(value, Hidden) else value


def by_size(value: Any) -> float:
    """Return a count to sort by, the most first; hidden and unknown ones come last, as one."""
    return 0.0 if value is None or isinstance(value, Hidden) else -float(value)
