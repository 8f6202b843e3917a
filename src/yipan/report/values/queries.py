"""Every read of values, each as known at a moment, and the set-based writes.

A value counts at `known_at` when it was recorded at or before it; of several versions the latest
of those counts. Nothing recorded later enters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from django.db import connection, models, transaction
from django.db.models import Max, Q, QuerySet
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.places.models import Package, PublishedCount, Unit
from yipan.report.dictionary import ELEMENTS, asked_of
from yipan.report.models import Absence, Source, Submission, Value

Units = Sequence[Unit] | Sequence[int] | QuerySet[Unit]


def daily_counts(
    incident: Incident,
    *,
    units: Units,
    element: str,
    first: date,
    last: date,
    known_at: datetime,
) -> NDArray[np.float64]:
    """Return an array [day, unit] of one element, NaN where it was not reported.

    Days run from `first` to `last`, both included; columns follow `units`. A zero is a reported
    zero. Only what was recorded by `known_at` enters, in its latest version known then.
    """
    ids = [u.pk if isinstance(u, Unit) else int(u) for u in units]
    column = {pk: i for i, pk in enumerate(ids)}
    table = np.full((max((last - first).days + 1, 0), len(ids)), np.nan)
    rows = Value.objects.filter(
        incident=incident,
        element=element,
        day__range=(first, last),
        recorded_at__lte=known_at,
    ).order_by("version")
    if len(ids) <= 300:
        rows = rows.filter(unit__in=ids)
    for unit, day, value in rows.values_list("unit_id", "day", "value"):
        at = column.get(unit)
        if at is not None:
            table[(day - first).days, at] = np.nan if value is None else value
    return table


def cumulative_counts(
    incident: Incident,
    *,
    units: Units,
    element: str,
    first: date,
    last: date,
    known_at: datetime,
) -> NDArray[np.float64]:
    """Return an array [day, unit] of a published running total, NaN where nothing was published.

    Raises KeyError when the element is no running total: a flow is never read as one.
    """
    if not ELEMENTS[element].cumulative:
        raise KeyError(f"{element} is not a running total")
    return daily_counts(
        incident, units=units, element=element, first=first, last=last, known_at=known_at
    )


@dataclass(frozen=True)
class Rolled:
    """One element summed over the units below one unit."""

    total: float
    reported: int  # units that reported it


def roll_up(
    incident: Incident, *, level: str, day: date, known_at: datetime, elements: Sequence[str] = ()
) -> dict[int, dict[str, Rolled]]:
    """Return sums of a day's values by the unit of `level` above each, one statement for all.

    Only the latest version known at the moment counts; a withdrawn value counts nowhere. Values of
    the level itself or of levels above are not summed. Running totals and stocks are summed as they stand.
    """
    value, unit = Value._meta.db_table, Unit._meta.db_table
    named = f"AND v.element IN ({', '.join(['%s'] * len(elements))})" if elements else ""
    sql = f"""
        WITH later AS (
            -- few values are ever corrected: looking these up costs less than ranking all
            SELECT v.unit_id, v.element, MAX(v.version) AS version
            FROM {value} v
            WHERE v.incident_id = %s AND v.day = %s AND v.recorded_at <= %s AND v.version > 1 {named}
            GROUP BY v.unit_id, v.element
        ),
        below AS (
            -- the unit of the level that stands last before a unit, in the order of the tree, holds it
            SELECT u.id AS unit_id,
                   MAX(CASE WHEN u.level = %s THEN u.lft END) OVER (ORDER BY u.lft) AS top_lft,
                   u.rgt, u.level
            FROM {unit} u
            WHERE u.package_id = %s
        )
        SELECT top.id, v.element, SUM(v.value), COUNT(v.value)
        FROM {value} v
        LEFT JOIN later l ON l.unit_id = v.unit_id AND l.element = v.element
        JOIN below b ON b.unit_id = v.unit_id
        JOIN {unit} top ON top.package_id = %s AND top.lft = b.top_lft AND b.rgt < top.rgt
        WHERE v.incident_id = %s AND v.day = %s AND v.recorded_at <= %s {named}
          AND v.version = COALESCE(l.version, 1) AND v.value IS NOT NULL AND b.level <> %s
        GROUP BY top.id, v.element
    """
    prep = connection.ops.adapt_datetimefield_value
    these = [incident.pk, connection.ops.adapt_datefield_value(day), prep(known_at), *elements]
    given = [*these, level, incident.package_id, incident.package_id, *these, level]
    found: dict[int, dict[str, Rolled]] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A morning's values are newer than the table's statistics: PostgreSQL would walk a loop
            # of a million steps where it should hash.
            cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(sql, given)
        rows = cursor.fetchall()
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_nestloop = on")
        for top, element, total, reported in rows:
            found.setdefault(top, {})[element] = Rolled(float(total), int(reported))
    return found


def values_of(incident: Incident, *, unit: Unit, day: date, known_at: datetime) -> dict[str, Value]:
    """Return the values of one unit and day by element, each in its latest version known then."""
    rows = Value.objects.filter(
        incident=incident, unit=unit, day=day, recorded_at__lte=known_at
    ).select_related("submission__actor")
    return {v.element: v for v in rows.order_by("version")}


def values_in_scope(
    incident: Incident, *, scope: Scope, day: date, known_at: datetime
) -> list[tuple[str, date, str, float, str, datetime]]:
    """Return (unit code, day, element, value, text, known from) of a day in scope, as known at a moment."""
    rows = Value.objects.filter(incident=incident, day=day, recorded_at__lte=known_at)
    seen = scope.filter(rows, action=Action.REPORT_READ).order_by("version")
    latest: dict[tuple[str, str], tuple[str, date, str, float | None, str, datetime]] = {}
    for row in seen.values_list(
        "unit__code", "day", "element", "value", "text", "recorded_at"
    ).iterator():
        latest[row[0], row[2]] = row
    return [
        (unit, on, element, value, text, at)
        for _key, (unit, on, element, value, text, at) in sorted(latest.items())
        if value is not None
    ]


def latest_before(
    incident: Incident, *, unit: Unit, day: date, known_at: datetime, back_days: int = 14
) -> dict[str, Value]:
    """Return, by element, the unit's value of the latest day before `day` (yesterday's, usually)."""
    rows = Value.objects.filter(
        incident=incident,
        unit=unit,
        day__lt=day,
        day__gte=day - timedelta(days=back_days),
        recorded_at__lte=known_at,
        value__isnull=False,
    )
    return {v.element: v for v in rows.order_by("day", "version")}


def history(
    incident: Incident, *, unit: Unit, element: str, day: date, known_at: datetime
) -> list[Value]:
    """Return every version of one value known at a moment, the latest first, with its source."""
    rows = Value.objects.filter(
        incident=incident, unit=unit, element=element, day=day, recorded_at__lte=known_at
    ).select_related("submission__actor", "unit")
    return list(rows.order_by("-version"))


def recent_values(
    incident: Incident, *, unit: Unit, known_at: datetime, days: int = 14
) -> list[Value]:
    """Return a unit's values of its latest days, current versions only, the latest day first."""
    latest = Value.objects.filter(
        incident=incident, unit=unit, recorded_at__lte=known_at
    ).aggregate(day=Max("day"))["day"]
    if latest is None:
        return []
    rows = Value.objects.filter(
        incident=incident,
        unit=unit,
        recorded_at__lte=known_at,
        day__gt=latest - timedelta(days=days),
    ).select_related("submission")
    current = {(v.day, v.element): v for v in rows.order_by("version")}
    order = list(ELEMENTS)
    return sorted(
        current.values(),
        key=lambda v: (-v.day.toordinal(), order.index(v.element) if v.element in order else 99),
    )


class Stood(NamedTuple):
    """What stood of one element: a value and, in words, its text."""

    value: float | None
    text: str


def standing(
    incident: Incident, *, unit: Unit, day: date, known_at: datetime, back_days: int = 14
) -> tuple[dict[str, Stood], dict[str, Stood], dict[str, int]]:
    """Return (known of the day, latest before it, versions written of the day) by element, in one query.

    A version recorded later than `known_at` (a bulletin read ahead) is not known, and still holds its number.
    """
    rows = Value.objects.filter(
        incident=incident, unit=unit, day__range=(day - timedelta(days=back_days), day)
    ).order_by("day", "version")
    known: dict[str, Stood] = {}
    before: dict[str, Stood] = {}
    versions: dict[str, int] = {}
    for element, on, version, value, text, recorded in rows.values_list(
        "element", "day", "version", "value", "text", "recorded_at"
    ):
        if on == day:
            versions[element] = version
            if recorded <= known_at:
                known[element] = Stood(value, text)
        elif recorded <= known_at and value is not None:
            before[element] = Stood(value, text)
    return known, before, versions


def first_day(incident: Incident) -> date:
    """Return the first day a fact may bear: of activation or, where earlier, of the first bulletin."""
    # A package's bulletins change only when it is loaded anew, with another digest.
    return _first_day(incident.package_id, incident.package.digest, incident.activated_at)


@lru_cache(maxsize=64)
def _first_day(package_id: int, digest: str, activated_at: datetime) -> date:
    package = Package.objects.get(pk=package_id)
    begun = places.board_time(package).local_day(activated_at)
    published = PublishedCount.objects.filter(unit__package=package_id).aggregate(
        first=models.Min("day")
    )["first"]
    return min(begun, published) if published else begun


# --- who is heard


def last_heard(
    incident: Incident, *, known_at: datetime, units: Units | None = None
) -> dict[int, datetime]:
    """Return when each unit last reported, by unit id; units never heard are absent.

    A file is counted for the units it speaks of, not for the one that sent it; bulletins are the
    authority's words about a unit, not the unit's own.
    """
    own = Submission.objects.filter(incident=incident, received_at__lte=known_at).exclude(
        source__in=[Source.FILE, Source.BULLETIN, Source.RECEIPT]
    )
    filed = Value.objects.filter(
        incident=incident, recorded_at__lte=known_at, submission__source=Source.FILE
    )
    if units is not None:
        ids = [u.pk if isinstance(u, Unit) else int(u) for u in units]
        own, filed = own.filter(unit__in=ids), filed.filter(unit__in=ids)
    heard = dict(own.order_by().values_list("unit").annotate(at=Max("received_at")))
    for unit, at in filed.order_by().values_list("unit").annotate(at=Max("recorded_at")):
        heard[unit] = max(at, heard.get(unit, at))
    return heard


@dataclass(frozen=True)
class Silent:
    """A unit that owes a report and has not been heard from, with its reason where one is known."""

    unit: Unit
    last_heard: datetime | None
    reason: str
    county: str

    def hours_at(self, at: datetime) -> int | None:
        """Return whole hours since it was last heard, None when never."""
        return (
            None if self.last_heard is None else int((at - self.last_heard).total_seconds() // 3600)
        )


def owing(
    incident: Incident, *, scope: Scope, level: str | None = None, day: date | None = None
) -> QuerySet[Unit]:
    """Return the units in scope that owe a daily report and are in being on the day."""
    units = Unit.objects.filter(package=incident.package_id, reports=True)
    if level is not None:
        units = units.filter(level=level)
    if day is not None:
        units = units.filter(Q(valid_from__isnull=True) | Q(valid_from__lte=day)).filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=day)
        )
    return scope.filter(units, unit="", action=Action.REPORT_READ).order_by("lft")


def _heard_of_day(incident: Incident, level: str, day: date, known_at: datetime) -> QuerySet[Any]:
    asked = [e.id for e in asked_of(level)]
    return (
        Value.objects.filter(
            incident=incident, day=day, recorded_at__lte=known_at, element__in=asked
        )
        .exclude(submission__source=Source.BULLETIN)
        .order_by()
        .values("unit")
        .distinct()
    )


def not_heard_from(
    incident: Incident, *, day: date, known_at: datetime, scope: Scope, level: str
) -> list[Silent]:
    """Return the units of a level that owe a report for `day` and had sent none by `known_at`."""
    silent = list(
        owing(incident, scope=scope, level=level, day=day).exclude(
            pk__in=_heard_of_day(incident, level, day, known_at)
        )
    )
    heard = (
        last_heard(incident, known_at=known_at, units=silent)
        if len(silent) <= 300
        else last_heard(incident, known_at=known_at)
    )
    reasons = known_reasons(incident, at=known_at)
    counties = (
        _county_names(incident) if silent and level in ("township", "village", "facility") else []
    )
    return [
        Silent(u, heard.get(u.pk), reasons.get(u.pk, ""), _county_of(u, counties)) for u in silent
    ]


def _county_names(incident: Incident) -> list[Unit]:
    return list(Unit.objects.filter(package=incident.package_id, level="county").order_by("lft"))


def _county_of(unit: Unit, counties: Sequence[Unit]) -> str:
    """Return the name of the county above a unit; counties come in the order of the tree."""
    low, high = 0, len(counties)
    while low < high:
        mid = (low + high) // 2
        if counties[mid].lft <= unit.lft:
            low = mid + 1
        else:
            high = mid
    above = counties[low - 1] if low else None
    return above.name if above is not None and above.rgt >= unit.rgt else ""


def known_reasons(incident: Incident, *, at: datetime) -> dict[int, str]:
    """Return the known reasons of silence that stand at a moment, by unit id."""
    rows = Absence.objects.filter(incident=incident, since__lte=at, noted_at__lte=at).filter(
        Q(until__isnull=True) | Q(until__gt=at)
    )
    return dict(rows.order_by("noted_at").values_list("unit", "reason"))


def reported_share(
    incident: Incident, *, day: date, known_at: datetime, level: str, scope: Scope
) -> tuple[int, int]:
    """Return (units that reported for `day` by `known_at`, units that owe it)."""
    owed = owing(incident, scope=scope, level=level, day=day)
    heard = owed.filter(pk__in=_heard_of_day(incident, level, day, known_at)).count()
    return heard, owed.count()


def submissions(incident: Incident, *, scope: Scope, known_at: datetime) -> QuerySet[Submission]:
    """Return the submissions in scope received by a moment, the latest first."""
    rows = Submission.objects.filter(incident=incident, received_at__lte=known_at)
    return (
        scope.filter(rows, action=Action.REPORT_READ)
        .select_related("unit", "actor")
        .order_by("-received_at", "-pk")
    )


def corrections(incident: Incident, *, scope: Scope, known_at: datetime) -> QuerySet[Value]:
    """Return the corrections in scope known at a moment, the latest first."""
    rows = Value.objects.filter(incident=incident, version__gt=1, recorded_at__lte=known_at)
    return (
        scope.filter(rows, action=Action.REPORT_READ)
        .select_related("unit", "submission__actor")
        .order_by("-recorded_at", "-pk")
    )


# --- set-based writes


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write many rows with the database's fastest statement: COPY on PostgreSQL, one prepared
    INSERT on SQLite. Constraints hold as for any other write."""
    meta = model._meta
    fields = [cast("models.Field[Any, Any]", meta.get_field(name)) for name in columns]
    names = ", ".join(connection.ops.quote_name(str(f.column)) for f in fields)
    table = connection.ops.quote_name(meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        prepare = [f.get_db_prep_save for f in fields]
        plain = [
            prepare[i] if isinstance(f, models.DateTimeField | models.DateField) else None
            for i, f in enumerate(fields)
        ]
        memo: dict[Any, Any] = {}

        def ready(row: Sequence[Any]) -> list[Any]:
            return [
                value
                if prep is None
                else memo[value]
                if value in memo
                else memo.setdefault(value, prep(value, connection))
                for value, prep in zip(row, plain, strict=True)
            ]

        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", [ready(r) for r in rows]
        )


def next_ids(model: type[models.Model], count: int) -> range | list[int]:
    """Return `count` fresh primary keys; call it inside the transaction that writes them."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [table, count],
            )
            return [row[0] for row in cursor.fetchall()]
        # IMMEDIATE transactions: nobody else can write before this one ends.
        cursor.execute(
            f"SELECT MAX(COALESCE((SELECT MAX(id) FROM {table}), 0), "
            f"COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
        )
        last = cursor.fetchone()[0]
        return range(last + 1, last + 1 + count)
