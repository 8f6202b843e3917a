"""Infections that travel between counties in the coming week, expected from travel and who is infected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess import assumptions
from yipan.assess.situation.onset import Onset
from yipan.assess.situation.picture import Known
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.importation import (
    effect_of_control,
    expected_travelling,
    undetected_infected,
)
from yipan.places import queries as places
from yipan.places.models import Unit

DAYS = 7
DELAY_DAYS = 45
INCUBATION_DAYS = 5  # an infection stands this many days before its onset
RECENT_DAYS = 3  # infections too recent to have an onset are as many as the latest known days had
SHARE_CV = 0.75  # relative error of a county's prevalence: assumed
PROBABILITIES = (0.05, 0.5, 0.95)
ORIGINS = 3


def arrivals(
    known: Known, onsets: Onset, rt: NDArray[np.float64] | None, *, seed: int
) -> dict[str, Any]:
    """Return, by county, infected people expected to arrive in `DAYS` days, and where they come from.

    Only infections that will be confirmed some day are counted; travel is as the package has it, with
    no control. `rt` (county,) at the destination says whether an arrival takes hold; None: 1.
    """
    delay = assumptions.infection_to_report(known.incident.disease)
    if onsets.answer is None:
        return {"note": onsets.note}
    if delay is None:
        return {"note": "no_delay"}
    travel = places.travel_matrix(known.counties).toarray()
    if not travel.any():
        return {"note": "no_travel"}
    people = np.array([max(unit.population or 1, 1) for unit in known.counties], dtype=np.float64)
    scale = delay.sd_days**2 / delay.mean_days
    pmf = interval_censored_delay(
        family="gamma", parameters=(delay.mean_days / scale, scale), days=DELAY_DAYS
    )
    begun = onsets.answer.mean[:, : len(known.counties)]
    share = undetected_infected(infections(begun), pmf / pmf.sum(), people)[-1]
    found = expected_travelling(
        travel,
        np.broadcast_to(share, (DAYS, share.size)),
        share_cv=SHARE_CV,
        Rt=1.0 if rt is None else rt,
        seed=seed,
        probabilities=PROBABILITIES,
    )
    flows = found.pairs.sum(axis=0)  # [from, to]
    total = found.arrivals.sum(axis=0)
    beside = _beside(known)
    return {
        "days": DAYS,
        "basis": places.travel_basis(known.incident.package),
        "counties": {
            unit.code: {
                "mean": round(float(total[j]), 3),
                **{
                    name: float(found.arrivals_quantiles[i, j])
                    for i, name in enumerate(("q05", "median", "q95"))
                },
                "chance": round(float(found.at_least_one[-1, j]), 4),
                "takes_hold": round(float(found.taking_hold[j]), 4),
                "from": _origins(known, flows[:, j]),
                "leaving": round(float(flows[j].sum()), 3),
                "to": [
                    {"code": known.counties[k].code, "mean": round(float(flows[j, k]), 3)}
                    for k in sorted(beside[j], key=lambda k: -flows[j, k])
                ],
                "infected": float(f"{share[j]:.4g}"),
                "rt": 1.0 if rt is None else round(float(rt[j]), 3),
            }
            for j, unit in enumerate(known.counties)
        },
        "seed": seed,
    }


def under_control(found: dict[str, Any], unit: Unit, *, control: float) -> dict[str, Any]:
    """Return what stopping a share of the travel to a county changes, from an assessment's `importation`.

    `control` in [0, 1]. The same engine as `arrivals`, over the origins from which somebody infected
    may come: `mean` and `mean_with` expected arrivals, `takes_hold` and `takes_hold_with`, and
    `delay_days`, by how much later an arrival becomes more likely than not: None where it never was,
    infinite where it no longer is within the days.
    """
    counties = found["counties"]
    units = list(places.by_codes(unit.package, list(counties)).values())
    place = {other.code: i for i, other in enumerate(units)}
    here = place[unit.code]
    travel = places.travel_matrix(units).toarray()[:, here]
    share = np.array([counties[other.code]["infected"] for other in units])
    origins = [i for i in np.flatnonzero(travel * share > 0) if i != here]
    size = len(origins) + 1
    trips = np.zeros((size, size))
    trips[:-1, -1] = travel[origins]
    infected = np.append(share[origins], 0.0)
    effect = effect_of_control(
        trips,
        np.broadcast_to(infected, (int(found["days"]), size)),
        control=control,
        share_cv=SHARE_CV,
        Rt=counties[unit.code]["rt"],
        seed=int(found["seed"]),
    )
    mean = float(found["days"] * (travel[origins] @ share[origins]))
    later = float(effect.delay_days[-1])
    return {
        "control": control,
        "mean": mean,
        "mean_with": mean - float(effect.avoided[-1]),
        "takes_hold": float(effect.taking_hold_without[-1]),
        "takes_hold_with": float(effect.taking_hold_with[-1]),
        "delay_days": None if np.isnan(later) else later,
    }


def _beside(known: Known) -> list[list[int]]:
    """Return the counties that touch each county."""
    place = {unit.code: j for j, unit in enumerate(known.counties)}
    beside: list[list[int]] = [[] for _unit in known.counties]
    for a, b in places.adjacency(known.incident.package):
        if a in place and b in place:
            beside[place[a]].append(place[b])
            beside[place[b]].append(place[a])
    return beside


def infections(begun: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return infections by day and county from onsets, an incubation earlier; the latest days repeat the last known.

    >>> infections(np.array([[0.0], [0], [0], [0], [0], [0], [3], [3], [3]])).ravel().tolist()
    [0.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    """
    shifted = begun[INCUBATION_DAYS:]
    recent = shifted[-RECENT_DAYS:].mean(axis=0, keepdims=True)
    return np.vstack([shifted, np.repeat(recent, len(begun) - len(shifted), axis=0)])


def _origins(known: Known, flow: NDArray[np.float64]) -> list[dict[str, Any]]:
    whole = flow.sum()
    if whole <= 0:
        return []
    return [
        {"code": known.counties[k].code, "share": round(float(flow[k] / whole), 3)}
        for k in np.argsort(-flow)[:ORIGINS]
        if flow[k] > 0
    ]
