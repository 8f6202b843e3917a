"""Taking cases in: pseudonymous at the door, in versions."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from yipan.access import audit, retention
from yipan.access.models import Incident, User
from yipan.access.queries import board_now
from yipan.access.row_security import every_row
from yipan.places.models import Unit
from yipan.report.models import Case, Submission
from yipan.report.values.actions import check_open

# Health data has its end set when it is taken; a jurisdiction with another rule sets another.
RETENTION = timedelta(days=3 * 365)


class CaseRow(NamedTuple):
    """One case as it comes in; `number` is the sender's own case number, never kept."""

    unit: int
    number: str
    report_day: date
    onset_day: date | None = None
    age_band: str = ""
    sex: str = ""
    imported: bool | None = None
    cluster: str = ""
    outcome: str = ""
    outcome_day: date | None = None
    recorded_at: datetime | None = None
    reason: str = ""


KEPT = "pseudonym:"  # a row kept aside carries this and the digest instead of the sender's number


def pseudonym(incident: Incident, number: str) -> str:
    """Return the stable pseudonym of a case number: a keyed digest, of no use outside this system.

    A number that a kept row carries as `pseudonym:` is that pseudonym already.
    """
    if number.startswith(KEPT):
        return number.removeprefix(KEPT)
    key = hashlib.sha256(f"{settings.SECRET_KEY}:case:{incident.pk}".encode()).digest()
    return hmac.new(key, number.strip().encode(), hashlib.sha256).hexdigest()[:32]


def take_cases(
    *,
    incident: Incident,
    cases: Sequence[CaseRow],
    actor: User | None,
    source: str,
    at: datetime,
    unit: Unit,
    synthetic: bool = False,
    client_key: str | None = None,
    submission: Submission | None = None,
) -> Submission:
    """Take cases in bulk and return their submission, the same one for a replayed key.

    A number that is known becomes a new version where something changed and the row has a reason;
    an equal row is left out. `unit` is who sends. Rows come checked (see cases.rules).
    """
    check_open(incident, at)
    key = client_key or str(uuid.uuid4())
    with transaction.atomic():
        there = Submission.objects.filter(client_key=key).first() if submission is None else None
        if there is not None:
            return there
        head = submission or Submission.objects.create(
            incident=incident, unit=unit, actor=actor, source=source, client_key=key, received_at=at
        )
        fresh = _versions(incident, cases, head, at, synthetic)
        with every_row():  # whose the rows may be was checked at the door
            Case.objects.bulk_create(fresh, batch_size=500)
        head.rows_accepted = len(cases)
        head.save(update_fields=["rows_accepted"])
        audit.record(
            event="report.cases_taken",
            at=at,
            actor=actor,
            object_type="submission",
            object_id=str(head.pk),
            unit=unit,
            incident=incident,
            detail={"cases": len(cases), "synthetic": synthetic},
        )
    return head


def known_cases(incident: Incident, pseudonyms: Sequence[str]) -> dict[str, Case]:
    """Return the latest version of each of these cases, by pseudonym, wherever it is now."""
    found: dict[str, Case] = {}
    with every_row():
        latest = dict(
            Case.objects.filter(incident=incident)
            .order_by()
            .values_list("pseudonym")
            .annotate(Max("pk"))
        )
        wanted = [latest[p] for p in set(pseudonyms) & latest.keys()]
        for start in range(0, len(wanted), 500):
            for case in Case.objects.filter(pk__in=wanted[start : start + 500]):
                found[case.pseudonym] = case
    return found


FACTS = (
    "onset_day", "report_day", "age_band", "sex", "imported", "cluster", "outcome", "outcome_day",
)  # fmt: skip


def differs(known: Case, row: CaseRow) -> bool:
    """Return whether a row says something else than the case as known."""
    return known.unit_id != row.unit or any(
        getattr(known, name) != getattr(row, name) for name in FACTS
    )


def _versions(
    incident: Incident, rows: Sequence[CaseRow], head: Submission, at: datetime, synthetic: bool
) -> list[Case]:
    names = [pseudonym(incident, row.number) for row in rows]
    known = known_cases(incident, names)
    fresh: list[Case] = []
    for name, row in zip(names, rows, strict=True):
        before = known.get(name)
        if before is not None and not differs(before, row):
            continue
        recorded = row.recorded_at or at
        case = Case(
            incident=incident,
            unit_id=row.unit,
            pseudonym=name,
            version=1 if before is None else before.version + 1,
            recorded_at=recorded,
            expires_at=recorded + RETENTION,
            synthetic=synthetic,
            reason="" if before is None else row.reason,
            submission=head,
            **{fact: getattr(row, fact) for fact in FACTS},
        )
        known[name] = case
        fresh.append(case)
    return fresh


def end_expired(at: datetime) -> int:
    """Delete the versions of cases whose time is over by their incident's own clock; return how many."""
    ended = 0
    with every_row():
        for incident in Incident.objects.all():
            now = board_now(incident, at)
            ended += Case.objects.filter(incident=incident, expires_at__lte=now).delete()[0]
    return ended


retention.ends("cases", end_expired)
