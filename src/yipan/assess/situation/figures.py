"""Counts turned into the figures of an assessment: totals, windows, what is active, what is unallocated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess.situation.picture import TOTALS, Counts, Known


def carried(totals: Counts) -> Counts:
    """Return running totals with each gap filled by the last total before it; leading gaps stay NaN.

    >>> carried(np.array([[np.nan], [2.0], [np.nan], [5.0]])).ravel().tolist()
    [nan, 2.0, 2.0, 5.0]
    """
    known = ~np.isnan(totals)
    at = np.maximum.accumulate(np.where(known, np.arange(len(totals))[:, None], 0), axis=0)
    filled: Counts = np.take_along_axis(totals, at, axis=0)
    return filled


def daily_new(totals: Counts) -> Counts:
    """Return new cases by day from running totals: NaN on a day without a total, never invented.

    The first total stands for what came before the first day too; after a gap the first total says
    what is new since the last one known.
    """
    filled = np.vstack([np.zeros((1, totals.shape[1])), carried(totals)])
    new = filled[1:] - np.nan_to_num(filled[:-1])
    return np.where(np.isnan(totals), np.nan, new)


def window(new: Counts, length: int, *, back: int = 0) -> Counts:
    """Return the sum of known counts in the `length` days that end `back` days before the last."""
    end = len(new) - back
    part = new[max(0, end - length) : max(0, end)]
    total: Counts = np.nansum(part, axis=0)
    return total


def whole(x: float) -> int | None:
    """Return a count for JSON: None where it is not known."""
    return None if np.isnan(x) else round(float(x))


def province_totals(known: Known) -> tuple[str, dict[str, Counts]]:
    """Return (basis, measure → running total [day]); the province's own series wins where it has one."""
    own = {name: known.totals[name][:, :1] for name in TOTALS}
    if not np.isnan(own["confirmed"]).all():
        return "bulletin", {name: table[:, 0] for name, table in own.items()}
    cities = {name: carried(known.totals[name][:, 1:]) for name in TOTALS}
    if cities["confirmed"].size and not np.isnan(cities["confirmed"]).all():
        return "cities", {name: _sum_of_known(table) for name, table in cities.items()}
    flows = ("confirmed_new", "cured_new", "deaths_new")
    by_day = {"confirmed_new": known.new}
    return "counties", {
        total: _sum_of_known(np.cumsum(np.nan_to_num(table), axis=0), heard=~np.isnan(table))
        for total, flow in zip(TOTALS, flows, strict=True)
        for table in [by_day.get(flow, known.flows[flow])]
    }


def _sum_of_known(table: Counts, heard: NDArray[np.bool_] | None = None) -> Counts:
    some = (~np.isnan(table) if heard is None else heard).any(axis=1)
    return np.where(some, np.nansum(table, axis=1), np.nan)


@dataclass(frozen=True)
class Province:
    """The province's series and its figures, the latter without what estimates add."""

    new: Counts
    total: Counts
    figures: dict[str, Any]


def province(known: Known) -> Province:
    """Return the province's figures as the package docstring of `situation` lists them."""
    basis, totals = province_totals(known)
    filled = {name: carried(series[:, None])[:, 0] for name, series in totals.items()}
    new = {name: daily_new(series[:, None])[:, 0] for name, series in totals.items()}
    active = filled["confirmed"] - filled["cured"] - filled["deaths"]
    column = new["confirmed"][:, None]
    somewhere = bool((~np.isnan(column)).any())
    figures: dict[str, Any] = {
        "day": known.day.isoformat(),
        "basis": basis,
        "as_of": _last_known(totals["confirmed"], known.days),
        **{name: whole(filled[name][-1]) for name in TOTALS},
        **{f"{name}_new": whole(new[name][-1]) for name in TOTALS},
        "confirmed_7d": _count(window(column, 7), somewhere),
        "confirmed_7d_before": _count(window(column, 7, back=7), somewhere),
        "confirmed_14d": _count(window(column, 14), somewhere),
        "active": whole(active[-1]),
        "active_before": whole(active[-2]) if len(active) > 1 else None,
        "days_without_new": days_without(new["confirmed"]),
        "peak": peak(new["confirmed"], known.days),
        "unallocated": unallocated(known, filled),
    }
    return Province(new=new["confirmed"], total=filled["confirmed"], figures=figures)


def _count(value: Counts, known: bool) -> int | None:
    return round(float(value[0])) if known else None


def _last_known(series: Counts, span: Sequence[date]) -> str | None:
    known = np.flatnonzero(~np.isnan(series))
    return span[known[-1]].isoformat() if known.size else None


def days_without(new: Counts) -> int:
    """Return how many whole days up to the last passed without a new case; an unknown day ends the run.

    >>> days_without(np.array([3.0, 0.0, 0.0])), days_without(np.array([0.0, np.nan]))
    (2, 0)
    """
    broken = np.flatnonzero(np.isnan(new) | (new != 0))
    return len(new) if broken.size == 0 else len(new) - 1 - int(broken[-1])


def peak(new: Counts, span: Sequence[date]) -> dict[str, Any] | None:
    """Return the day with most new cases, the first of equals; None where there was none."""
    if np.isnan(new).all() or np.nanmax(new) <= 0:
        return None
    at = int(np.nanargmax(new))
    return {"day": span[at].isoformat(), "n": round(float(new[at]))}


def unallocated(known: Known, filled: dict[str, Counts]) -> dict[str, int | None]:
    """Return the province's totals less the sum of its cities': shown, never scaled away."""
    found: dict[str, int | None] = {}
    for name in TOTALS:
        parts = carried(known.totals[name][:, 1:])[-1] if known.cities else np.array([np.nan])
        found[name] = whole(filled[name][-1] - parts.sum())
    return found


@dataclass(frozen=True)
class UnitFigures:
    """Figures of many units of one level, one entry a unit, NaN where not known."""

    confirmed_new: Counts
    confirmed_7d: Counts
    confirmed_14d: Counts
    confirmed: Counts
    cured: Counts
    deaths: Counts
    active: Counts
    last_case: NDArray[np.int64]  # index of the last day with a new case, −1: none


def cities(known: Known) -> UnitFigures:
    """Return the cities' figures from their published totals."""
    totals = {name: carried(known.totals[name][:, 1:]) for name in TOTALS}
    new = daily_new(known.totals["confirmed"][:, 1:])
    return _figures(new, totals["confirmed"][-1], totals["cured"][-1], totals["deaths"][-1])


def counties(known: Known) -> UnitFigures:
    """Return the counties' figures from what they reported day by day; sums are of the known days."""
    ever = known.ever_heard
    confirmed = np.where(ever, np.nansum(known.new, axis=0), np.nan)
    outcomes = [
        np.where(np.isnan(flow).all(axis=0), np.nan, np.nansum(flow, axis=0))
        for flow in (known.flows["cured_new"], known.flows["deaths_new"])
    ]
    return _figures(known.new, confirmed, *outcomes)


def _figures(new: Counts, confirmed: Counts, cured: Counts, deaths: Counts) -> UnitFigures:
    unknown = np.isnan(confirmed)
    some = np.nan_to_num(new) > 0
    last = np.where(some.any(axis=0), len(new) - 1 - np.argmax(some[::-1], axis=0), -1)
    return UnitFigures(
        confirmed_new=new[-1],
        confirmed_7d=np.where(unknown, np.nan, window(new, 7)),
        confirmed_14d=np.where(unknown, np.nan, window(new, 14)),
        confirmed=confirmed,
        cured=cured,
        deaths=deaths,
        active=confirmed - cured - deaths,
        last_case=last.astype(np.int64),
    )
