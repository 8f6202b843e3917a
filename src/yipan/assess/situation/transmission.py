"""Rt of the province, its cities and counties: the exact window estimator, shown only where it says something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.assess.assumptions import Delay
from yipan.assess.situation.figures import carried
from yipan.assess.situation.picture import Counts, Known, indices
from yipan.engines.surveillance.reproduction import (
    RtWindows,
    discretised_serial_interval,
    enough_cases,
    estimate_Rt_cori,
)

WINDOW_DAYS = 7
INTERVAL_DAYS = 30  # of the serial interval; beyond it lies less than a millionth
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Transmission:
    """Rt of the province (column 0), the cities, then the counties; None where it cannot be had.

    `note` says why: no_serial_interval, no_data. `biased_up` holds the columns whose imports were
    counted as local for want of a line list.
    """

    windows: RtWindows | None
    shown: NDArray[np.bool_]  # [window, column]
    biased_up: NDArray[np.bool_]
    note: str = ""

    def latest(self, column: int) -> dict[str, Any]:
        """Return the last window of a column for JSON, or the note that stands in its place."""
        if self.windows is None:
            return {"note": self.note}
        local = round(float(self.windows.local_cases_in_window[-1, column]))
        if not self.shown[-1, column]:
            return {"note": "too_few_cases", "local_cases": local}
        q = self.windows.quantiles[:, -1, column]
        names = ("q05", "q25", "median", "q75", "q95")
        return {
            **{name: round(float(value), 3) for name, value in zip(names, q, strict=True)},
            "local_cases": local,
            "biased_up": bool(self.biased_up[column]),
        }

    def series(self, column: int, dates: list[str]) -> dict[str, Any]:
        """Return a column's windows by their last day, null where there are too few cases to say."""
        names = ("lo90", "lo50", "median", "hi50", "hi90")
        blank: dict[str, list[float | None]] = {name: [None] * len(dates) for name in names}
        if self.windows is not None and self.shown[:, column].any():
            for i in np.flatnonzero(self.shown[:, column]):
                at = int(self.windows.t_end[i]) - 1
                for k, name in enumerate(names):
                    blank[name][at] = round(float(self.windows.quantiles[k, i, column]), 2)
        return {"dates": dates, **blank}


def estimate(known: Known, province_new: Counts, interval: Delay | None) -> Transmission:
    """Return Rt by day of confirmation for the province, each city and each county.

    Totals are the published ones; the line list says which of them were imported. Where it has no
    case of a unit, imports cannot be told apart and count as local: that pushes Rt up, and the
    result says so.
    """
    columns = 1 + len(known.cities) + len(known.counties)
    nobody = np.zeros((0, columns), dtype=np.bool_)
    plain = np.zeros(columns, dtype=np.bool_)
    if interval is None:
        return Transmission(None, nobody, plain, "no_serial_interval")
    cases = _columns(known, province_new)
    if len(known.days) <= WINDOW_DAYS or not cases.any():
        return Transmission(None, nobody, plain, "no_data")
    imported, listed = imports(known)
    imported = np.minimum(imported, cases)
    weights = discretised_serial_interval(
        mean_days=interval.mean_days, sd_days=interval.sd_days, days=INTERVAL_DAYS
    )
    windows = estimate_Rt_cori(
        cases - imported,
        imported,
        weights,
        window_days=WINDOW_DAYS,
        probabilities=PROBABILITIES,
    )
    return Transmission(windows, enough_cases(windows), cases.any(axis=0) & ~listed)


def _columns(known: Known, province_new: Counts) -> Counts:
    totals = np.nan_to_num(carried(known.totals["confirmed"][:, 1:]))
    by_city = np.diff(totals, axis=0, prepend=np.zeros((1, totals.shape[1])))
    table = np.hstack([province_new[:, None], by_city, known.new])
    return np.asarray(
        np.maximum(np.nan_to_num(table), 0.0)
    )  # a total that was corrected down infects nobody


def imports(known: Known) -> tuple[Counts, NDArray[np.bool_]]:
    """Return (imported cases [day, column], whether the line list says of the column what was imported)."""
    day, county = indices(known.cases, known.counties, known.days)
    told = (county >= 0) & (day >= 0) & (known.cases.imported >= 0)
    day, county, imported = day[told], county[told], known.cases.imported[told] == 1
    below = 1 + len(known.cities)
    table = np.zeros((len(known.days), below + len(known.counties)))
    listed = np.zeros(table.shape[1], dtype=np.bool_)
    city = known.city_of[county]
    for column, belongs in (
        (np.zeros_like(county), np.ones_like(told, shape=county.shape)),
        (1 + city, city >= 0),
        (below + county, np.ones_like(told, shape=county.shape)),
    ):
        listed[column[belongs]] = True
        came = belongs & imported
        np.add.at(table, (day[came], column[came]), 1)
    return table, listed
