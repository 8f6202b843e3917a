"""The rows kept aside that a person may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.places.models import Level
from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import words_for
from yipan.report.exchange.columns import CASE_COLUMNS, count_columns
from yipan.report.models import RowAside


def rows_aside(
    incident: Incident, *, scope: Scope, known_at: datetime, settled: bool | None = False
) -> QuerySet[RowAside]:
    """Return the rows aside in scope, the latest first; settled ones too if `settled` is None.

    A row whose unit could be told belongs to it, otherwise to its sender. Rows of a line list are
    seen only with the right to read one.
    """
    rows = RowAside.objects.filter(
        submission__incident=incident, submission__received_at__lte=known_at
    )
    if not settled and settled is not None:
        rows = rows.filter(Q(settled_at__isnull=True) | Q(settled_at__gt=known_at))
    elif settled:
        rows = rows.filter(settled_at__lte=known_at)
    if not scope.system:
        counts = _where(scope, Action.REPORT_READ, 0)
        cases = _where(scope, Action.CASE_READ, CASE)
        rows = rows.filter((Q(kind="counts") & counts) | (Q(kind="cases") & cases))
    return rows.select_related(
        "submission__unit", "submission__actor", "unit", "settled_by"
    ).order_by("-submission__received_at", "submission_id", "row", "pk")


def _where(scope: Scope, action: Action, sensitivity: int) -> Q:
    own = scope.condition(action=action, sensitivity=sensitivity)
    senders = scope.condition(action=action, unit="submission__unit", sensitivity=sensitivity)
    return (Q(unit__isnull=False) & own) | (Q(unit__isnull=True) & senders)


@dataclass(frozen=True)
class Cell:
    """One cell of a row aside, as a person corrects it."""

    key: str
    label: str
    text: str
    wrong: bool


def cells_of(row: RowAside) -> list[Cell]:
    """Return a row's cells under their names in the language in use, the wrong one marked."""
    columns = CASE_COLUMNS if row.kind == "cases" else count_columns()
    titles = {c.key: c.title for c in columns}
    shown = []
    for key, value in row.raw.items():
        element = ELEMENTS.get(key)
        if key == "unit_name" or key not in titles:
            continue
        text = "" if value is None else str(value)
        if element is not None and text.endswith(".0"):
            text = text[:-2]
        shown.append(Cell(key, titles[key], text, key == row.field))
    return shown


def words_of(row: RowAside) -> tuple[str, str]:
    """Return a row's (message, remedy) in the language in use; as first written if that fails."""
    params = dict(row.params)
    element = ELEMENTS.get(row.field)
    if element is not None and "label" in params:
        params["label"] = element.label  # as the reader calls it, not as its sender did
    if params.get("level") in Level.values:
        params["level"] = Level(params["level"]).label
        levels = str(params.get("levels", "")).split(", ")
        params["levels"] = ", ".join(str(Level(n).label) for n in levels if n in Level.values)
    try:
        message, remedy = words_for(row.code, params)
    except (KeyError, TypeError, ValueError):
        message, remedy = "", ""  # kept by an older version with other figures
    return message or row.message, remedy or row.remedy
