"""The line list as it leaves: pseudonymous, in the columns it comes in by, with R's tags, or as FHIR."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from yipan.access import audit, identity
from yipan.access.identity import Identifiers
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import CASE, IDENTITY, Scope
from yipan.report.cases.fhir import to_bundle
from yipan.report.cases.queries import reading, visible
from yipan.report.contacts.models import CasePerson
from yipan.report.contacts.queries import links, seen
from yipan.report.exchange.columns import CASE_COLUMNS
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.laboratory.queries import Specimen, specimens
from yipan.report.models import Case

TAGS = (
    "id", "location", "date_reporting", "date_onset", "age", "gender", "imported", "cluster",
    "outcome", "date_outcome", "infector", "case_type",
)  # fmt: skip
"""The tags of R's `linelist` that the line list has, in the order of its columns."""


def line_list_csv(rows: QuerySet[Case]) -> bytes:
    """Return cases as CSV under the columns of the door; call it where the rows are open to read."""
    return write_csv(
        [c.title for c in CASE_COLUMNS],
        ([*_cells(case), case.reason] for case in rows.iterator(chunk_size=2000)),
    )


def tagged_csv(
    incident: Incident, *, scope: Scope, known_at: datetime, at: datetime, actor: User | None
) -> bytes:
    """Return the cases in scope as CSV whose columns are the tags of R's `linelist`; recorded.

    Raises what `Scope.check` raises for somebody who may not export or read cases.
    """
    rows = _exported(incident, scope, known_at)
    here = {c.pseudonym for c in rows}
    infector = {c: s for s, c, _how in links(incident, known_at=known_at) if s in here}
    with transaction.atomic():
        _record(incident, scope, at, actor, "tags", len(rows))
        return write_csv(
            list(TAGS),
            ([*_cells(c), infector.get(c.pseudonym, ""), "confirmed"] for c in rows),
        )


def fhir_bundle(
    incident: Incident,
    *,
    scope: Scope,
    known_at: datetime,
    at: datetime,
    actor: User | None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Return the cases in scope as a FHIR R4 bundle; the export is recorded.

    With a reason (even an empty one), identifiers are asked for: that needs the right to see persons,
    a reason in words, and leaves one entry in the audit for each person. Raises what `Scope.check`
    and `identity.reveal` raise.
    """
    rows = _exported(incident, scope, known_at)
    found: dict[str, list[Specimen]] = defaultdict(list)
    for one in specimens(incident, scope=scope, known_at=known_at):
        if one.steps[0].case:
            found[one.steps[0].case].append(one)
    names: dict[str, Identifiers] = {}
    with transaction.atomic():
        if reason is not None:
            scope.check(Action.IDENTITY_REVEAL, sensitivity=IDENTITY)
            with reading(scope):
                persons = dict(
                    seen(CasePerson, incident, scope=scope, known_at=known_at)
                    .filter(identity__erased_at__isnull=True, identity__expires_at__gt=at)
                    .order_by("recorded_at")
                    .values_list("case", "identity_id")
                )
            names = {
                case: identity.reveal(identity_id=pk, reason=reason, scope=scope, at=at)
                for case, pk in persons.items()
            }
        _record(incident, scope, at, actor, "fhir", len(rows))
    return to_bundle(rows, results=found, names=names, at=at)


def _exported(incident: Incident, scope: Scope, known_at: datetime) -> list[Case]:
    scope.check(Action.EXPORT)
    scope.check(Action.CASE_READ, sensitivity=CASE)
    rows = visible(incident, scope=scope, known_at=known_at).select_related("unit", "incident")
    with reading(scope):
        return list(rows.order_by("report_day", "pseudonym"))


def _record(
    incident: Incident, scope: Scope, at: datetime, actor: User | None, kind: str, rows: int
) -> None:
    audit.record(
        event="cases.exported" if kind == "fhir" else "report.cases_read",
        at=at,
        actor=actor,
        object_type="line_list",
        object_id=kind,
        unit=scope.home,
        incident=incident,
        detail={"rows": rows},
    )


def _cells(case: Case) -> list[str | int]:
    return [
        case.pseudonym,
        case.unit.code,
        case.report_day.isoformat(),
        case.onset_day.isoformat() if case.onset_day else "",
        case.age_band,
        case.sex,
        "" if case.imported is None else int(case.imported),
        case.cluster,
        case.outcome,
        case.outcome_day.isoformat() if case.outcome_day else "",
    ]
