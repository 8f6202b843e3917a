"""The facts of each county that tier rules ask for, None where nobody can say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from yipan.assess.situation.figures import UnitFigures
from yipan.assess.situation.picture import Counts, Known
from yipan.assess.tiers.packs import FactSource, Pack
from yipan.engines.surveillance.tiers import Fact

WINDOW_DAYS = 14
NAMED = ("ever", "new_14_days", "cumulative", "cluster_14_days")


def facts_of_counties(known: Known, figures: UnitFigures, pack: Pack) -> list[Mapping[str, Fact]]:
    """Return the facts of each county that the pack asks for, as known.

    A county that has not reported the last data day has no facts at all: its tier is "no data",
    never yesterday's. A day missed earlier in the window is counted from the line list; where that
    leaves no case, nobody can say that there was none, so `new_14_days` is unknown. Whether there
    was a cluster outbreak is the county's own word of the last data day. Facts made of elements
    (tests, admissions, beds) are unknown unless every day of their window was reported.
    """
    named = _named(known, figures)
    made = {
        name: _from_elements(known, source)
        for name, source in pack.sources.items()
        if isinstance(source, FactSource)
    }
    found: list[Mapping[str, Fact]] = []
    for j in range(len(known.counties)):
        if not known.reported[j]:
            found.append(dict.fromkeys(pack.sources))
            continue
        facts: dict[str, Fact] = {}
        for name, source in pack.sources.items():
            if isinstance(source, FactSource):
                value = made[name][j]
                facts[name] = None if np.isnan(value) else round(float(value), 2)
            else:
                facts[name] = named[j].get(source)
        found.append(facts)
    return found


def with_more_cases(
    facts: Mapping[str, Fact], more: int, pack: Pack, *, population: int | None
) -> dict[str, Fact]:
    """Return the facts of a county if `more` cases not yet reported were reported now."""
    changed = dict(facts)
    for name, source in pack.sources.items():
        value = facts[name]
        if more == 0 or value is None:
            continue
        if source == "ever":
            changed[name] = True
        elif source in ("new_14_days", "cumulative"):
            changed[name] = value + more
        elif isinstance(source, FactSource) and source.counts_cases and population:
            changed[name] = value + more * source.per / population
    return changed


def _named(known: Known, figures: UnitFigures) -> list[Mapping[str, Fact]]:
    told = known.flows["confirmed_new"][-WINDOW_DAYS:]
    missed = np.asarray(np.isnan(told).any(axis=0))
    begun = _begun_within(known)
    cluster = known.flows["cluster_14d"][-1]
    found: list[Mapping[str, Fact]] = []
    for j in range(len(known.counties)):
        if not known.reported[j]:
            found.append({})
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


def _from_elements(known: Known, source: FactSource) -> NDArray[np.float64]:
    """Return one fact of each county from the sums of its elements over the window, NaN where unknown."""
    unknown = np.full(len(known.counties), np.nan)
    parts = [_sum(known, element, source.days) for element in source.elements]
    if any(part is None for part in parts):
        return unknown
    top = np.asarray(parts[0])
    if source.ratio:
        below = np.asarray(parts[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below > 0, source.per * top / below, np.nan)
    people = np.array([u.population or np.nan for u in known.counties], dtype=np.float64)
    return np.asarray(source.per * top / people)


def _sum(known: Known, element: str, length: int) -> Counts | None:
    table = known.new if element == "confirmed_new" else known.flows.get(element)
    if table is None or len(table) < length:
        return None
    total: Counts = table[-length:].sum(axis=0)
    return total
