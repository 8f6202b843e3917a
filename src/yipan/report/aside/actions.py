"""Settling a row that was kept aside: corrected and taken, or dismissed with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import CASE, PUBLIC, Scope
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.cases.actions import differs, known_cases, pseudonym, take_cases
from yipan.report.cases.rules import read_case
from yipan.report.errors import AlreadySettled, Missing, NothingSent
from yipan.report.exchange.actions import units_to_report_for
from yipan.report.exchange.kinds.cases import unexplained
from yipan.report.exchange.kinds.counts import Reading, find_unit, read_row
from yipan.report.exchange.tables import Row
from yipan.report.models import RowAside, Settlement, Source, Submission
from yipan.report.values import queries
from yipan.report.values.actions import check_open, submit_values


def correct(
    *, row: RowAside, cells: Mapping[str, str], by: User | None, at: datetime, scope: Scope
) -> Submission:
    """Take a row as corrected in `cells` and return its own submission.

    The row passes the same door again and is settled only if it passes whole: raises the fault it
    still has, AlreadySettled (R124), and what `scope.check` raises.
    """
    with transaction.atomic():
        row = _open(row)
        check_open(row.submission.incident, at)
        take = _take_case if row.kind == "cases" else _take_counts
        taken = take(row, {**_raw(row), **cells}, by, at, scope)
        _settle(row, Settlement.CORRECTED, by, at, reason="", replaced_by=taken)
    return taken


def dismiss(*, row: RowAside, reason: str, by: User | None, at: datetime, scope: Scope) -> RowAside:
    """Dismiss a row with a reason; raises Missing (R118) without one, AlreadySettled (R124)."""
    if not reason.strip():
        raise Missing(label=_("Reason"))
    with transaction.atomic():
        row = _open(row)
        _check_may(row, scope)
        _settle(row, Settlement.DISMISSED, by, at, reason=reason.strip(), replaced_by=None)
    return row


def _open(row: RowAside) -> RowAside:
    held = (
        RowAside.objects.select_for_update(of=("self",))
        .select_related("submission__incident__package", "submission__unit", "unit")
        .get(pk=row.pk)
    )
    if held.settled_at is not None:
        raise AlreadySettled(at=held.settled_at.isoformat(timespec="minutes"))
    return held


def _check_may(row: RowAside, scope: Scope) -> None:
    sensitivity = CASE if row.kind == "cases" else PUBLIC
    scope.check(Action.REPORT_SUBMIT, row.unit or row.submission.unit, sensitivity=sensitivity)


def _raw(row: RowAside) -> dict[str, str]:
    raw = {key: "" if value is None else str(value) for key, value in row.raw.items()}
    if "unit" not in raw and row.unit is not None:
        raw["unit"] = row.unit.code
    return raw


def _take_counts(
    row: RowAside, raw: dict[str, str], by: User | None, at: datetime, scope: Scope
) -> Submission:
    incident = row.submission.incident
    known = units_to_report_for(incident, scope)
    reading = Reading()
    # Only the cell that was kept aside: the others of its row were taken with the file.
    wanted = {row.field, "unit", "day", "reason"} if row.field else set(raw)
    cells = {key: value for key, value in raw.items() if key in wanted}
    ids = {code: pk for code, (pk, _level) in known.items()}
    read_row(Row(row.row, cells, 0, 0), units=ids, serial=False, into=reading)
    if reading.refused:
        raise reading.refused[0].fault
    if not reading.reports:
        raise NothingSent()
    report = reading.reports[0]
    return submit_values(
        incident=incident,
        unit=Unit.objects.get(pk=report.unit),
        day=report.day,
        values=report.values,
        actor=by,
        source=Source.FORM,
        at=at,
        client_key=f"aside:{row.pk}",
        scope=scope,
        reasons=dict.fromkeys(report.values, report.reason) if report.reason else {},
    )


def _take_case(
    row: RowAside, raw: dict[str, str], by: User | None, at: datetime, scope: Scope
) -> Submission:
    incident = row.submission.incident
    known = units_to_report_for(incident, scope, sensitivity=CASE)
    counties = {code: pk for code, (pk, level) in known.items() if level == Level.COUNTY}
    unit = find_unit(raw.get("unit", "").strip(), counties)
    case = read_case(
        raw,
        unit=unit,
        today=places.board_time(incident.package).local_day(at),
        first=queries.first_day(incident),
    )
    name = pseudonym(incident, case.number)
    before = known_cases(incident, [name]).get(name)
    if before is not None and not case.reason and differs(before, case):
        raise unexplained(case)
    return take_cases(
        incident=incident,
        cases=[case],
        actor=by,
        source=Source.FORM,
        at=at,
        unit=Unit.objects.get(pk=unit),
        client_key=f"aside:{row.pk}",
    )


def _settle(
    row: RowAside,
    how: Settlement,
    by: User | None,
    at: datetime,
    *,
    reason: str,
    replaced_by: Submission | None,
) -> None:
    row.settled_at, row.settled_by, row.settlement = at, by, how
    row.reason, row.replaced_by = reason, replaced_by
    row.save(update_fields=["settled_at", "settled_by", "settlement", "reason", "replaced_by"])
    audit.record(
        event="report.row_settled",
        at=at,
        actor=by,
        object_type="row_aside",
        object_id=str(row.pk),
        unit=row.unit or row.submission.unit,
        incident=row.submission.incident,
        detail={"how": str(how), "code": row.code},
    )
