"""Pooled Rt, arrivals, severity and forecast of one assessment, as JSON (see the package docstring)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess import assumptions
from yipan.assess.outlook.ahead import look_ahead
from yipan.assess.outlook.arrivals import arrivals
from yipan.assess.situation import onset
from yipan.assess.situation.figures import carried
from yipan.assess.situation.onset import Onset
from yipan.assess.situation.picture import Known
from yipan.assess.situation.transmission import INTERVAL_DAYS
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.pooled import PooledRt, estimate_Rt_pooled
from yipan.engines.surveillance.reproduction import MIN_LOCAL_CASES, discretised_serial_interval
from yipan.engines.surveillance.severity import fatality
from yipan.engines.surveillance.stays import stays_from_counts

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
NAMES = ("lo90", "lo50", "median", "hi50", "hi90")
SPEAKING_DAYS = 14  # a county's own Rt is shown with enough local cases by onset in this many days
DEATH_DAYS = 90
CONFIDENCE = 0.95
SEED = 1  # of the forecast's draws: the same assessment gives the same forecast


def look(known: Known, onsets: Onset) -> dict[str, Any]:
    """Return the closer look, without when it was made."""
    rt, by_county = pooled(known, onsets)
    return {
        "rt": rt,
        "importation": arrivals(known, onsets, by_county, seed=SEED),
        "severity": severity(known, onsets),
        "stays": stays(known),
        "forecast": look_ahead(known, seed=SEED),
    }


def pooled(known: Known, onsets: Onset) -> tuple[dict[str, Any], NDArray[np.float64] | None]:
    """Return (Rt by day of onset, pooled over the counties, or the note in its place; each county's latest median)."""
    interval = assumptions.serial_interval(known.incident.disease)
    if interval is None:
        return {"note": "no_serial_interval"}, None
    if onsets.answer is None:
        return {"note": onsets.note}, None
    local, imported = onset.by_county(known, onsets.lead)
    weights = discretised_serial_interval(
        mean_days=interval.mean_days, sd_days=interval.sd_days, days=INTERVAL_DAYS
    )
    # Imports are completed with the local cases: who was late to be reported infected all the same.
    completed = onsets.answer.mean[:, : local.shape[1]] - imported
    found = estimate_Rt_pooled(
        local,
        imported,
        weights,
        completed=np.maximum(completed, local),
        reported_share=onsets.answer.reported_share,
        reported_share_log_sd=onsets.answer.reported_share_log_sd,
        probabilities=PROBABILITIES,
    )
    return _as_json(known, onsets.lead, found), np.asarray(found.median[-1])


def _as_json(known: Known, lead: int, found: PooledRt) -> dict[str, Any]:
    span = [d.isoformat() for d in known.days]
    curves = {
        name: [round(float(x), 3) for x in found.whole_quantiles[i, lead:]]
        for i, name in enumerate(NAMES)
    }
    recent = found.local_cases[-SPEAKING_DAYS:].sum(axis=0)
    counties = {
        unit.code: {
            **_quantiles(found.quantiles[:, -1, j]),
            "local_cases": round(float(recent[j])),
        }
        for j, unit in enumerate(known.counties)
        if recent[j] >= MIN_LOCAL_CASES
    }
    hyper = found.hyperparameters
    return {
        "dates": span,
        **curves,
        "latest": {
            **_quantiles(found.whole_quantiles[:, -1]),
            "local_cases": round(float(recent.sum())),
            "day": span[-1],
            "biased_up": False,
        },
        "counties": counties,
        "hyperparameters": {
            name: round(float(getattr(hyper, name)), 4)
            for name in ("bend", "spread", "persistence", "dispersion")
        },
    }


def _quantiles(q: NDArray[np.float64]) -> dict[str, float]:
    names = ("q05", "q25", "median", "q75", "q95")
    return {name: round(float(value), 3) for name, value in zip(names, q, strict=True)}


def severity(known: Known, onsets: Onset) -> dict[str, Any]:
    """Return the share of cases that die, corrected for those who may yet, or why it cannot be had."""
    delay = assumptions.onset_to_death(known.incident.disease)
    if delay is None:
        return {"note": "no_delay"}
    if onsets.reported is None:
        return {"note": onsets.note}
    totals = carried(known.totals["deaths"][:, :1])[:, 0]
    if np.isnan(totals).all():
        return {"note": "no_deaths"}
    standing = np.maximum.accumulate(np.nan_to_num(totals))
    deaths = np.concatenate([np.zeros(onsets.lead), np.diff(standing, prepend=0.0)])
    local, imported = onset.by_county(known, onsets.lead)
    cases = (local + imported).sum(axis=1)
    if deaths.sum() > cases.sum():
        return {"note": "no_line_list"}  # the list holds fewer cases than have died: it is no base
    pmf = interval_censored_delay(
        family="lognormal", parameters=(delay.meanlog, delay.sdlog), days=DEATH_DAYS
    )
    found = fatality(cases, deaths, pmf, confidence=CONFIDENCE)
    return {
        "estimate": None if np.isnan(found.estimate) else round(found.estimate, 5),
        "low": round(found.low, 5),
        "high": round(found.high, 5),
        "naive": None if np.isnan(found.naive) else round(found.naive, 5),
        "deaths": found.deaths,
        "cases": found.cases,
        "note": found.note,
        "until": (known.days[0] + timedelta(days=len(known.days) - 1)).isoformat(),
    }


def stays(known: Known) -> dict[str, Any]:
    """Return how long from confirmation to cure and to death, both ends competing, or why not.

    From the province's totals alone; a correction downwards counts as no case of that day.
    """
    new = {}
    for name in ("confirmed", "deaths", "cured"):
        totals = carried(known.totals[name][:, :1])[:, 0]
        if np.isnan(totals).all():
            return {"note": "not_published"}
        standing = np.maximum.accumulate(np.nan_to_num(totals))
        new[name] = np.diff(standing, prepend=0.0)
    if new["deaths"].sum() + new["cured"].sum() > new["confirmed"].sum():
        return {"note": "do_not_agree"}
    if not (new["deaths"].any() or new["cured"].any()):
        return {"note": "no_information"}
    found = stays_from_counts(
        new["confirmed"], new["deaths"], new["cured"], seed=SEED, confidence=CONFIDENCE
    )
    names = ("median", "low", "high")
    return {
        name: dict(zip(names, (round(x, 4) for x in getattr(found, name)), strict=True))
        for name in ("fatality", "days_to_death", "days_to_cure")
    } | {"note": found.note}
