"""More cases than the days before give reason to expect: tests for small counts, and EARS for comparison.

Every test compares the latest days of one place with its own recent days; none knows a season. An
alarm is a question to a person, not a finding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import nbinom

from yipan.engines.checks import Floats, check_shape
from yipan.engines.errors import OutOfRange, ShapeMismatch

EARS_THRESHOLDS = {"C1": 3.0, "C2": 3.0, "C3": 2.0}
"""Above these an alarm is raised, Hutwagner et al. (2003)."""
LEAST_SD = 0.2
"""EARS's standard deviation is not let below this, or one case after seven quiet days is infinite."""


@dataclass(frozen=True)
class Excess:
    """The latest days of every place against its own baseline; arrays of shape (place,).

    `observed` cases in the window, `expected` of them under the baseline, `p_value` the probability
    of at least as many. NaN where the window or the whole baseline is not known. `size` and `success`
    are the negative binomial's own parameters.
    """

    observed: Floats
    expected: Floats
    p_value: Floats
    size: Floats
    success: Floats

    def false_alarms(self, alpha: float) -> float:
        """Return how many of the places would alarm at `alpha` if nothing had changed anywhere.

        Counts are whole, so each place alarms less often than `alpha` says; this is the exact sum.
        """
        known = ~np.isnan(self.p_value)
        size, success = self.size[known], self.success[known]
        least = nbinom.isf(alpha, size, success) + 1  # the fewest cases whose tail is below alpha
        return float(np.sum(nbinom.sf(least - 1, size, success)))


def excess(
    counts: ArrayLike,
    *,
    window_days: int = 3,
    baseline_days: int = 14,
    prior_shape: float = 0.5,
) -> Excess:
    """Return how unexpected the last `window_days` of each place are, given the `baseline_days` before.

    `counts` are daily new cases, shape (time, place), NaN where not reported. A place's daily rate is
    gamma with shape `prior_shape` and the mean of all places in the baseline, updated by the place's
    own baseline of n known days with S cases; what the window should hold is then negative binomial:

        X ~ NB(size = a + S, p = (b + n) / (b + n + w)),   a / b = mean of all places

    The prior is what keeps a first case in a quiet place from being infinitely surprising and an
    isolated one from being nothing. Raises ShapeMismatch (E801), OutOfRange (E802).

    Source: Riebler (2004) and Höhle (2007), Computational Statistics 22:571 (`algo.bayes` of the R
    package surveillance); the mean of all places in the prior is this engine's own.

    >>> counts = np.array([[1.0, 0.0]] * 14 + [[1.0, 1.0]] * 3)
    >>> excess(counts).p_value.round(4).tolist()
    [0.5351, 0.0015]
    """
    table = _counts(counts)
    if window_days < 1 or baseline_days < 1 or not prior_shape > 0:
        raise OutOfRange(
            f"window_days {window_days}, baseline_days {baseline_days} and prior_shape "
            f"{prior_shape:g} must be positive.",
            where="settings",
        )
    if table.shape[0] < window_days + 1:
        raise ShapeMismatch(
            f"{table.shape[0]} days hold no window of {window_days} days and a baseline.",
            where="counts",
            remedy="Give more days or a shorter window.",
        )
    window = table[-window_days:]
    before = table[-window_days - baseline_days : -window_days]
    days = (~np.isnan(before)).sum(axis=0)
    cases = np.nansum(before, axis=0)
    everywhere = cases.sum() / max(int(days.sum()), 1)
    # Half a case among all the place-days keeps the prior proper when nobody had one.
    mean = max(everywhere, 0.5 / max(int(days.sum()), 1))
    size = prior_shape + cases
    rate = prior_shape / mean + days
    observed = window.sum(axis=0)
    unknown = np.isnan(observed) | (days == 0)
    success = rate / (rate + window_days)
    tail = nbinom.sf(np.nan_to_num(observed) - 1, size, success)
    return Excess(
        observed=observed,
        expected=np.where(unknown, np.nan, window_days * size / rate),
        p_value=np.where(unknown, np.nan, tail),
        size=size,
        success=success,
    )


def ears(counts: ArrayLike, *, method: str = "C2") -> Floats:
    """Return EARS's statistic C1, C2 or C3 of every day and place, NaN where its baseline is not known.

    `counts` are daily new cases, shape (time, place). With a baseline of 7 days that ends the day
    before (C1) or three days before (C2), of mean m and standard deviation s (at least 0.2):

        C1, C2 = (x_t − m) / s,   C3_t = Σ_{i=0..2} max(0, C2_{t−i} − 1)

    Alarms: `EARS_THRESHOLDS`. Source: Hutwagner et al. (2003), Journal of Urban Health 80:i89.
    Raises OutOfRange (E802) for another method.

    >>> ears(np.array([[1.0], [2], [1], [2], [1], [2], [1], [9]]), method="C1")[-1].round(1).tolist()
    [14.2]
    """
    table = _counts(counts)
    if method not in EARS_THRESHOLDS:
        raise OutOfRange(
            f"{method!r} is no EARS method.", where="method", remedy="Choose C1, C2 or C3."
        )
    lag = 1 if method == "C1" else 3
    statistic = np.full(table.shape, np.nan)
    for t in range(7 + lag - 1, table.shape[0]):
        baseline = table[t - 6 - lag : t - lag + 1]
        spread = np.maximum(baseline.std(axis=0, ddof=1), LEAST_SD)
        statistic[t] = (table[t] - baseline.mean(axis=0)) / spread
    if method != "C3":
        return statistic
    part = np.maximum(0.0, statistic - 1)
    summed = np.full(table.shape, np.nan)
    summed[2:] = part[2:] + part[1:-1] + part[:-2]
    return summed


def streaks(counts: ArrayLike) -> Floats:
    """Return how many days up to the last each place reported the same number; shape (place,).

    A day without a report ends the run; 0 where the last day itself is not known.

    >>> streaks(np.array([[4.0, 0.0], [5, 3], [5, 3], [5, np.nan]])).tolist()
    [3.0, 0.0]
    """
    table = _counts(counts)
    if table.shape[0] == 0:
        return np.zeros(table.shape[1])
    same = np.logical_and.accumulate((table == table[-1])[::-1], axis=0)
    return np.asarray(same.sum(axis=0), dtype=np.float64)


def chance_of_zeros(
    counts: ArrayLike, neighbours: ArrayLike, population: ArrayLike, *, days: int = 7
) -> Floats:
    """Return the probability that a place has no case in `days` days if it were like its neighbours.

    `counts` (time, place), NaN where not reported; `neighbours` (place, place) is true where two
    touch; `population` (place,) > 0. The neighbours' cases per person and day, with the spread of a
    gamma of the shape of their own count, give for E expected cases and N cases of theirs

        P(0) = (1 + E / (N + ½))^−(N + ½)

    A small value is a question about reporting, or a place well protected; 1 where the neighbours
    have no case, and NaN where the place itself reported a case or missed a day.

    >>> chance_of_zeros([[0, 6], [0, 8]], [[0, 1], [1, 0]], [1000.0, 1000.0], days=2).round(3).tolist()
    [0.0, nan]
    """
    table = _counts(counts)
    touch = np.asarray(neighbours, dtype=bool)
    people = np.asarray(population, dtype=np.float64)
    places = table.shape[1]
    check_shape(touch, "neighbours", (places, places))
    check_shape(people, "population", (places,))
    if not (people > 0).all():
        raise OutOfRange("A place has no people.", where="population")
    recent = table[-days:]
    own = recent.sum(axis=0)
    known = ~np.isnan(recent)
    around = touch @ np.nansum(recent, axis=0)
    person_days = touch @ (known.sum(axis=0) * people)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(person_days > 0, around / person_days, 0.0) * people * len(recent)
    shape = around + 0.5
    chance = np.where(around > 0, (1 + expected / shape) ** -shape, 1.0)
    return np.where(own == 0, chance, np.nan)


def _counts(counts: ArrayLike) -> Floats:
    table = np.asarray(counts, dtype=np.float64)
    check_shape(table, "counts", (None, None))
    if not ((table >= 0) | np.isnan(table)).all():
        raise OutOfRange(
            "A count is negative.",
            where="counts",
            remedy="Give new cases of each day; a correction belongs to the day it corrects.",
        )
    return table
