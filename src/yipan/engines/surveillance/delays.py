"""The delay from onset to report: from a line list, or from counts by onset day and report day.

Two views of the same thing. From a line list, one distribution is fitted (gamma, lognormal or
nonparametric), both dates known only to the day and the latest cases known only if their delay
was short. From counts, the share already reported is estimated for every onset day, with effects
of the weekday, as a product of reverse hazards (the chain ladder's factors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammainc, ndtr

from yipan.engines.checks import Floats, as_counts, as_floats, check_shape
from yipan.engines.errors import OutOfRange, ShapeMismatch, TooFewObservations

Family = Literal["gamma", "lognormal", "nonparametric"]

WEEKDAY_SD = 0.5
"""Prior standard deviation of a weekday's effect on the log odds of a report arriving."""
EARLY_DELAYS = 3
"""Delays of 1 to this many days have effects of the onset's weekday too (weekends delay them)."""
EARLY_SD = 0.2
PRIOR_LOG_MEAN_SD, PRIOR_LOG_CV_SD = 0.4, 0.4
"""Weak prior of a parametric delay: how far the truth may be from the cases seen, on the log scale."""
HALF_CASE = 0.5
"""With no prior delay, half a case spread evenly over all delays keeps every hazard in (0, 1)."""


@dataclass(frozen=True)
class DelayFit:
    """A delay distribution fitted to a line list.

    `probability[d]` is the probability of a delay of d days, shape (days,), summing to one over the
    days kept. `parameters` are (shape, scale) of a gamma, (meanlog, sdlog) of a lognormal, in days,
    or empty. `log_likelihood` is that of the cases given that they were reported by now.
    """

    family: Family
    parameters: tuple[float, ...]
    probability: Floats
    cases: int
    log_likelihood: float

    @property
    def mean_days(self) -> float:
        """Return the mean delay in days, of whole days as dates are recorded."""
        return float(self.probability @ np.arange(self.probability.size))

    @property
    def sd_days(self) -> float:
        """Return the standard deviation of the delay in days."""
        days = np.arange(self.probability.size)
        return float(np.sqrt(self.probability @ (days - self.mean_days) ** 2))

    @property
    def aic(self) -> float:
        """Return Akaike's criterion; smaller is better among families on the same cases."""
        free = len(self.parameters) or int(np.count_nonzero(self.probability)) - 1
        return 2 * free - 2 * self.log_likelihood


def interval_censored_delay(
    *, family: Literal["gamma", "lognormal"], parameters: tuple[float, float], days: int
) -> Floats:
    """Return the probability that the recorded delay is 0, 1, …, `days` − 1 days, shape (days,).

    Both events are known to the day only: with the first uniform in its day and the delay X,

        P(D = d) = ∫₀¹ F(d + 1 − u) − F(d − u) du = G(d + 1) − 2 G(d) + G(d − 1),   G(x) = ∫₀ˣ F

    `parameters` are (shape, scale in days) of a gamma, (meanlog, sdlog) of a lognormal. The tail
    beyond `days` is left out, so the sum may fall short of one.

    Source: Park et al. (2024), medRxiv 2024.01.12.24301247, section on double censoring; the
    partial expectations of both families are standard. Raises OutOfRange (E802).

    >>> interval_censored_delay(family="gamma", parameters=(1.0, 2.0), days=3).round(4).tolist()
    [0.2131, 0.3096, 0.1878]
    """
    first, second = parameters
    if not (second > 0 and np.isfinite(first) and (family == "lognormal" or first > 0)):
        raise OutOfRange(
            f"A {family} delay with parameters {first:g}, {second:g} is undefined.",
            where="parameters",
            remedy="Give shape and scale (gamma) or meanlog and sdlog (lognormal), scales positive.",
        )
    integral = _integrated_cdf(np.arange(days + 1, dtype=np.float64), family, first, second)
    before = np.concatenate([[0.0], integral[:-2]])
    probability: Floats = np.maximum(integral[1:] - 2 * integral[:-1] + before, 0.0)
    return probability


def fit_delay(
    onset_day: ArrayLike,
    report_day: ArrayLike,
    *,
    now: int,
    family: Family = "gamma",
    max_delay_days: int = 60,
    half_life_days: float | None = None,
) -> DelayFit:
    """Return the delay distribution that makes the line list most likely, given what is known by `now`.

    `onset_day` and `report_day` are whole days of each case on one clock, shape (cases,); cases
    reported after `now`, or before their onset, are left out. A case with onset on day t could only
    be seen with a delay of at most now − t (right truncation), so its likelihood is

        P(d) / Σ_{j ≤ now − t} P(j)

    Nonparametric: reverse hazards g_d = cases of delay d / cases of delay ≤ d that could have had
    d; P follows from the products of 1 − g. With `half_life_days` older reports weigh less, so the
    fit drifts with the epidemic.

    Source: Kalbfleisch and Lawless (1991), Statistica Sinica 1:19; Lagakos et al. (1988),
    Biometrika 75:515. Raises ShapeMismatch (E801), TooFewObservations (E809) with fewer than 2
    cases or, parametric, when all cases share one delay.

    >>> fit = fit_delay([0, 0, 1, 2, 3, 3], [2, 5, 3, 5, 5, 9], now=9, max_delay_days=20)
    >>> round(fit.mean_days, 1)
    3.5
    """
    onset = np.asarray(onset_day, dtype=np.float64)
    report = np.asarray(report_day, dtype=np.float64)
    check_shape(onset, "onset_day", (None,))
    check_shape(report, "report_day", onset.shape)
    kept = (report <= now) & (report >= onset) & (report - onset < max_delay_days)
    delay = (report - onset)[kept].astype(np.int64)
    limit = np.minimum(now - onset[kept].astype(np.int64), max_delay_days - 1)
    weight = np.ones(delay.size)
    if half_life_days is not None:
        weight = 0.5 ** ((now - report[kept]) / half_life_days)
    if delay.size < 2 or (family != "nonparametric" and np.ptp(delay) == 0):
        raise TooFewObservations(
            f"{delay.size} cases with onset and report are too few to fit a {family} delay.",
            where="line list",
            remedy="Give a delay from elsewhere, or wait for more cases.",
        )
    table = np.zeros((max_delay_days, max_delay_days))  # [delay, limit]
    np.add.at(table, (delay, limit), weight)
    return _fit_table(table, family, int(delay.size))


def fit_delay_counts(counts: Floats, *, family: Family = "gamma") -> DelayFit:
    """Return the delay distribution that makes counts by onset day and delay most likely.

    `counts` has shape (time, delay), NaN where not yet known; otherwise as `fit_delay`.
    Raises TooFewObservations (E809).
    """
    time, delays = counts.shape
    seen = np.nan_to_num(counts)
    limit = np.minimum(time - 1 - np.arange(time), delays - 1)
    table = np.zeros((delays, delays))
    np.add.at(table.T, limit, seen)
    by_delay = seen.sum(axis=0)
    if by_delay.sum() < 2 or (family != "nonparametric" and np.count_nonzero(by_delay) < 2):
        raise TooFewObservations(
            f"{by_delay.sum():g} cases with onset and report are too few to fit a {family} delay.",
            where="triangle",
            remedy="Give a delay from elsewhere, or wait for more cases.",
        )
    return _fit_table(table, family, int(by_delay.sum()))


def _fit_table(table: Floats, family: Family, cases: int) -> DelayFit:
    if family == "nonparametric":
        probability = _nonparametric(table)
        parameters: tuple[float, ...] = ()
    else:
        parameters = _fit_parameters(table, family)
        probability = interval_censored_delay(
            family=family, parameters=(parameters[0], parameters[1]), days=table.shape[0]
        )
        probability = probability / probability.sum()
    return DelayFit(
        family=family,
        parameters=parameters,
        probability=probability,
        cases=cases,
        log_likelihood=_log_likelihood(table, probability),
    )


def reporting_triangle(
    onset_day: ArrayLike,
    report_day: ArrayLike,
    place: ArrayLike,
    *,
    days: int,
    places: int,
    max_delay_days: int = 40,
) -> Floats:
    """Return the cases by onset day, place and delay, shape (time, place, delay); NaN = not yet known.

    The last day, days − 1, is now: the cell of onset day t and delay d is known when t + d < days,
    and holds zero when nobody was reported (an explicit zero). Delays of `max_delay_days` or more
    fall in the last cell; a report before its onset counts as delay 0. Cases outside the days are
    left out. `place` are indices in [0, places).

    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> reporting_triangle([0, 0, 1], [0, 1, 1], [0, 0, 0], days=2, places=1, max_delay_days=1)[:, 0]
    array([[ 1.,  1.],
           [ 1., nan]])
    """
    onset = np.asarray(onset_day, dtype=np.int64)
    check_shape(onset, "onset_day", (None,))
    report = np.asarray(report_day, dtype=np.int64)
    check_shape(report, "report_day", onset.shape)
    where = as_counts(place, "place", shape=onset.shape)
    as_floats(where, "place", shape=onset.shape, high=places - 1)
    inside = (onset >= 0) & (onset < days) & (report < days)
    delay = np.clip(report - onset, 0, max_delay_days)[inside]
    triangle = np.zeros((days, places, max_delay_days + 1))
    np.add.at(triangle, (onset[inside], where[inside], delay), 1.0)
    return mask_unknown(triangle)


def mask_unknown(triangle: Floats, *, now: int | None = None) -> Floats:
    """Return the triangle as known at the end of day `now` (default: its last day); NaN beyond.

    Shape (time, place, delay) in, (now + 1, place, delay) out.

    >>> mask_unknown(np.ones((3, 1, 2)), now=1)[:, 0]
    array([[ 1.,  1.],
           [ 1., nan]])
    """
    last = triangle.shape[0] - 1 if now is None else now
    known = np.array(triangle[: last + 1], dtype=np.float64)
    day, delay = np.arange(last + 1)[:, None], np.arange(triangle.shape[2])[None, :]
    known[np.broadcast_to((day + delay > last)[:, None, :], known.shape)] = np.nan
    return known


def check_triangle(triangle: ArrayLike) -> Floats:
    """Return the triangle as float64 after checking shape (time, place, delay) and counts ≥ 0.

    Exactly the cells with day + delay after the last day may be NaN, and must be.
    Raises ShapeMismatch (E801), OutOfRange (E802).
    """
    array = np.asarray(triangle, dtype=np.float64)
    check_shape(array, "triangle", (None, None, None))
    if array.size == 0:
        raise ShapeMismatch("The triangle is empty.", where="triangle")
    known = np.isfinite(mask_unknown(np.zeros_like(array)))
    as_floats(np.where(known, array, 0.0), "triangle", shape=array.shape)
    return np.where(known, array, np.nan)


def reverse_hazards(
    counts: Floats,
    *,
    first_weekday: int = 0,
    half_life_days: float = 28.0,
    prior_delay: ArrayLike | None = None,
    prior_cases: float = 0.0,
    weekday: bool = True,
) -> Floats:
    """Return the probability that a case of delay at most d has delay d exactly, shape (time, delay).

    `counts` are cases by onset day and delay, all places together, NaN where not yet known.

        logit g[t, d] = a[d] + b[weekday of t + d] + e[d, weekday of t]      (e only for d ≤ 3)

    fitted by penalised binomial likelihood, reports weighted by 0.5^(age / half_life_days) so that
    the hazards may drift; b ~ N(0, 0.5²), e ~ N(0, 0.2²) a priori. `prior_delay` (delay,) adds
    `prior_cases` imagined cases of that distribution: what holds the answer while cases are few.
    The weekdays count modulo 7 from `first_weekday` on day 0.

    Source: chain ladder as reverse hazards, Kalbfleisch and Lawless (1991), Statistica Sinica 1:19.
    Raises ShapeMismatch (E801), OutOfRange (E802).
    """
    time, delays = counts.shape
    known = np.isfinite(counts)
    cases = np.where(known, counts, 0.0)
    at_risk = np.cumsum(cases, axis=1)
    day, delay = np.arange(time)[:, None], np.arange(delays)[None, :]
    report = day + delay
    weight = np.where(known, 0.5 ** ((time - 1 - report) / half_life_days), 0.0)
    weight[:, 0] = 0.0
    prior = np.full(delays, HALF_CASE / delays)
    if prior_delay is not None:
        pmf = as_floats(prior_delay, "prior_delay", shape=(delays,), high=1.0)
        prior = prior + as_floats(prior_cases, "prior_cases", shape=()) * pmf
    prior_risk = np.cumsum(prior)
    base = _logit(prior + (weight * cases).sum(0), prior_risk + (weight * at_risk).sum(0))
    of_report = np.zeros(7)
    of_onset = np.zeros((delays, 7))
    report_weekday = (report + first_weekday) % 7
    onset_weekday = (np.arange(time) + first_weekday) % 7
    prior_hazard = prior / prior_risk

    def hazard() -> Floats:
        return np.asarray(expit(base + of_report[report_weekday] + of_onset[:, onset_weekday].T))

    for _ in range(6 if weekday else 0):
        g = hazard()
        residual, information = _score(weight, cases, at_risk, g)
        for k in range(7):
            mine = report_weekday == k
            gain = residual[mine].sum() - of_report[k] / WEEKDAY_SD**2
            of_report[k] += gain / (information[mine].sum() + WEEKDAY_SD**-2)
        residual, information = _score(weight, cases, at_risk, hazard())
        early = slice(1, 1 + EARLY_DELAYS)
        for k in range(7):
            mine = onset_weekday == k
            gain = residual[mine, early].sum(0) - of_onset[early, k] / EARLY_SD**2
            of_onset[early, k] += gain / (information[mine, early].sum(0) + EARLY_SD**-2)
        residual, information = _score(weight, cases, at_risk, hazard())
        spread = prior_risk * prior_hazard * (1 - prior_hazard) + 1e-9
        pull = prior - prior_risk * expit(base)
        base = base + np.clip((residual.sum(0) + pull) / (information.sum(0) + spread), -1, 1)
    g = hazard()
    g[:, 0] = 0.0  # a case of delay 0 is the first there can be: nothing comes before it
    return g


def reported_share(hazards: Floats) -> Floats:
    """Return the probability that a case is reported within d days, shape (time, delay).

        F[t, d] = Π_{j > d} (1 − g[t, j]),   F[t, last] = 1

    >>> reported_share(np.array([[0.0, 0.5, 0.2]]))
    array([[0.4, 0.8, 1. ]])
    """
    tail = np.cumsum(np.log1p(-hazards)[:, ::-1], axis=1)[:, ::-1]
    share = np.ones_like(hazards)
    share[:, :-1] = np.exp(tail[:, 1:])
    return share


def back_project(
    reported: ArrayLike,
    delay: ArrayLike,
    *,
    iterations: int = 12,
    smooth: bool = True,
) -> Floats:
    """Return the expected onsets of the cases reported, when only report days are known; (time, place).

    `reported` are counts by report day, shape (time, place); `delay[d]` is the probability of d
    days from onset to report, shape (delay,). Expectation-maximisation of λ in

        E[reported_r] = Σ_d λ_{r−d} delay_d

    stopped early and smoothed by a 1-2-1 kernel (Becker's EMS). The sum over time equals the cases
    reported, place by place; onsets before the first day stand on the first day. The approximation:
    the delay is the same on every day and place, smoothing widens peaks by about a day, and the
    cases of recent onset that are not yet reported are *not* in the answer: divide by the share
    reported (`nowcast.complete`) to have them.

    Source: Becker, Watson and Carlin (1991), Statistics in Medicine 10:1527.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> back_project([[0], [0], [4], [0]], [0, 0, 1.0], smooth=False)[:, 0].tolist()
    [4.0, 0.0, 0.0, 0.0]
    """
    counts = as_floats(reported, "reported", shape=(None, None))
    pmf = as_floats(delay, "delay", shape=(None,), high=1.0)
    if not 0 < pmf.sum() <= 1 + 1e-6 or iterations < 1:
        raise OutOfRange(
            f"The delay sums to {pmf.sum():g}; {iterations} iterations.", where="delay"
        )
    pmf = pmf / pmf.sum()
    time, lead = counts.shape[0], pmf.size - 1
    total = counts.sum(axis=0)
    report, onset = np.arange(time)[:, None], np.arange(-lead, time)[None, :]
    lag = report - onset
    chance = np.where(
        (lag >= 0) & (lag <= lead), pmf[np.clip(lag, 0, lead)], 0.0
    )  # [report, onset]
    seen = np.maximum(chance.sum(axis=0), 1e-9)[:, None]
    onsets = np.repeat(total[None, :] / (time + lead), time + lead, axis=0)
    for _ in range(iterations):
        expected = np.maximum(chance @ onsets, 1e-300)
        onsets = onsets / seen * (chance.T @ (counts / expected))
        if smooth:
            padded = np.concatenate([onsets[:1], onsets, onsets[-1:]])
            onsets = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    expected = np.maximum(chance @ onsets, 1e-300)
    onsets = onsets * (chance.T @ (counts / expected))  # each reported case, spread over its onsets
    folded: Floats = onsets[lead:].copy()
    folded[0] += onsets[:lead].sum(axis=0)
    return folded


def _integrated_cdf(x: Floats, family: str, first: float, second: float) -> Floats:
    """G(x) = ∫₀ˣ F = x F(x) − E[X; X ≤ x]."""
    if family == "gamma":
        part = first * second * gammainc(first + 1, x / second)
        return np.asarray(x * gammainc(first, x / second) - part, dtype=np.float64)
    with np.errstate(divide="ignore"):
        z = (np.log(x) - first) / second
    part = np.exp(first + second**2 / 2) * ndtr(z - second)
    return np.asarray(x * ndtr(z) - part, dtype=np.float64)


def _fit_parameters(table: Floats, family: Literal["gamma", "lognormal"]) -> tuple[float, float]:
    days = np.arange(table.shape[0]) + 0.5
    by_delay = table.sum(axis=1)
    mean = float(by_delay @ days / by_delay.sum())
    variance = max(float(by_delay @ (days - mean) ** 2 / by_delay.sum()), 0.1)

    def unpack(p: NDArray[np.float64]) -> tuple[float, float]:
        return (float(np.exp(p[0])) if family == "gamma" else float(p[0]), float(np.exp(p[1])))

    def loss(p: NDArray[np.float64]) -> float:
        pmf = interval_censored_delay(family=family, parameters=unpack(p), days=table.shape[0])
        return float(-_log_likelihood(table, pmf) + _surprise(unpack(p), family, mean, variance))

    if family == "gamma":
        start = np.log([mean**2 / variance, variance / mean])
    else:
        spread = np.log1p(variance / mean**2)
        start = np.array([np.log(mean) - spread / 2, np.log(spread) / 2])
    best = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7})
    return unpack(np.asarray(best.x, dtype=np.float64))


def _surprise(parameters: tuple[float, float], family: str, mean: float, variance: float) -> float:
    """Minus the log of a weak prior on mean and relative spread, round those of the cases seen.

    In growth a short delay and a long, truncated one explain a handful of cases alike: without this
    the fit runs to delays of a month.
    """
    first, second = parameters
    if family == "gamma":
        log_mean, log_cv = np.log(first * second), -np.log(first) / 2
    else:
        log_mean, log_cv = first + second**2 / 2, np.log(np.expm1(min(second**2, 50.0))) / 2
    away = ((log_mean - np.log(mean)) / PRIOR_LOG_MEAN_SD) ** 2
    return float(away + ((log_cv - np.log(variance / mean**2) / 2) / PRIOR_LOG_CV_SD) ** 2) / 2


def _log_likelihood(table: Floats, pmf: Floats) -> float:
    pairs = np.argwhere(table > 0)
    delay, limit = pairs[:, 0], pairs[:, 1]
    chance = np.log(np.maximum(pmf[delay], 1e-300))
    seen = np.log(np.maximum(np.cumsum(pmf)[limit], 1e-300))
    return float(table[delay, limit] @ (chance - seen))


def _nonparametric(table: Floats) -> Floats:
    days = table.shape[0]
    delay = np.arange(days)
    events = table.sum(axis=1)
    # At risk of delay d: every case of delay at most d whose limit allows d.
    could = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]  # [delay, limit at least]
    at_risk = np.array([could[: d + 1, d].sum() for d in delay])
    hazard = np.divide(events, at_risk, out=np.zeros(days), where=at_risk > 0)
    hazard[0] = 0.0
    first = int(np.flatnonzero(events)[0])
    hazard[: first + 1] = 0.0
    share = reported_share(hazard[None, :])[0]
    share[:first] = 0.0
    return np.diff(share, prepend=0.0)


def _score(weight: Floats, cases: Floats, at_risk: Floats, hazard: Floats) -> tuple[Floats, Floats]:
    expected = at_risk * hazard
    return weight * (cases - expected), weight * expected * (1 - hazard)


def _logit(events: Floats, at_risk: Floats) -> Floats:
    p = np.clip(events / at_risk, 1e-9, 1 - 1e-9)
    logit: Floats = np.log(p) - np.log1p(-p)
    return logit
