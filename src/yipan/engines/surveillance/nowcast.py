"""Cases that have begun but are not yet reported: expected by onset day and place, with intervals.

Three layers. How much is reported after d days is pooled over places (`delays.reverse_hazards`).
What level to expect is a smooth curve of the whole and each place's share of it, so that a handful
of early reports is not simply divided by a small number. What is missing is then a
negative-binomial completion whose spread is learnt by repeating the nowcast of past days and
comparing with what has arrived since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import nbinom

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.errors import OutOfRange, TooFewObservations
from yipan.engines.surveillance.delays import (
    check_triangle,
    fit_delay_counts,
    mask_unknown,
    reported_share,
    reverse_hazards,
)

PROBABILITIES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)

LEVEL_WINDOW_DAYS = 70
"""The level is fitted to this many latest days: enough for its weekday effects, cheap to factorise."""
SMOOTHNESS = (0.02, 0.05, 0.1, 0.2)
"""Standard deviations of the daily change of the log slope among which the likelihood chooses."""
DAILY_NOISE = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Shapes of the day-to-day gamma noise among which the likelihood chooses; larger is calmer."""
ONSET_WEEKDAY_SD = 0.3
"""Prior standard deviation of a weekday's effect on the log of the level."""
SHARE_WINDOW_DAYS, SHARE_HALF_LIFE_DAYS = 56, 21.0
"""A place's share of the whole is taken from this many latest days, the older the less."""
UNEVENNESS = tuple(float(x) for x in np.geomspace(0.02, 20, 25))
"""Shapes of the gamma of the places' shares among which the likelihood chooses; larger is more even."""
REPEATS, FOLLOW_UP_DAYS = 42, 10
"""Past nowcasts repeated to learn the spread: at most this many, the youngest this many days old."""
MOST_SPREAD = 4.0
"""Squared relative error beyond which a wider one says nothing more."""
PRIOR_SPREAD, PRIOR_WEIGHT = 0.05, 50.0
"""Squared relative spread assumed before past nowcasts say otherwise, and its weight (cases squared)."""


@dataclass(frozen=True)
class Nowcast:
    """Cases by onset day, reported and still expected; time first, then place.

    `reported`, `mean` have shape (time, place), `quantiles` (probability, time, place): quantiles of
    all cases with that onset, reported ones included. `whole_mean` (time,) and `whole_quantiles`
    (probability, time) are the same for all places together: not sums of quantiles.
    `reported_share` (time,) is the estimated share already reported, `reported_share_log_sd` (time,)
    the standard error of its logarithm, larger the younger the day; errors of two days are as much
    shared as the older one's is large.
    `pending_mean` and `pending_quantiles` (probability,) are the cases of all places with onset in
    the last `pending_days` days that are not yet reported.
    """

    probabilities: tuple[float, ...]
    reported: Floats
    mean: Floats
    quantiles: Floats
    whole_mean: Floats
    whole_quantiles: Floats
    reported_share: Floats
    reported_share_log_sd: Floats
    pending_days: int
    pending_mean: float
    pending_quantiles: Floats


@dataclass(frozen=True)
class _Reporting:
    """How the share reported is estimated, so that the nowcasts of past days do it the same way."""

    first_weekday: int
    prior_delay: ArrayLike | None
    prior_cases: float
    half_life_days: float

    def share(self, counts: Floats) -> Floats:
        """Return the share reported by delay for each onset day, shape (time, delay)."""
        prior = self.prior_delay
        if prior is None:
            try:
                prior = fit_delay_counts(counts).probability
            except TooFewObservations:
                prior = None  # half a case over all delays: as good as not knowing
        hazards = reverse_hazards(
            counts,
            first_weekday=self.first_weekday,
            half_life_days=self.half_life_days,
            prior_delay=prior,
            prior_cases=0.0 if prior is None else self.prior_cases,
        )
        return reported_share(hazards)


@dataclass(frozen=True)
class _Level:
    """The expected cases a day of the whole and the variance of their log (time,); how they were smoothed."""

    expected: Floats
    log_variance: Floats
    smoothness: float
    noise_shape: float


def nowcast(
    triangle: ArrayLike,
    *,
    first_weekday: int = 0,
    prior_delay: ArrayLike | None = None,
    prior_cases: float = 10.0,
    half_life_days: float = 28.0,
    pending_days: int = 7,
    probabilities: Sequence[float] = PROBABILITIES,
) -> Nowcast:
    """Return the cases by onset day and place given what is known at the end of the last day.

    `triangle` are counts by onset day, place and reporting delay, shape (time, place, delay), NaN
    exactly where day + delay is after the last day; zeros are zeros (`delays.reporting_triangle`
    makes one from a line list). `prior_delay` (delay,) counts as `prior_cases` imagined cases; without
    one, a gamma fitted to the triangle itself does. While cases are few, give one. Weekdays count modulo 7 from `first_weekday` on day 0.

    With share reported F, expected level μ and day-to-day noise of shape k, the missing cases U
    given the reported R are

        U | R ~ NB(mean = (k + R) (1 − F) / (k/μ + F),   1/size = 1/(k + R) + e² Var(log μ) + 1/φ)

    where e = (k/μ) / (k/μ + F) is how much the answer leans on the level. φ, the spread of reporting
    itself at each age of the onset day, is learnt from past nowcasts compared with what has arrived
    since; for all places together it holds the other terms already, and the larger is used.

    Source: Lawless (1994), Canadian Journal of Statistics 22:15 (completion by a gamma-Poisson
    model); the level, the pooling and φ are this engine's own. Raises ShapeMismatch (E801),
    OutOfRange (E802).

    >>> known = np.array([[[4.0, 4.0]], [[4.0, 4.0]], [[4.0, np.nan]]])
    >>> answer = nowcast(known, pending_days=1)
    >>> answer.reported[:, 0].tolist(), round(float(answer.reported_share[-1]), 1)
    ([8.0, 8.0, 4.0], 0.5)
    """
    counts = check_triangle(triangle)
    as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)
    if pending_days < 1 or not half_life_days > 0:
        raise OutOfRange(
            f"pending_days {pending_days} and half_life_days {half_life_days:g} must be positive.",
            where="settings",
        )
    reporting = _Reporting(first_weekday, prior_delay, prior_cases, half_life_days)
    time, places, delays = counts.shape
    reported = np.nansum(counts, axis=2)
    whole_counts = _together(counts)
    share = _current(reporting.share(whole_counts))
    level = _fit_level(reported.sum(axis=1), share, first_weekday)
    whole = _complete(
        reported.sum(axis=1)[:, None],
        share,
        level.expected[:, None],
        level.noise_shape,
        level.log_variance,
    )
    spread, spread_together = _learn_spread(whole_counts, reporting, level, pending_days)
    age = np.minimum(time - 1 - np.arange(time), delays - 1)
    share_log_sd = _share_log_sd(whole_counts, reporting)[age]
    unsure = _share_spread(share, share_log_sd, level)
    whole_spread = np.maximum(spread[age], whole.excess[:, 0] + unsure)
    if places == 1:
        by_place, place_spread = whole, whole_spread[:, None]
    else:
        expected, noise = _place_levels(reported, share, level)
        by_place = _complete(reported, share, expected, noise, level.log_variance)
        place_spread = by_place.excess + np.maximum(spread[age], unsure)[:, None]
    latest = slice(max(0, time - pending_days), time)
    pending = whole.mean[latest].sum()
    # The level's error is shared by the days; so is the delay's, learnt from so many cases.
    weights = whole.mean[latest, 0] / max(float(pending), 1e-12)
    shared = (weights @ np.sqrt(whole.excess[latest, 0])) ** 2
    shared += (weights @ np.sqrt(unsure[latest])) ** 2
    pending_spread = max(spread_together, float(shared))
    tall = np.asarray(probabilities, dtype=np.float64)
    return Nowcast(
        probabilities=tuple(float(p) for p in probabilities),
        reported=reported,
        mean=reported + by_place.mean,
        quantiles=reported + count_quantiles(by_place.mean, place_spread, tall),
        whole_mean=reported.sum(axis=1) + whole.mean[:, 0],
        whole_quantiles=reported.sum(axis=1)
        + count_quantiles(whole.mean[:, 0], whole_spread, tall),
        reported_share=share,
        reported_share_log_sd=share_log_sd,
        pending_days=pending_days,
        pending_mean=float(pending),
        pending_quantiles=count_quantiles(np.array([pending]), np.array([pending_spread]), tall)[
            :, 0
        ],
    )


def count_quantiles(mean: Floats, excess: Floats, probabilities: Floats) -> Floats:
    """Return quantiles of negative-binomial counts, shape (probability, *mean.shape).

    Variance = mean + excess × mean². Both arrays ≥ 0 and of one shape; an excess of zero is Poisson.

    >>> count_quantiles(np.array([4.0]), np.array([0.0]), np.array([0.5]))[:, 0].tolist()
    [4.0]
    """
    size = 1 / np.maximum(np.broadcast_to(excess, mean.shape), 1e-9)
    answer = np.zeros((probabilities.size, *mean.shape))
    chance_of_none = np.exp(-size * np.log1p(mean / size))
    some = chance_of_none < probabilities.max()
    if some.any():
        n, m = size[some], mean[some]
        answer[:, some] = nbinom.ppf(probabilities[:, None], n, n / (n + m))
    return answer


@dataclass(frozen=True)
class _Completion:
    mean: Floats  # missing cases, (time, place)
    excess: Floats  # variance beyond the mean, as a multiple of the mean squared


def _together(counts: Floats) -> Floats:
    known = np.isfinite(counts[:, 0, :])
    return np.where(known, np.nansum(counts, axis=1), np.nan)


def _share_log_sd(counts: Floats, reporting: _Reporting) -> Floats:
    """Return the standard error of log F by age (delay,): each hazard's, of those still to come.

        Var(log F_d) = Σ_{j>d} g_j / ((1 − g_j) n_j)

    n_j are the cases, old ones discounted, in whose reports delay j could have been seen.
    """
    time, delays = counts.shape
    known = np.isfinite(counts)
    cases = np.where(known, counts, 0.0)
    report = np.arange(time)[:, None] + np.arange(delays)[None, :]
    weight = np.where(known, 0.5 ** ((time - 1 - report) / reporting.half_life_days), 0.0)
    imagined = reporting.prior_cases
    at_risk = (weight * np.cumsum(cases, axis=1)).sum(axis=0) + imagined + 0.5
    hazard = (weight * cases).sum(axis=0) + (imagined + 0.5) / delays
    hazard = np.minimum(hazard / at_risk, 0.9)
    variance = hazard / ((1 - hazard) * at_risk)
    after: Floats = np.concatenate([np.cumsum(variance[::-1])[::-1][1:], [0.0]])
    return np.sqrt(after)


def _share_spread(share: Floats, share_log_sd: Floats, level: _Level) -> Floats:
    """Return the squared relative error of the missing cases that the share's own error makes (time,).

    d log U / d log F = −F / (1 − F) − F / (k/μ + F)
    """
    pull = level.noise_shape / level.expected
    response = share / np.maximum(1 - share, 1e-9) + share / (pull + share)
    squared: Floats = np.minimum((response * share_log_sd) ** 2, MOST_SPREAD)
    return np.where(share < 1, squared, 0.0)


def _current(shares: Floats) -> Floats:
    time, delays = shares.shape
    current: Floats = shares[np.arange(time), np.minimum(time - 1 - np.arange(time), delays - 1)]
    return current


def _complete(
    reported: Floats, share: Floats, level: Floats, noise_shape: float, log_variance: Floats
) -> _Completion:
    """Complete `reported` (time, place); the less is reported, the more the level's own error counts."""
    pull = noise_shape / level
    known = pull + share[:, None]
    missing = (noise_shape + reported) * (1 - share)[:, None] / known
    excess = 1 / (noise_shape + reported) + (pull / known) ** 2 * log_variance[:, None]
    return _Completion(missing, excess)


def _fit_level(reported: Floats, share: Floats, first_weekday: int) -> _Level:
    """Smooth the whole by a penalised negative binomial; the window's likelihood chooses how much."""
    tries = [
        _level(reported, share, first_weekday, smoothness, noise)
        for smoothness in SMOOTHNESS
        for noise in DAILY_NOISE
    ]
    return max(tries, key=lambda one: one[1])[0]


def _level(
    reported: Floats, share: Floats, first_weekday: int, smoothness: float, noise: float
) -> tuple[_Level, float]:
    start = max(0, reported.size - LEVEL_WINDOW_DAYS)
    weekday = (np.arange(start, reported.size) + first_weekday) % 7
    latest, variance, fit = _smooth(reported[start:], share[start:], weekday, smoothness, noise)
    # Older days are complete: what was reported is what happened, smoothed only by half a case.
    expected = np.concatenate([reported[:start] + 0.5, latest])
    return _Level(expected, np.concatenate([np.zeros(start), variance]), smoothness, noise), fit


def _smooth(
    reported: Floats, share: Floats, weekday: Integers, smoothness: float, noise: float
) -> tuple[Floats, Floats, float]:
    """Return exp(second-order random walk + weekday), its log's variance, the log marginal likelihood."""
    time = reported.size
    bend = np.diff(np.eye(time), 2, axis=0) / smoothness
    contrast = (np.eye(7) - 1 / 7)[:, :6]
    design = np.hstack([np.eye(time), contrast[weekday]])
    prior = np.zeros((time + 6, time + 6))
    prior[:time, :time] = bend.T @ bend + 1e-3 * np.eye(time)
    prior[time:, time:] = np.eye(6) / ONSET_WEEKDAY_SD**2
    centre = np.zeros(time + 6)
    centre[:time] = np.log((reported.sum() + 0.5) / (share.sum() + 0.5))
    at = centre.copy()
    curvature = prior
    for _ in range(25):
        mean = np.exp(np.clip(design @ at, -20, 20)) * share
        slope = (reported - mean) * noise / (noise + mean)
        weight = mean * noise * (noise + reported) / (noise + mean) ** 2
        curvature = (design * weight[:, None]).T @ design + prior
        step = np.linalg.solve(curvature, design.T @ slope - prior @ (at - centre))
        at = at + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-4:
            break
    level = np.exp(np.clip(design @ at, -20, 20))
    mean = level * share
    fit = gammaln(reported + noise) - gammaln(noise) - gammaln(reported + 1)
    fit = fit + noise * np.log(noise / (noise + mean)) + reported * np.log(mean / (noise + mean))
    away = at - centre
    log_marginal = fit.sum() - away @ prior @ away / 2
    log_marginal += (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(curvature)[1]) / 2
    variance = np.einsum("ti,ij,tj->t", design, np.linalg.inv(curvature), design, optimize=True)
    return level, variance, float(log_marginal)


def _place_levels(reported: Floats, share: Floats, level: _Level) -> tuple[Floats, float]:
    """Return each place's expected cases (time, place) and the shape of their day-to-day noise."""
    window = slice(max(0, reported.shape[0] - SHARE_WINDOW_DAYS), None)
    exposure = level.expected[window] * share[window]
    age = np.arange(exposure.size)[::-1]
    weight = 0.5 ** (age / SHARE_HALF_LIFE_DAYS)
    # Weighted counts vary less than Poisson counts of their mean; this factor undoes it.
    scale = (weight @ exposure) / max(float(weight**2 @ exposure), 1e-12)
    total, cases = scale * (weight @ exposure), scale * (weight @ reported[window])
    places = reported.shape[1]

    def fits(shape: float, mean: Floats, seen: Floats) -> float:
        terms = gammaln(seen + shape) - gammaln(shape) + shape * np.log(shape / (shape + mean))
        return float((terms + seen * np.log(np.maximum(mean, 1e-300) / (shape + mean))).sum())

    even = np.full(places, total / places)
    unevenness = max(UNEVENNESS, key=lambda shape: fits(shape, even, cases))
    portion = (unevenness + cases) / (unevenness * places + total)
    expected = level.expected[:, None] * portion[None, :]
    fitted = exposure[:, None] * portion[None, :]
    noise = max(DAILY_NOISE, key=lambda shape: fits(shape, fitted, reported[window]))
    return np.maximum(expected, 1e-9), noise


def _learn_spread(
    counts: Floats, reporting: _Reporting, like: _Level, pending_days: int
) -> tuple[Floats, float]:
    """Repeat past nowcasts of the whole; return squared relative spread by age (delay,), and of the sum."""
    time, delays = counts.shape
    above, below = np.zeros(delays), np.zeros(delays)
    sum_above = sum_below = 0.0
    youngest = time - 1 - FOLLOW_UP_DAYS
    for past in range(max(FOLLOW_UP_DAYS, youngest - REPEATS + 1), youngest + 1):
        known = mask_unknown(counts[:, None, :], now=past)[:, 0]
        shares = reporting.share(known)
        share = _current(shares)
        seen = np.nansum(known, axis=1)
        level, _ = _level(seen, share, reporting.first_weekday, like.smoothness, like.noise_shape)
        first = max(0, past - delays + 2)
        day = np.arange(first, past + 1)
        arrived = np.nansum(counts[day], axis=1) - seen[day]
        by_now = np.minimum(time - 1 - day, delays - 1)
        missing = _complete(
            seen[day, None],
            share[day],
            level.expected[day, None],
            level.noise_shape,
            level.log_variance[day],
        ).mean[:, 0]
        due = missing * (shares[day, by_now] - share[day]) / np.maximum(1 - share[day], 1e-12)
        age = past - day
        above[age] += (arrived - due) ** 2 - due
        below[age] += due**2
        recent = day > past - pending_days
        sum_above += (arrived[recent].sum() - due[recent].sum()) ** 2 - due[recent].sum()
        sum_below += due[recent].sum() ** 2
    kernel = np.array([1.0, 2.0, 1.0])
    above, below = (np.convolve(x, kernel, mode="same") for x in (above, below))
    spread = (np.maximum(above, 0) + PRIOR_SPREAD * PRIOR_WEIGHT) / (below + PRIOR_WEIGHT)
    together = (max(sum_above, 0.0) + PRIOR_SPREAD * PRIOR_WEIGHT) / (sum_below + PRIOR_WEIGHT)
    # Repeats of one week share their surprises: so many independent ones estimate the spread.
    weeks = max((youngest + 1 - max(FOLLOW_UP_DAYS, youngest - REPEATS + 1)) / 7, 2.0)
    caution = (weeks + 1) / (weeks - 1)
    return caution * spread, caution * float(together)
