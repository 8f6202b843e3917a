"""The facts of each county that tier rules ask for, None where nobody can say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from yipan.assess.situation.figures import UnitFigures
from yipan.assess.situation.picture import Known
from yipan.engines.surveillance.tiers import Fact

WINDOW_DAYS = 14


def facts_of_counties(known: Known, figures: UnitFigures) -> list[Mapping[str, Fact]]:
    """Return the facts of each county as known.

    A county that has not reported the last data day has no facts at all: its tier is "no data",
    never yesterday's. A day missed earlier in the window is counted from the line list; where that
    leaves no case, nobody can say that there was none, so `new_14_days` is unknown. Whether there
    was a cluster outbreak is the county's own word of the last data day.
    """
    told = known.flows["confirmed_new"][-WINDOW_DAYS:]
    missed = np.isnan(told).any(axis=0) & known.ever_heard
    begun = _begun_within(known)
    cluster = known.flows["cluster_14d"][-1]
    found: list[Mapping[str, Fact]] = []
    for j in range(len(known.counties)):
        if not known.reported[j]:
            found.append(dict.fromkeys(("ever", "new_14_days", "cumulative", "cluster_14_days")))
            continue
        new, total = float(figures.confirmed_14d[j]), float(figures.confirmed[j])
        unsure = bool(missed[j]) and new == 0 and not begun[j]
        found.append(
            {
                "ever": total > 0,
                "new_14_days": None if unsure else round(new),
                "cumulative": round(total),
                "cluster_14_days": None if np.isnan(cluster[j]) else bool(cluster[j] > 0),
            }
        )
    return found


def _begun_within(known: Known) -> list[bool]:
    """Return where a county's missed days all lie before its first report: it had not begun then."""
    told = ~np.isnan(known.flows["confirmed_new"])
    first = np.where(told.any(axis=0), told.argmax(axis=0), len(told))
    return [bool(told[at:, j].all()) for j, at in enumerate(first)]
