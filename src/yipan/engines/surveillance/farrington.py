"""More than the season of former years explains: the flexible Farrington test on weekly counts.

For matters with years behind them (fever clinics, pneumonia deaths, school absence). A new disease has
no former years: for it there are `aberration.excess` and EARS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import nbinom, poisson

from yipan.engines.checks import Floats, as_counts
from yipan.engines.errors import OutOfRange, ShapeMismatch

WEEKS_A_YEAR = 52
SEASONS = 10
"""Levels of the seasonal factor: the weeks round the same week of each year, and nine parts of the rest."""
OUTLYING = 2.58
"""Standardised residuals above this are former outbreaks; they weigh less, Noufaily et al. (2013)."""
FEWEST_CASES, FEWEST_WEEKS = 5, 4
"""No alarm with fewer than five cases in the last four weeks."""


@dataclass(frozen=True)
class SeasonalExcess:
    """The last week of every place against former years; arrays of shape (place,).

    `expected` and `upper` are persons: the fitted mean, and the count not exceeded with probability
    1 − alpha. `score` is (observed − expected) / (upper − expected); `alarm` where the observed count is
    above the upper one and the place has cases enough. `dispersion` is variance over mean, at least 1.
    """

    observed: Floats
    expected: Floats
    upper: Floats
    score: Floats
    alarm: np.ndarray
    dispersion: Floats
    trend: np.ndarray


def farrington_flexible(
    counts: ArrayLike,
    *,
    years_back: int = 5,
    half_window_weeks: int = 3,
    skip_weeks: int = 26,
    alpha: float = 0.01,
) -> SeasonalExcess:
    """Return how unexpected the last week of each place is, given the same season of former years.

    `counts` are weekly counts, shape (week, place), of at least `years_back` × 52 + `half_window_weeks`
    weeks before the last. The latest `skip_weeks` weeks are left out of the baseline, so that an
    outbreak under way does not raise it.

        log E[y] = a + b × week + season,   Var y = φ E[y]

    by weighted quasi-Poisson regression, fitted twice: former outbreaks, of standardised Anscombe
    residual s > 2.58, weigh s⁻² the second time. A trend that would take the expected count above
    every count of the baseline is left out. The upper count is the 1 − `alpha` quantile of the
    negative binomial with that mean and variance.

    Source: Noufaily et al. (2013), Statistics in Medicine 32:1206; Farrington et al. (1996), JRSS A
    159:547; equal to `farringtonFlexible` of R's surveillance 1.20.3 (threshold "nbPlugin", trend always
    tried) to seven digits. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> steady = np.full((5 * 52 + 4, 1), 7)
    >>> found = farrington_flexible(steady)
    >>> round(float(found.expected[0]), 2), bool(found.alarm[0])
    (7.0, False)
    """
    table = as_counts(counts, "counts", shape=(None, None)).astype(np.float64)
    if not (
        years_back >= 2 and 0 <= half_window_weeks <= 10 and skip_weeks >= 0 and 0 < alpha < 0.5
    ):
        raise OutOfRange(
            f"years_back {years_back}, half_window_weeks {half_window_weeks}, skip_weeks {skip_weeks}, "
            f"alpha {alpha:g}.",
            where="settings",
            remedy="Two years at least, a window of at most 10 weeks, alpha between 0 and 0.5.",
        )
    needed = years_back * WEEKS_A_YEAR + half_window_weeks + 1
    if table.shape[0] < needed:
        raise ShapeMismatch(
            f"{table.shape[0]} weeks are fewer than the {needed} of {years_back} years.",
            where="counts",
            remedy="Give more weeks or fewer years; without former years use `aberration.excess`.",
        )
    now = table.shape[0] - 1
    weeks = np.arange(now - years_back * WEEKS_A_YEAR - half_window_weeks, now - skip_weeks)
    season = _seasons(now - weeks, half_window_weeks)
    columns = [_fit_place(table[weeks, p], weeks - now, season) for p in range(table.shape[1])]
    expected, dispersion, trend = (np.array(values) for values in zip(*columns, strict=True))
    upper = _upper(expected, dispersion, alpha)
    observed = table[now]
    enough = table[now - FEWEST_WEEKS + 1 :].sum(axis=0) >= FEWEST_CASES
    return SeasonalExcess(
        observed=observed,
        expected=expected,
        upper=upper,
        score=(observed - expected) / np.maximum(upper - expected, 1e-9),
        alarm=(observed > upper) & enough,
        dispersion=dispersion,
        trend=trend,
    )


def _seasons(weeks_ago: np.ndarray, half_window: int) -> np.ndarray:
    """The seasonal level of each week: 0 round the same week of each year, 1 to 9 in between."""
    phase = (-weeks_ago + half_window) % WEEKS_A_YEAR  # 0 … 2 × half_window: the same season
    width = 2 * half_window + 1
    rest = np.maximum(phase - width, 0) * (SEASONS - 1) // (WEEKS_A_YEAR - width)
    return np.where(phase < width, 0, 1 + rest)


def _fit_place(y: Floats, week: np.ndarray, season: np.ndarray) -> tuple[float, float, bool]:
    if y.sum() == 0:
        return 0.5 / y.size, 1.0, False
    seasonal = np.eye(SEASONS)[season][:, 1:]
    flat = np.column_stack([np.ones(y.size), seasonal])
    sloped = np.column_stack([flat, week / WEEKS_A_YEAR])
    expected, dispersion = _twice(y, sloped)
    if expected <= y.max():
        return expected, dispersion, True
    return (*_twice(y, flat), False)


def _twice(y: Floats, design: Floats) -> tuple[float, float]:
    """Fit, give former outbreaks less weight, fit again; return the mean of week 0 and the dispersion.

    The first columns of `design` are all of week 0's season and its week number is 0, so its mean is
    the exponential of the intercept.
    """
    weight = np.ones(y.size)
    coefficients, mean, leverage, dispersion = _quasi_poisson(y, design, weight)
    scale = np.sqrt(dispersion * np.maximum(1 - leverage, 1e-6))
    residual = 1.5 * (y ** (2 / 3) * mean ** (-1 / 6) - np.sqrt(mean)) / scale
    weight = np.where(residual > OUTLYING, np.maximum(residual, OUTLYING) ** -2.0, 1.0)
    weight = weight * y.size / weight.sum()
    coefficients, mean, leverage, dispersion = _quasi_poisson(y, design, weight)
    return float(np.exp(coefficients[0])), dispersion


def _quasi_poisson(
    y: Floats, design: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats, float]:
    """Weighted log-linear fit by Newton with a hair of ridge; coefficients, means, leverages, dispersion."""
    free = design.shape[1]
    ridge = 1e-6 * np.eye(free)
    coefficients = np.zeros(free)
    coefficients[0] = np.log((weight @ y + 0.5) / weight.sum())
    for _ in range(50):
        mean = np.exp(np.clip(design @ coefficients, -20, 20))
        curvature = (design * (weight * mean)[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, design.T @ (weight * (y - mean)) - ridge @ coefficients)
        coefficients = coefficients + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    mean = np.exp(np.clip(design @ coefficients, -20, 20))
    curvature = (design * (weight * mean)[:, None]).T @ design + ridge
    leverage = weight * mean * np.einsum("ij,jk,ik->i", design, np.linalg.inv(curvature), design)
    pearson = float((weight * (y - mean) ** 2 / np.maximum(mean, 1e-12)).sum())
    return coefficients, mean, leverage, max(1.0, pearson / max(y.size - free, 1))


def _upper(mean: Floats, dispersion: Floats, alpha: float) -> Floats:
    size = mean / np.maximum(dispersion - 1, 1e-9)
    spread = nbinom.ppf(1 - alpha, size, 1 / dispersion)
    return np.asarray(np.where(dispersion > 1 + 1e-6, spread, poisson.ppf(1 - alpha, mean)))
