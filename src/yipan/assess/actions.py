"""Assess one moment: read what was known, estimate, decide the tiers, keep the snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np
from django.db import transaction

from yipan import __version__
from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.queries import board_now
from yipan.assess import assumptions
from yipan.assess.models import Assessment, Tier, TierChange, UnitSituation
from yipan.assess.outlook.look import look
from yipan.assess.rules import check_moment
from yipan.assess.situation import figures, onset, picture, transmission
from yipan.assess.situation.figures import UnitFigures, whole
from yipan.assess.situation.picture import Known
from yipan.assess.tiers.chances import chances_of_counties
from yipan.assess.tiers.facts import facts_of_counties
from yipan.assess.tiers.packs import Pack, pack_of
from yipan.assess.warnings.actions import write_alarms
from yipan.assess.warnings.find import ALPHA, linked_cases, of_counts
from yipan.engines.surveillance.tiers import TierDecision, decide_tier
from yipan.places.models import Level, Unit

CLOSER_WITHIN = timedelta(hours=36)
"""An assessment of a moment this recent gets the closer look at once; one of the past on demand."""


def assess(
    *, incident: Incident, known_at: datetime, made_at: datetime, by: User | None = None
) -> Assessment:
    """Assess what was known at a moment and return the snapshot; a second call returns the first one.

    Writes the situation of every county and city, and a tier change for each county whose tier
    differs from the assessment before, and the alarms that the counts raise. A moment earlier than
    one already assessed is a look back: it changes no tier and raises no alarm. Raises NotYet (A201) for a moment that has not come.
    """
    now = board_now(incident, made_at)
    check_moment(known_at, now=now)
    there = Assessment.objects.filter(incident=incident, known_at=known_at).first()
    if there is not None:
        return there
    started = perf_counter()
    pack = pack_of(incident)
    known = picture.read(incident, known_at=known_at, elements=pack.elements)
    made = _Made.of(known, pack)
    near = known_at > now - CLOSER_WITHIN
    closer = {"made_at": made_at.isoformat(), **look(known, made.onsets)} if near else {}
    with transaction.atomic():
        assessment, fresh = Assessment.objects.get_or_create(
            incident=incident,
            known_at=known_at,
            defaults={
                "data_day": known.day,
                "made_at": made_at,
                "made_by": by,
                "method": made.method,
                "province": made.province,
                "series": made.series,
                "outlook": closer,
                "seconds": perf_counter() - started,
            },
        )
        if fresh:
            rows = UnitSituation.objects.bulk_create(made.rows(assessment), batch_size=200)
            latest = _is_latest(assessment)
            changes = _tier_changes(assessment, rows, made.pack) if latest else 0
            raised = [*made.alarms, *linked_cases(known)] if latest else []
            alarms = write_alarms(assessment, raised)
            audit.record(
                event="assess.made",
                at=known_at,
                actor=by,
                object_type="assessment",
                object_id=str(assessment.pk),
                unit=known.province,
                incident=incident,
                detail={"counties": len(known.counties), "tier_changes": changes, "alarms": alarms},
            )
    return assessment


def look_closer(*, assessment: Assessment, at: datetime, by: User | None = None) -> Assessment:
    """Add the closer look (`assess/outlook`) to an assessment that has none; return it.

    Assessments of now have it from the start; this is for a moment looked back at.
    """
    if assessment.outlook:
        return assessment
    incident = assessment.incident
    known = picture.read(incident, known_at=assessment.known_at)
    onsets = onset.estimate(known, assumptions.onset_to_report(incident.disease))
    with transaction.atomic():
        assessment.outlook = {"made_at": at.isoformat(), **look(known, onsets)}
        assessment.save(update_fields=["outlook"])
        audit.record(
            event="assess.looked_closer",
            at=assessment.known_at,
            actor=by,
            object_type="assessment",
            object_id=str(assessment.pk),
            unit=known.province,
            incident=incident,
        )
    return assessment


class _Made:
    """One assessment before it is written."""

    def __init__(
        self,
        known: Known,
        pack: Pack,
        by_level: tuple[UnitFigures, UnitFigures],
        decisions: Sequence[TierDecision],
        of_counties: tuple[Sequence[dict[str, float]], Sequence[dict[str, float]]],
        rt: transmission.Transmission,
        whole_province: figures.Province,
        onsets: onset.Onset,
    ) -> None:
        self.known, self.pack, self.decisions, self.rt = known, pack, decisions, rt
        self.cities, self.counties = by_level
        self.chances, self.pending = of_counties
        self.whole, self.onsets = whole_province, onsets
        self.alarms, self.false_alarms = of_counts(known)

    @classmethod
    def of(cls, known: Known, pack: Pack) -> _Made:
        """Return everything an assessment says of what is known."""
        counties = figures.counties(known)
        facts = facts_of_counties(known, counties, pack)
        decisions = [decide_tier(pack.rules, f) for f in facts]
        province = figures.province(known)
        interval = assumptions.serial_interval(known.incident.disease)
        rt = transmission.estimate(known, province.new, interval)
        by_level = (figures.cities(known), counties)
        onsets = onset.estimate(known, assumptions.onset_to_report(known.incident.disease))
        pending = onset.pending_by_county(onsets)
        chances = chances_of_counties(known.counties, facts, pack, pending)
        waiting = onset.pending_quantiles(pending, len(known.counties))
        return cls(known, pack, by_level, decisions, (chances, waiting), rt, province, onsets)

    @property
    def method(self) -> dict[str, Any]:
        interval = assumptions.serial_interval(self.known.incident.disease)
        reporting = assumptions.onset_to_report(self.known.incident.disease)
        dying = assumptions.onset_to_death(self.known.incident.disease)
        answer = self.onsets.answer
        return {
            "yipan": __version__,
            "assumptions": assumptions.VERSION,
            "serial_interval": interval.as_dict() if interval else None,
            "onset_to_report": reporting.as_dict() if reporting else None,
            "rt": {
                "estimator": "Cori et al. (2013)",
                "window_days": transmission.WINDOW_DAYS,
                "by": "day of confirmation",
                "min_local_cases": 11,
            },
            "onset_to_death": dying.as_dict() if dying else None,
            "nowcast": {
                "cases_with_onset": int((~np.isnat(self.known.cases.onset_day)).sum()),
                "cases_without_onset": self.onsets.without_onset,
                "share_reported_of_last_day": None
                if answer is None
                else round(float(answer.reported_share[-1]), 4),
            },
            "tiers": self.pack.as_dict(),
            "alarms": {
                "alpha": ALPHA,
                "false_expected_per_day": round(self.false_alarms, 3),
                "false_expected_per_week": round(7 * self.false_alarms, 2),
            },
        }

    @property
    def province(self) -> dict[str, Any]:
        known = self.known
        owing = [u for u in known.counties if u.pk in known.owing]
        told = {u.pk for u, heard in zip(known.counties, known.reported, strict=True) if heard}
        silent = [u.code for u in owing if u.pk not in told]
        return {
            **self.whole.figures,
            "rt": {**self.rt.latest(0), "day": known.day.isoformat()},
            "not_yet_reported": self.onsets.pending(),
            "tiers": _by_tier(known.counties, self.decisions),
            "reported": {"heard": len(owing) - len(silent), "owing": len(owing)},
            "silent": silent,
            "assumptions_later": assumptions.published_later(known.incident.disease, known.day),
        }

    @property
    def series(self) -> dict[str, Any]:
        known = self.known
        dates = [d.isoformat() for d in known.days]
        by_city = figures.daily_new(known.totals["confirmed"][:, 1:])
        reported = self.onsets.reported
        return {
            "dates": dates,
            "confirmed_new": [whole(n) for n in self.whole.new],
            "confirmed": [whole(n) for n in self.whole.total],
            "onset": None if reported is None else [round(float(n)) for n in reported],
            "expected": self.onsets.expected(),
            "incomplete_from": self.onsets.incomplete_from(known.days),
            "rt": self.rt.series(0, dates),
            "cities": {
                city.code: {
                    "confirmed_new": [whole(n) for n in by_city[:, i]],
                    "rt": self.rt.series(1 + i, dates),
                }
                for i, city in enumerate(known.cities)
            },
        }

    def rows(self, assessment: Assessment) -> list[UnitSituation]:
        """Return the situation of every city and county."""
        known, wide = self.known, 1 + len(self.known.cities)
        cities = [
            _situation(assessment, unit, self.cities, i, known.days, self.rt.latest(1 + i))
            for i, unit in enumerate(known.cities)
        ]
        counties = []
        for j, unit in enumerate(known.counties):
            row = _situation(
                assessment, unit, self.counties, j, known.days, self.rt.latest(wide + j)
            )
            decision = self.decisions[j]
            row.tier, row.rule, row.trace = decision.tier, decision.rule, list(decision.trace)
            row.chances, row.pending = self.chances[j], self.pending[j]
            row.reported_at = known.heard.get(unit.pk)
            row.synthetic = unit.pk in known.synthetic
            counties.append(row)
        return cities + counties


def _situation(
    assessment: Assessment,
    unit: Unit,
    of: UnitFigures,
    i: int,
    span: Sequence[date],
    rt: Mapping[str, Any],
) -> UnitSituation:
    last = int(of.last_case[i])
    return UnitSituation(
        assessment=assessment,
        unit=unit,
        confirmed_new=whole(of.confirmed_new[i]),
        confirmed_7d=whole(of.confirmed_7d[i]),
        confirmed_14d=whole(of.confirmed_14d[i]),
        confirmed=whole(of.confirmed[i]),
        cured=whole(of.cured[i]),
        deaths=whole(of.deaths[i]),
        active=whole(of.active[i]),
        last_case_day=span[last] if last >= 0 else None,
        rt=dict(rt),
    )


def _by_tier(
    counties: Sequence[Unit], decisions: Sequence[TierDecision]
) -> dict[str, dict[str, int]]:
    counted = {tier: {"units": 0, "people": 0} for tier in Tier.values}
    for unit, decision in zip(counties, decisions, strict=True):
        counted[decision.tier]["units"] += 1
        counted[decision.tier]["people"] += unit.population or 0
    return counted


def _is_latest(assessment: Assessment) -> bool:
    """A look back at an earlier moment changes no tier and raises no alarm."""
    return not Assessment.objects.filter(
        incident=assessment.incident_id, known_at__gt=assessment.known_at
    ).exists()


def _tier_changes(assessment: Assessment, rows: Sequence[UnitSituation], pack: Pack) -> int:
    """Record each county's change of tier since the assessment before."""
    before = (
        Assessment.objects.filter(incident=assessment.incident_id).exclude(pk=assessment.pk).last()
    )
    old = (
        dict(
            UnitSituation.objects.filter(assessment=before, unit__level=Level.COUNTY).values_list(
                "unit_id", "tier"
            )
        )
        if before
        else {}
    )
    changes = [
        TierChange(
            incident=assessment.incident,
            unit=row.unit,
            assessment=assessment,
            at=assessment.known_at,
            before=old.get(row.unit_id, ""),
            after=row.tier,
            pack=pack.name,
            rule=row.rule,
            trace=row.trace,
        )
        for row in rows
        if row.tier and row.tier != old.get(row.unit_id, "")
    ]
    TierChange.objects.bulk_create(changes, batch_size=200)
    return len(changes)
