"""Taking a file in: all of it or a piece at a time, what is good taken, what is not kept aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from django.db import transaction

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import CASE, PUBLIC, Scope
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.cases.actions import take_cases
from yipan.report.errors import FileGone, KeyTaken
from yipan.report.exchange import store
from yipan.report.exchange.kinds import cases as case_files
from yipan.report.exchange.kinds import counts as count_files
from yipan.report.exchange.kinds.counts import Refused
from yipan.report.exchange.reading import read_table
from yipan.report.exchange.tables import Table
from yipan.report.models import RowAside, Source, Submission
from yipan.report.values import queries
from yipan.report.values.actions import check_open, take_under

Kind = Literal["counts", "cases"]
PIECE = 4000  # rows read in one request: about a second, so a page always answers


def take_file(
    *,
    incident: Incident,
    unit: Unit,
    body: bytes,
    name: str,
    kind: Kind,
    actor: User | None,
    at: datetime,
    scope: Scope,
    client_key: str,
) -> Submission:
    """Take a file and return its submission; the same key, or the same file again, adds nothing.

    Rows that cannot be taken are kept aside under the submission. A file of counts longer than a
    piece is taken a piece at a time: while `rows_read` < `rows_total`, call `go_on`. Raises what
    reading raises (R111–R115, R127), StoodDown (R125), KeyTaken (R123) and what `scope.check` raises.
    """
    sensitivity = CASE if kind == "cases" else PUBLIC
    scope.check(Action.REPORT_SUBMIT, unit, sensitivity=sensitivity)
    check_open(incident, at)
    digest = store.digest_of(body)
    there = _there(incident, unit, client_key, digest, kind)
    if there is not None:
        return there
    columns = case_files.COLUMNS if kind == "cases" else count_files.COLUMNS
    table = read_table(body, columns, name=name)
    if kind == "counts":
        store.keep(body)
    today = places.board_time(incident.package).local_day(at)
    with transaction.atomic():
        head = Submission.objects.create(
            incident=incident,
            unit=unit,
            actor=actor,
            source=Source.FILE,
            client_key=client_key,
            received_at=at,
            file_name=name[:255],
            file_digest=digest,
            file_encoding=table.encoding,
            file_expires_on=today + store.KEPT if kind == "counts" else None,
            file_kind=kind,
            rows_total=table.rows[-1].number,
            rows_read=0,
            columns_unread=[list(pair) for pair in table.unread],
        )
        audit.record(
            event="report.file_taken",
            at=at,
            actor=actor,
            object_type="submission",
            object_id=str(head.pk),
            unit=unit,
            incident=incident,
            detail={"kind": kind, "rows": len(table.rows), "digest": digest},
        )
        if kind == "cases":
            _take_cases(head, table, at=at, actor=actor, scope=scope)
        else:
            _take_piece(head, table, at=at, scope=scope)
    return head


def go_on(*, submission: Submission, at: datetime, scope: Scope) -> Submission:
    """Take the next piece of a long file and return its submission; at its end it changes nothing.

    Raises FileGone (R128) where the original has expired meanwhile.
    """
    scope.check(Action.REPORT_SUBMIT, submission.unit)
    check_open(submission.incident, at)
    body = store.kept(submission.file_digest)
    if body is None:
        raise FileGone(name=submission.file_name, where=submission.file_name)
    table = read_table(body, count_files.COLUMNS, name=submission.file_name)
    with transaction.atomic():
        head = Submission.objects.select_for_update().get(pk=submission.pk)
        if head.rows_read != head.rows_total:
            _take_piece(head, table, at=at, scope=scope)
    return head


def units_to_report_for(
    incident: Incident, scope: Scope, *, sensitivity: int = PUBLIC
) -> dict[str, tuple[int, str]]:
    """Return (id, level) by code of the units that a person may report for."""
    units = scope.filter(
        Unit.objects.filter(package=incident.package_id),
        unit="",
        action=Action.REPORT_SUBMIT,
        sensitivity=sensitivity,
    )
    rows = units.order_by().values_list("code", "pk", "level")
    return {code: (pk, level) for code, pk, level in rows}


def _there(incident: Incident, unit: Unit, key: str, digest: str, kind: str) -> Submission | None:
    by_key = Submission.objects.filter(client_key=key).first()
    if by_key is not None:
        if (by_key.incident_id, by_key.unit_id, by_key.file_digest) != (
            incident.pk,
            unit.pk,
            digest,
        ):
            raise KeyTaken(where=unit.code)
        return by_key
    same = Submission.objects.filter(
        incident=incident, unit=unit, source=Source.FILE, file_digest=digest, file_kind=kind
    )
    return same.order_by("pk").first()


def _take_piece(head: Submission, table: Table, *, at: datetime, scope: Scope) -> None:
    known = units_to_report_for(head.incident, scope)
    ids = {code: pk for code, (pk, _level) in known.items()}
    reading = count_files.read_counts(table, units=ids)
    begun = head.rows_read or 0
    ahead = [row.number for row in table.rows if row.number > begun][:PIECE]
    last = ahead[-1] if ahead else head.rows_total or 0
    reports = [r for r in reading.reports if begun < (r.row or 0) <= last]
    refused = [r for r in reading.refused if begun < r.row <= last]
    levels = dict(known.values())
    values, aside = take_under(head=head, rows=reports, levels=levels, at=at)
    keep_aside(head, refused, kind="counts")
    head.rows_read = last
    head.rows_accepted += values
    head.rows_aside += aside + len(refused)
    head.save(update_fields=["rows_read", "rows_accepted", "rows_aside"])


def _take_cases(
    head: Submission, table: Table, *, at: datetime, actor: User | None, scope: Scope
) -> None:
    incident = head.incident
    known = units_to_report_for(incident, scope, sensitivity=CASE)
    reading = case_files.read_cases(
        table,
        incident=incident,
        units={code: pk for code, (pk, level) in known.items() if level == Level.COUNTY},
        today=places.board_time(incident.package).local_day(at),
        first=queries.first_day(incident),
    )
    take_cases(
        incident=incident,
        cases=[case for _row, case in reading.cases],
        actor=actor,
        source=Source.FILE,
        at=at,
        unit=head.unit,
        submission=head,
    )
    keep_aside(head, reading.refused, kind="cases")
    head.rows_read = head.rows_total
    head.rows_aside = len(reading.refused)
    head.save(update_fields=["rows_read", "rows_aside"])


def keep_aside(head: Submission, refused: Sequence[Refused], *, kind: Kind) -> None:
    """Keep rows aside under their submission, each with what was wrong."""
    RowAside.objects.bulk_create(
        (
            RowAside(
                submission=head,
                unit_id=r.unit,
                kind=kind,
                row=r.row,
                field=r.field,
                raw=r.raw,
                code=r.fault.code,
                params=_plain(r.fault.params),
                message=r.fault.message,
                remedy=r.fault.remedy,
            )
            for r in refused
        ),
        batch_size=1000,
    )


def _plain(params: Mapping[str, object]) -> dict[str, object]:
    return {k: v if isinstance(v, int | float | str) else str(v) for k, v in params.items()}
