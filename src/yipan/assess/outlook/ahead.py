"""The coming days: new confirmed by report day with their interval, beside the baseline they must beat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess import assumptions
from yipan.assess.situation.figures import carried, province_totals
from yipan.assess.situation.picture import Known
from yipan.assess.situation.transmission import INTERVAL_DAYS
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.forecast import (
    Forecast,
    forecast,
    persistence,
    shapes_under_control,
    weighted_interval_score,
)
from yipan.engines.surveillance.reproduction import discretised_serial_interval
from yipan.places.models import Unit

HORIZON_DAYS = 14
LEAST_DAYS = 10
RT_AFTER = (0.2, 0.5, 0.9)  # under control, among which the counts choose
DELAY_DAYS = 45
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
NAMES = ("q05", "q25", "median", "q75", "q95")
SCORED = ("q05", "q25", "median", "q75", "q95")


def daily(known: Known) -> tuple[list[Unit], NDArray[np.float64]]:
    """Return (units, new cases [day, unit]) that a forecast rests on: the cities, or the province alone.

    A total that was not published stands still; one that was corrected down brings no case.
    """
    cities = known.totals["confirmed"][:, 1:]
    if known.cities and not np.isnan(cities).all():
        units, totals = list(known.cities), carried(cities)
    else:
        _basis, of = province_totals(known)
        units, totals = [known.province], carried(of["confirmed"][:, None])
    filled = np.nan_to_num(totals)
    new = np.diff(filled, axis=0, prepend=np.zeros((1, filled.shape[1])))
    return units, np.maximum(new, 0.0)


@dataclass(frozen=True)
class Turn:
    """The days on which travel from the source ended and controls began, as known by a data day."""

    source_closed: int  # index of day, from the first
    control: int


def turn(known: Known) -> Turn | None:
    """Return when travel and the response changed, by the package's events; None where that is not known.

    Nothing later than the last data day is used: a forecast cannot foresee an order.
    """
    first: dict[str, date] = {}
    for event in known.incident.package.parameters.get("events", []):
        day = date.fromisoformat(event["day"])
        if event["kind"] in ("travel", "response_level") and day <= known.day:
            first[event["kind"]] = min(day, first.get(event["kind"], day))
    closed, control = first.get("travel"), first.get("response_level")
    if closed is None or control is None:
        return None
    return Turn((closed - known.days[0]).days, (control - known.days[0]).days)


def shapes(known: Known) -> NDArray[np.float64] | None:
    """Return the ways the coming weeks may go under control, None where control or disease is not known."""
    disease = known.incident.disease
    at, before = turn(known), assumptions.before_control(disease)
    interval, delay = assumptions.serial_interval(disease), assumptions.infection_to_report(disease)
    if at is None or before is None or interval is None or delay is None:
        return None
    scale = delay.sd_days**2 / delay.mean_days
    return shapes_under_control(
        days=len(known.days) + HORIZON_DAYS,
        control_day=at.control,
        source_closed_day=at.source_closed,
        source_growth=before.growth_per_day,
        Rt_before=before.Rt,
        Rt_after=RT_AFTER,
        generation_interval=discretised_serial_interval(
            mean_days=interval.mean_days, sd_days=interval.sd_days, days=INTERVAL_DAYS
        ),
        infection_to_report=interval_censored_delay(
            family="gamma", parameters=(delay.mean_days / scale, scale), days=DELAY_DAYS
        ),
    )


def look_ahead(known: Known, *, seed: int) -> dict[str, Any]:
    """Return the forecast as JSON (see the package docstring), or why there is none."""
    units, counts = daily(known)
    if len(counts) < LEAST_DAYS:
        return {"note": "too_few_days"}
    if not counts.any():
        return {"note": "no_counts"}
    curves = shapes(known)
    found = forecast(
        counts,
        horizon_days=HORIZON_DAYS,
        seed=seed,
        shapes=curves,
        probabilities=PROBABILITIES,
    )
    base = persistence(
        counts.sum(axis=1, keepdims=True),
        horizon_days=HORIZON_DAYS,
        seed=seed,
        probabilities=PROBABILITIES,
    )[:, :, 0]
    return _as_json(known, units, found, base, seed)


def _as_json(
    known: Known, units: list[Unit], found: Forecast, base: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    def rows(table: NDArray[np.float64]) -> dict[str, list[float]]:
        return {
            name: [round(float(x), 1) for x in row] for name, row in zip(NAMES, table, strict=True)
        }

    return {
        "origin": known.day.isoformat(),
        "dates": [(known.day + timedelta(days=h + 1)).isoformat() for h in range(HORIZON_DAYS)],
        **rows(found.whole_quantiles),
        "baseline": rows(base),
        "cities": {
            unit.code: rows(found.quantiles[:, :, j])
            for j, unit in enumerate(units)
            if unit.pk != known.province.pk
        },
        "shape": "flat" if found.shape_weights.size == 1 else "control",
        "seed": seed,
    }


@dataclass(frozen=True)
class Score:
    """How an earlier forecast did against what happened, beside the baseline; smaller is better."""

    origin: date
    days: int
    wis: float
    baseline_wis: float
    inside_90: int


def score(made: dict[str, Any], truth: dict[str, int | None]) -> Score | None:
    """Return the score of a forecast on the days that have happened since, None before any has.

    `truth` maps ISO days to new cases as known now.
    """
    seen = [i for i, day in enumerate(made["dates"]) if truth.get(day) is not None]
    if not seen:
        return None
    happened = np.array([max(0, truth[made["dates"][i]] or 0) for i in seen], dtype=np.float64)

    def wis(of: dict[str, Any]) -> float:
        table = np.array([[of[name][i] for i in seen] for name in SCORED])
        return float(weighted_interval_score(table, PROBABILITIES, happened).mean())

    low = np.array([made["q05"][i] for i in seen])
    high = np.array([made["q95"][i] for i in seen])
    return Score(
        origin=date.fromisoformat(made["origin"]),
        days=len(seen),
        wis=wis(made),
        baseline_wis=wis(made["baseline"]),
        inside_90=int(((happened >= low) & (happened <= high)).sum()),
    )
