"""The instantaneous reproduction number by the window estimator of Cori et al. (2013)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv
from scipy.stats import gamma

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.renewal import intervals_by_day, reach

MIN_LOCAL_CASES = 11
"""Fewest local cases in a window for which Rt is shown.

With the default prior (mean 5, sd 5, so shape 1) the posterior's coefficient of variation is
1/√(1 + cases); Cori et al. (2013), web appendix 1, ask for at most 0.3, which needs 11 cases.
"""


@dataclass(frozen=True)
class RtWindows:
    """Posterior of Rt in every window; windows are half-open `[t_start, t_end)` in day indices.

    `mean`, `sd` and `local_cases_in_window` have shape (window, place); `quantiles` has shape
    (probability, window, place). Undefined estimates are NaN.
    """

    t_start: Integers
    t_end: Integers
    mean: Floats
    sd: Floats
    probabilities: tuple[float, ...]
    quantiles: Floats
    local_cases_in_window: Floats


def discretised_serial_interval(*, mean_days: float, sd_days: float, days: int) -> Floats:
    """Return the probability of a serial interval of 0, 1, …, `days` − 1 days, shape (days,).

    The serial interval is 1 + a gamma variable, integrated over the day of infection and the day
    of onset. `mean_days` > 1, `sd_days` > 0. The tail beyond `days` is left out, so the sum may
    fall short of one.

    Source: Cori et al. (2013), American Journal of Epidemiology 178:1505, web appendix 11.
    Raises OutOfRange (E802).

    >>> discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=4).round(4).tolist()
    [0.0, 0.0013, 0.02, 0.0627]
    """
    if not (mean_days > 1 and sd_days > 0 and days >= 1):
        raise OutOfRange(
            f"A serial interval of mean {mean_days:g} d and sd {sd_days:g} d over {days} days is undefined.",
            where="serial interval",
            remedy="The mean must exceed 1 day, the standard deviation 0, and at least 1 day is needed.",
        )
    shape = ((mean_days - 1) / sd_days) ** 2
    scale = sd_days**2 / (mean_days - 1)
    k = np.arange(days, dtype=np.float64)

    def cdf(x: Floats, a: float) -> Floats:
        return np.asarray(gamma.cdf(x, a, scale=scale), dtype=np.float64)

    at_shape = k * cdf(k, shape) + (k - 2) * cdf(k - 2, shape) - 2 * (k - 1) * cdf(k - 1, shape)
    above = 2 * cdf(k - 1, shape + 1) - cdf(k - 2, shape + 1) - cdf(k, shape + 1)
    return np.maximum(0.0, at_shape + shape * scale * above)


def estimate_Rt_cori(
    local: ArrayLike,
    imported: ArrayLike,
    serial_interval: ArrayLike,
    *,
    window_days: int = 7,
    prior_mean: float = 5.0,
    prior_sd: float = 5.0,
    probabilities: Sequence[float] = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975),
) -> RtWindows:
    """Return the gamma posterior of Rt for every window of `window_days` and every place.

    `local` and `imported` are daily new cases, shape (time, place), in persons, ≥ 0; imported cases
    infect but are not themselves counted as infected here. Cases of the first day have no possible
    infector in the data and count as imported. `serial_interval[k]` is the probability of k days,
    shape (days,), `serial_interval[0]` = 0; or (time, days) where it changes: row t is used for those
    infected on day t.

        Λ_t = Σ_s I_{t−s} w_s,   Rt | data ~ Gamma(a + Σ I_local, 1 / (1/b + Σ Λ))

    over the window, where the prior is Gamma(a, b). The first window starts on day 1; windows that
    end before the mean serial interval has passed are undefined (NaN). With no infectivity the
    posterior is the prior: ask `enough_cases` before showing a number.

    Source: Cori et al. (2013), American Journal of Epidemiology 178:1505, equation 1 and web
    appendix 1; equals EpiEstim 2.2-4 on every window of its two influenza examples.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> cases = np.array([[1.0], [2], [4], [8], [16], [32], [64], [128], [256]])
    >>> w = discretised_serial_interval(mean_days=2.6, sd_days=1.5, days=9)
    >>> windows = estimate_Rt_cori(cases, np.zeros_like(cases), w)
    >>> int(windows.t_start[1]), int(windows.t_end[1]), round(float(windows.mean[1, 0]), 2)
    (2, 9, 4.18)
    """
    cases = as_floats(local, "local", shape=(None, None))
    arriving = as_floats(imported, "imported", shape=cases.shape)
    time = cases.shape[0]
    weights = intervals_by_day(serial_interval, time, "serial_interval")
    _check_settings(window_days, prior_mean, prior_sd, probabilities)
    if time <= window_days:
        raise ShapeMismatch(
            f"{time} days of cases hold no window of {window_days} days after the first day.",
            where="local",
            remedy="Give more days or a shorter window.",
        )
    infectivity = reach(weights, time) @ (cases + arriving)
    caught_here = cases.copy()
    caught_here[0] = 0.0
    t_start = np.arange(1, time - window_days + 1, dtype=np.int64)
    t_end = t_start + window_days
    in_window = _window_sums(caught_here, t_start, t_end)
    shape = (prior_mean / prior_sd) ** 2 + in_window
    prior_scale = prior_sd**2 / prior_mean
    scale = 1.0 / (1.0 / prior_scale + _window_sums(infectivity, t_start, t_end))
    mean_interval = weights[t_end - 1] @ np.arange(weights.shape[1])
    undefined = (t_end <= mean_interval)[:, None]
    scale = np.where(undefined, np.nan, scale)
    return RtWindows(
        t_start=t_start,
        t_end=t_end,
        mean=shape * scale,
        sd=np.sqrt(shape) * scale,
        probabilities=tuple(float(p) for p in probabilities),
        quantiles=_standard_quantiles(shape, probabilities) * scale,
        local_cases_in_window=in_window,
    )


def enough_cases(windows: RtWindows, *, minimum: int = MIN_LOCAL_CASES) -> NDArray[np.bool_]:
    """Return where Rt may be shown: the window is defined and holds `minimum` local cases; (window, place).

    Elsewhere a page says "too few cases to say".

    >>> quiet = np.zeros((9, 1))
    >>> w = discretised_serial_interval(mean_days=2.6, sd_days=1.5, days=9)
    >>> bool(enough_cases(estimate_Rt_cori(quiet, quiet, w)).any())
    False
    """
    return (windows.local_cases_in_window >= minimum) & np.isfinite(windows.mean)


def _check_settings(
    window_days: int, prior_mean: float, prior_sd: float, probabilities: Sequence[float]
) -> None:
    if window_days < 1 or not (prior_mean > 0 and prior_sd > 0):
        raise OutOfRange(
            f"window_days {window_days}, prior_mean {prior_mean:g} and prior_sd {prior_sd:g} must be positive.",
            where="settings",
        )
    as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)


def _window_sums(values: Floats, t_start: Integers, t_end: Integers) -> Floats:
    running = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    sums: Floats = running[t_end] - running[t_start]
    return sums


def _standard_quantiles(shape: Floats, probabilities: Sequence[float]) -> Floats:
    # Shapes are prior + a count, so few differ: the slow inverse is taken once for each.
    distinct, back = np.unique(shape, return_inverse=True)
    level = np.asarray(probabilities, dtype=np.float64)[:, None]
    table = np.asarray(gammaincinv(distinct[None, :], level), dtype=np.float64)
    return table[:, back.reshape(shape.shape)]
