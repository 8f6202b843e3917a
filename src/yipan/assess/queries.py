"""Every read of assessments; other stages and the web read them here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope, nothing_there
from yipan.assess.errors import NothingAssessed
from yipan.assess.models import Assessment, Tier, TierChange, UnitSituation
from yipan.assess.situation import words
from yipan.places.models import Level, Unit

TIERS: tuple[str, ...] = tuple(Tier.values)


def latest(incident: Incident, *, at: datetime) -> Assessment | None:
    """Return the latest assessment of what was known at or before `at`, or None."""
    return Assessment.objects.filter(incident=incident, known_at__lte=at).last()


def latest_or_raise(incident: Incident, *, at: datetime) -> Assessment:
    """Return the latest assessment at or before `at`. Raises NothingAssessed (A202)."""
    found = latest(incident, at=at)
    if found is None:
        raise NothingAssessed(
            _("Nothing has been assessed yet at this moment."),
            where=incident.slug,
            remedy=_("Assess now on the page Assess, or run `yipan assess`."),
        )
    return found


def previous(assessment: Assessment) -> Assessment | None:
    """Return the assessment of the latest earlier data day, or None."""
    return Assessment.objects.filter(
        incident=assessment.incident_id, data_day__lt=assessment.data_day
    ).last()


def assessments(incident: Incident, *, at: datetime) -> QuerySet[Assessment]:
    """Return the assessments of moments up to `at`, the latest first, without their series."""
    return (
        Assessment.objects.filter(incident=incident, known_at__lte=at)
        .defer("series")
        .order_by("-known_at")
    )


def headline(assessment: Assessment) -> str:
    """Return the one sentence of an assessment, made from its numbers, in the language in use."""
    return words.headline(assessment.province, assessment.data_day)


def summary(assessment: Assessment) -> dict[str, Any]:
    """Return an assessment as the command line and the API print it: its figures, not its series."""
    return {
        "id": assessment.pk,
        "incident": assessment.incident.slug,
        "known_at": assessment.known_at,
        "data_day": assessment.data_day,
        "made_at": assessment.made_at,
        "seconds": round(assessment.seconds, 3),
        "headline": headline(assessment),
        "province": assessment.province,
        "method": assessment.method,
        "outlook": assessment.outlook,
    }


def tier_counts(assessment: Assessment) -> dict[str, tuple[int, int]]:
    """Return (counties, people) of each tier; every tier is named, also one that no county has."""
    rows = (
        UnitSituation.objects.filter(assessment=assessment, unit__level=Level.COUNTY)
        .order_by()
        .values_list("tier")
        .annotate(units=Count("pk"), people=Sum("unit__population"))
    )
    found = {tier: (units, int(people or 0)) for tier, units, people in rows}
    return {tier: found.get(tier, (0, 0)) for tier in TIERS}


def situations(assessment: Assessment, *, scope: Scope, level: str) -> QuerySet[UnitSituation]:
    """Return the situations of the units of one level ("county" or "city") in scope, by code."""
    rows = UnitSituation.objects.filter(assessment=assessment, unit__level=level)
    return (
        scope.filter(rows, action=Action.ASSESS_READ).select_related("unit").order_by("unit__code")
    )


def situation(assessment: Assessment, code: str, *, scope: Scope, level: str = "") -> UnitSituation:
    """Return one unit's situation; absent, of another level and out of sight raise the same NotFound (K004)."""
    rows = UnitSituation.objects.filter(assessment=assessment).select_related("unit__parent")
    rows = rows.filter(unit__level=level) if level else rows
    found = scope.filter(rows, action=Action.ASSESS_READ).filter(unit__code=code).first()
    if found is None:
        raise nothing_there(code)
    return found


def tier_changes(incident: Incident, *, scope: Scope, at: datetime) -> QuerySet[TierChange]:
    """Return the tier changes in scope up to a moment, the latest first."""
    rows = TierChange.objects.filter(incident=incident, at__lte=at)
    return (
        scope.filter(rows, action=Action.ASSESS_READ)
        .select_related("unit")
        .order_by("-at", "unit__code")
    )


def tier_history(
    incident: Incident, unit: Unit, *, scope: Scope, at: datetime
) -> QuerySet[TierChange]:
    """Return the changes of one unit's tier up to a moment, the latest first."""
    return tier_changes(incident, scope=scope, at=at).filter(unit=unit)


def changes_since(assessment: Assessment, *, scope: Scope) -> list[tuple[UnitSituation, str]]:
    """Return the counties in scope whose tier differs from the assessment before, each with its old tier."""
    before = previous(assessment)
    if before is None:
        return []
    old = dict(
        UnitSituation.objects.filter(assessment=before, unit__level=Level.COUNTY).values_list(
            "unit_id", "tier"
        )
    )
    now = situations(assessment, scope=scope, level=Level.COUNTY)
    return [(s, old[s.unit_id]) for s in now if s.unit_id in old and old[s.unit_id] != s.tier]


def of_units(assessment: Assessment, units: Sequence[int]) -> dict[int, UnitSituation]:
    """Return situations by unit id, for a stage that has already asked who may see them."""
    rows = UnitSituation.objects.filter(assessment=assessment, unit__in=list(units))
    return {row.unit_id: row for row in rows.select_related("unit")}


def forecasts_before(assessment: Assessment, *, days: int = 14) -> list[Assessment]:
    """Return the assessments of the `days` before this one that hold a forecast, the latest of each data day."""
    rows = Assessment.objects.filter(
        incident=assessment.incident_id,
        data_day__lt=assessment.data_day,
        data_day__gte=assessment.data_day - timedelta(days=days),
        outlook__has_key="forecast",
    )
    latest = {row.data_day: row for row in rows.defer("series").order_by("known_at")}
    return [row for _day, row in sorted(latest.items()) if "q05" in row.outlook["forecast"]]
