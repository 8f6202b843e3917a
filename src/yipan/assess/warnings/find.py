"""What the numbers ask about: more cases than expected, a first case, an implausible report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess.models import AlarmKind
from yipan.assess.situation.figures import whole
from yipan.assess.situation.picture import Known
from yipan.engines.surveillance.aberration import chance_of_zeros, excess, streaks
from yipan.engines.surveillance.scan import circular_zones, scan
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.contacts.queries import linked_case_clusters

WINDOW_DAYS, BASELINE_DAYS = 3, 14
ALPHA = (
    0.001  # of one county on one day: some 158 counties give at most about one false alarm a week
)
QUIET_DAYS = 14  # a case after this many days without one is a first case
STREAK_DAYS = 5  # the same number above zero this many days running is implausible
ZERO_DAYS, ZERO_CHANCE = 7, 0.001
SCAN_DAYS, SCAN_DURATION, SCAN_PLACES = 28, 14, 12
SCAN_SIMULATIONS, SCAN_ALPHA = 999, 0.05


@dataclass(frozen=True)
class Finding:
    """One alarm before it is written."""

    unit: Unit
    kind: AlarmKind
    observed: float | None
    expected: float | None
    p_value: float | None
    evidence: Mapping[str, Any]


def of_counts(known: Known) -> tuple[list[Finding], float]:
    """Return what the counties' counts raise, and how many excess alarms would be false on such a day."""
    if len(known.days) <= WINDOW_DAYS:
        return [], 0.0
    counts = np.maximum(known.new, 0.0)
    found = excess(counts, window_days=WINDOW_DAYS, baseline_days=BASELINE_DAYS)
    raised = [
        *_excess(known, found.observed, found.expected, found.p_value),
        *_first_cases(known, counts),
        *_streaks(known),
        *_zeros(known),
    ]
    return raised, found.false_alarms(ALPHA)


def _excess(
    known: Known,
    observed: NDArray[np.float64],
    expected: NDArray[np.float64],
    p_value: NDArray[np.float64],
) -> list[Finding]:
    with np.errstate(invalid="ignore"):
        over = np.flatnonzero((p_value <= ALPHA) & known.reported)
    method = {
        "method": "gamma-Poisson prediction",
        "null": "the rate of the days before",
        "window_days": WINDOW_DAYS,
        "baseline_days": BASELINE_DAYS,
        "alpha": ALPHA,
    }
    return [
        Finding(
            known.counties[j],
            AlarmKind.EXCESS,
            float(observed[j]),
            round(float(expected[j]), 2),
            float(f"{p_value[j]:.3g}"),
            method,
        )
        for j in over
    ]


def _first_cases(known: Known, counts: NDArray[np.float64]) -> list[Finding]:
    """A county's first case ever, or the first in two weeks; only where those weeks were reported."""
    before = counts[-1 - QUIET_DAYS : -1]
    quiet = (len(before) == QUIET_DAYS) & (before == 0).all(axis=0)
    with np.errstate(invalid="ignore"):
        come = np.flatnonzero(quiet & (counts[-1] > 0))
    ever = np.nansum(counts[:-1], axis=0)
    return [
        Finding(
            known.counties[j],
            AlarmKind.REINTRODUCTION,
            float(counts[-1, j]),
            None,
            None,
            {"method": "rule", "quiet_days": QUIET_DAYS, "before": whole(ever[j])},
        )
        for j in come
    ]


def _streaks(known: Known) -> list[Finding]:
    told = known.flows["confirmed_new"]
    length = streaks(told)
    last = np.nan_to_num(told[-1])
    return [
        Finding(
            known.counties[j],
            AlarmKind.STREAK,
            float(last[j]),
            None,
            None,
            {"method": "rule", "days": int(length[j])},
        )
        for j in np.flatnonzero((length >= STREAK_DAYS) & (last > 0))
    ]


def _zeros(known: Known) -> list[Finding]:
    pairs = places.adjacency(known.incident.package)
    if not pairs:
        return []
    index = {unit.code: j for j, unit in enumerate(known.counties)}
    touch = np.zeros((len(index), len(index)), dtype=np.bool_)
    for a, b in pairs:
        if a in index and b in index:
            touch[index[a], index[b]] = touch[index[b], index[a]] = True
    people = np.array([unit.population or 1 for unit in known.counties], dtype=np.float64)
    told = np.maximum(known.flows["confirmed_new"], 0.0)
    chance = chance_of_zeros(told, touch, people, days=ZERO_DAYS)
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero(chance < ZERO_CHANCE)
    around = touch @ np.nansum(told[-ZERO_DAYS:], axis=0)
    return [
        Finding(
            known.counties[j],
            AlarmKind.ZEROS,
            0.0,
            None,
            float(f"{chance[j]:.3g}"),
            {
                "method": "gamma-Poisson",
                "null": "like its neighbours",
                "days": ZERO_DAYS,
                "cases_of_neighbours": round(float(around[j])),
            },
        )
        for j in odd
    ]


def linked_cases(known: Known) -> list[Finding]:
    """Return clusters of cases that tracing joins, by links or contacts that they share.

    One of a county, the largest; a cluster over several counties stands at the smallest place that
    holds them. The evidence counts cases and joins; who they are stays in report.
    """
    found: dict[int, Finding] = {}
    for cluster in linked_case_clusters(known.incident, known_at=known.at):
        unit = _county_of(cluster.unit)
        if unit.pk not in found:  # the largest comes first
            found[unit.pk] = Finding(
                unit,
                AlarmKind.LINKED,
                float(cluster.recent),
                None,
                None,
                {
                    "method": "tracing",
                    "cases": len(cluster.cases),
                    "joins": cluster.contacts,
                    "from": cluster.first_day.isoformat(),
                    "to": cluster.last_day.isoformat(),
                    "counties": list(cluster.counties),
                },
            )
    return list(found.values())


def _county_of(unit: Unit) -> Unit:
    """Return the county a unit lies in; the unit itself where it is no smaller than one."""
    while unit.level not in (Level.PROVINCE, Level.CITY, Level.COUNTY) and unit.parent is not None:
        unit = unit.parent
    return unit


def clusters(known: Known, *, seed: int) -> list[Finding]:
    """Return the clusters in space and time alive on the last data day, against shuffled days.

    The null is named in the evidence: under *permutation* the days of the cases are shuffled, so that
    neither a county with many cases nor a day with many is a cluster by itself.
    """
    here = [j for j, u in enumerate(known.counties) if u.lon is not None and u.lat is not None]
    counts = np.nan_to_num(np.maximum(known.new[-SCAN_DAYS:, here], 0.0))
    if len(here) < 2 or len(counts) < 2 or counts.sum() < 2:
        return []
    units = [known.counties[j] for j in here]
    zones = circular_zones(
        [u.lon or 0.0 for u in units], [u.lat or 0.0 for u in units],
        max_places=min(SCAN_PLACES, len(units)),
    )  # fmt: skip
    found = scan(
        counts,
        zones,
        null="permutation",
        max_duration_days=min(SCAN_DURATION, len(counts) - 1),
        simulations=SCAN_SIMULATIONS,
        seed=seed,
    )
    first = len(known.days) - len(counts)
    return [
        Finding(
            units[cluster.places[0]],
            AlarmKind.CLUSTER,
            float(cluster.observed),
            round(cluster.expected, 2),
            float(f"{cluster.p_value:.3g}"),
            {
                "method": "space-time scan",
                "null": "permutation",
                "simulations": SCAN_SIMULATIONS,
                "seed": seed,
                "from": known.days[first + cluster.t_start].isoformat(),
                "to": known.days[first + cluster.t_end - 1].isoformat(),
                "relative_risk": round(cluster.relative_risk, 2),
                "places": [units[k].code for k in cluster.places],
            },
        )
        for cluster in found.clusters
        if cluster.p_value <= SCAN_ALPHA
    ]
