"""What an ensemble leaves behind: tidy tables, and differences between policies member by member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from yipan.engines.checks import Integers
from yipan.engines.epidemic.course import FLOWS
from yipan.engines.epidemic.ensemble import PROBABILITIES, Ensemble
from yipan.engines.errors import ShapeMismatch

QUANTILES = tuple(f"q{100 * p:02.0f}" for p in PROBABILITIES)
Row = dict[str, str | int | float]


def daily_rows(result: Ensemble) -> Iterator[Row]:
    """Yield one row a measure and day: mean and quantiles over the members, persons."""
    for measure, by_member in result.daily.items():
        quantiles = result.quantiles(measure)
        mean = by_member.mean(axis=0)
        for day in range(result.days):
            row: Row = {"measure": measure, "day": day, "mean": round(float(mean[day]), 3)}
            yield row | dict(zip(QUANTILES, quantiles[:, day].tolist(), strict=True))


def place_rows(result: Ensemble) -> Iterator[Row]:
    """Yield one row a place and measure: totals of flows, peaks of stocks, over the members."""
    tables = {**result.place_totals, **result.place_peaks}
    for measure, table in tables.items():
        quantiles = np.quantile(table, PROBABILITIES, axis=0)
        for i, place in enumerate(result.places):
            row: Row = {
                "place": place,
                "measure": measure,
                "statistic": "total" if measure in FLOWS else "peak",
                "mean": round(float(table[:, i].mean()), 3),
            }
            yield row | dict(zip(QUANTILES, quantiles[:, i].tolist(), strict=True))


def place_daily_rows(result: Ensemble) -> Iterator[Row]:
    """Yield one row a place, measure and day on which any member counted somebody: mean and quantiles."""
    for measure in result.place_tallies:
        quantiles, mean = result.place_quantiles(measure), result.place_mean[measure]
        for day, i in zip(*np.nonzero(mean), strict=True):
            row: Row = {
                "place": result.places[i],
                "measure": measure,
                "day": int(day),
                "mean": round(float(mean[day, i]), 3),
            }
            yield row | dict(zip(QUANTILES, quantiles[:, day, i].tolist(), strict=True))


def whole(result: Ensemble, measure: str) -> Integers:
    """Return the total of a flow or the peak of a stock for the whole area, shape (member,)."""
    return result.total(measure) if measure in FLOWS else result.peak(measure)


def member_rows(result: Ensemble) -> Iterator[Row]:
    """Yield one row a member: totals of flows and peaks of stocks for the whole area."""
    columns = {m: whole(result, m) for m in result.daily}
    for member in range(result.members):
        yield {"member": member, **{m: int(c[member]) for m, c in columns.items()}}


def compared(results: Mapping[str, Ensemble]) -> Iterator[Row]:
    """Yield how each policy differs from the first, member by member.

    The members of policies run with one seed share their random numbers, so the spread of these
    differences is that of the policy's effect; the spread between ensembles would be far wider.
    Raises ShapeMismatch (E801) where ensembles are not of the same members and seed.
    """
    (first, base), *others = results.items()
    for name, result in others:
        if (result.members, result.seed) != (base.members, base.seed):
            raise ShapeMismatch(
                f"{name} and {first} have other members or another seed.", where="compared"
            )
        for measure in base.daily:
            difference = whole(result, measure) - whole(base, measure)
            row: Row = {
                "scenario": name,
                "against": first,
                "measure": measure,
                "statistic": "total" if measure in FLOWS else "peak",
                "mean": round(float(difference.mean()), 3),
            }
            quantiles = np.quantile(difference, PROBABILITIES).tolist()
            row |= dict(zip(QUANTILES, quantiles, strict=True))
            row["share_of_members_lower"] = round(float((difference < 0).mean()), 4)
            yield row
