"""Alarms are written with the assessment that raises them; people judge them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.assess.errors import JudgedAlready, VerdictWithoutReason
from yipan.assess.models import Alarm, Assessment, Verdict
from yipan.assess.situation import picture
from yipan.assess.warnings.find import Finding, clusters


def write_alarms(assessment: Assessment, found: Sequence[Finding]) -> int:
    """Write the findings of an assessment as alarms; one a unit, kind and data day, however often asked."""
    rows = [
        Alarm(
            incident_id=assessment.incident_id,
            assessment=assessment,
            unit=finding.unit,
            kind=finding.kind,
            day=assessment.data_day,
            at=assessment.known_at,
            observed=finding.observed,
            expected=finding.expected,
            p_value=finding.p_value,
            evidence=dict(finding.evidence),
        )
        for finding in found
    ]
    before = Alarm.objects.filter(incident=assessment.incident_id).count()
    Alarm.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
    return Alarm.objects.filter(incident=assessment.incident_id).count() - before


def look_for_clusters(
    *, assessment: Assessment, at: datetime, by: User | None = None, seed: int = 1
) -> int:
    """Scan the counts of an assessment for clusters, write an alarm for each, return how many are new."""
    known = picture.read(assessment.incident, known_at=assessment.known_at)
    found = clusters(known, seed=seed)
    with transaction.atomic():
        fresh = write_alarms(assessment, found)
        audit.record(
            event="assess.clusters_sought",
            at=at,
            actor=by,
            object_type="assessment",
            object_id=str(assessment.pk),
            unit=known.province,
            incident=assessment.incident,
            detail={"found": len(found), "new": fresh, "seed": seed},
        )
    return fresh


def judge_alarm(
    *, alarm: Alarm, verdict: str, reason: str, by: User, at: datetime, scope: Scope
) -> Alarm:
    """Record what a person made of an alarm and return it.

    Raises NotSignedIn, NotFound or Forbidden by scope, VerdictWithoutReason (A206) for a false alarm
    without a reason, and JudgedAlready (A205) where somebody has judged it meanwhile.
    """
    scope.check(Action.ASSESS_RUN, alarm.unit)
    verdict = Verdict(verdict)
    if verdict == Verdict.FALSE and not reason.strip():
        raise VerdictWithoutReason(
            _("Why it was a false alarm is missing."),
            where="reason",
            remedy=_("Say in a few words what was found; it makes the next alarms better."),
        )
    with transaction.atomic():
        taken = Alarm.objects.filter(pk=alarm.pk, judged_at__isnull=True).update(
            verdict=verdict, reason=reason.strip(), judged_at=at, judged_by=by
        )
        if not taken:
            raise JudgedAlready(
                _("Somebody has judged this alarm already."),
                where=alarm.unit.code,
                remedy=_("Open it again to see what was found."),
            )
        audit.record(
            event="assess.alarm_judged",
            at=at,
            actor=by,
            object_type="alarm",
            object_id=str(alarm.pk),
            unit=alarm.unit,
            incident=alarm.incident,
            detail={"kind": alarm.kind, "verdict": verdict.value},
        )
    alarm.refresh_from_db()
    return alarm
