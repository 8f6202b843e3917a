"""Looking for persons who stand twice, and deciding on a pair; every decision can be undone."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit, retention
from yipan.access.identity import open_together
from yipan.access.models import Identity, Incident
from yipan.access.queries import board_now
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import IDENTITY, Scope
from yipan.report.contacts.errors import PairDecided
from yipan.report.duplicates.linkage import PROPOSED_FROM, compare, entry
from yipan.report.duplicates.models import Decision, Pair, Verdict
from yipan.report.duplicates.queries import of_incident, verdict_of
from yipan.report.errors import Missing


def propose(
    *,
    incident: Incident,
    reason: str,
    scope: Scope,
    at: datetime,
    least_probability: float = PROPOSED_FROM,
) -> list[Pair]:
    """Compare the persons in sight and keep the pairs that may be one; return those that are new.

    Their identifiers are opened in memory for this one logged purpose; only ids and weights are
    written. Needs the right to see persons. Raises what `open_together` raises.
    """
    known = of_incident(incident)
    opened = {
        pk: who
        for pk, who in open_together(reason=reason, scope=scope, at=at).items()
        if pk in known
    }
    likely = compare(
        [
            entry(pk, number=w.number, name=w.name, phone=w.phone, address=w.address)
            for pk, w in opened.items()
        ],
        least_probability=least_probability,
    )
    with transaction.atomic(), rows_within(scope, Action.IDENTITY_REVEAL, sensitivity=IDENTITY):
        there = set(Pair.objects.filter(incident=incident).values_list("one_id", "other_id"))
        persons = Identity.objects.select_related("unit").in_bulk(
            {p.one for p in likely} | {p.other for p in likely}
        )
        fresh = [
            Pair(
                incident=incident,
                unit=persons[p.one].unit,
                one=persons[p.one],
                other=persons[p.other],
                weight=p.weight,
                probability=p.probability,
                proposed_at=at,
                proposed_by=scope.user,
                expires_at=min(persons[p.one].expires_at, persons[p.other].expires_at),
            )
            for p in likely
            if (p.one, p.other) not in there
        ]
        Pair.objects.bulk_create(fresh)
        audit.record(
            event="duplicates.proposed",
            at=at,
            actor=scope.user,
            object_type="pair",
            object_id="",
            unit=scope.home,
            incident=incident,
            detail={"compared": len(opened), "pairs": len(fresh)},
        )
    return fresh


def decide(*, pair: Pair, verdict: str, reason: str, scope: Scope, at: datetime) -> Decision:
    """Decide on a pair, or open it again, with a reason; what was decided before stays in the log.

    Needs the right to see persons at both places. Raises Missing (R118) without a reason,
    PairDecided (R165) where nothing would change.
    """
    for who in (pair.one, pair.other):
        scope.check(Action.IDENTITY_REVEAL, who.unit, sensitivity=IDENTITY)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    if verdict not in Verdict.values:
        raise Missing(label=_("Decision"))
    with transaction.atomic(), every_row():
        Pair.objects.select_for_update().get(pk=pair.pk)
        if verdict_of(pair, known_at=at) == verdict:
            raise PairDecided
        made = Decision.objects.create(
            pair=pair,
            unit=pair.unit,
            verdict=verdict,
            reason=reason.strip()[:300],
            recorded_at=at,
            recorded_by=scope.user,
        )
        audit.record(
            event="duplicates.decided",
            at=at,
            actor=scope.user,
            object_type="pair",
            object_id=pair.pk,
            unit=pair.unit,
            incident=pair.incident,
            detail={"verdict": verdict},
        )
    return made


def end_expired(at: datetime) -> int:
    """Delete the pairs whose persons' time is over, with their decisions, and return how many."""
    ended = 0
    with every_row():
        for incident in Incident.objects.all():
            now = board_now(incident, at)
            ended += Pair.objects.filter(incident=incident, expires_at__lte=now).delete()[0]
    return ended


retention.ends("duplicates", end_expired)
