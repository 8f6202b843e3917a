"""Rt of many places at once, each borrowing from the whole: what a few cases can say, and no more.

A window estimator asks each place alone, so a county with three cases answers with its prior and
a province with late reports answers for last week. Here the logarithm of Rt is the province's curve
plus each place's own deviation, counts are negative binomial with the spread of superspreading,
and what is not yet reported is allowed for instead of being taken as a fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import ndtri

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.errors import ShapeMismatch
from yipan.engines.surveillance.compiled import compiled
from yipan.engines.surveillance.renewal import intervals_by_day, reach

PROBABILITIES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)

JUMP_FREEDOM = 4.0
"""Degrees of freedom of the province's daily changes: small enough that an abrupt drop may happen."""
MOMENTUM = 0.5
"""Share of a day's change of the province's log Rt that the next day repeats.

Between none (a level that jumps) and all (a trend that goes on): after an abrupt fall the first would be
surest and the second runs on below the floor; in a fall over a month it is the other way round.
"""
JUMP_VARIANCE = JUMP_FREEDOM / (JUMP_FREEDOM - 2)
"""Variance of such a change as a multiple of its squared scale: what a day without data may do."""
NEGLIGIBLE_VARIANCE = 1e-6
START_SD = 0.7
"""Prior standard deviation of log Rt on the first day, round no growth."""
SLOPE_SD = 0.1
"""Prior standard deviation of the daily change of log Rt on the first day."""
PERSISTENCE = float(np.exp(-1 / 30))
"""A place's deviation forgets itself over about a month."""
TYPICAL, TYPICAL_LOG_SD = (0.05, 0.25, 0.5), np.array([0.8, 0.6, 0.8])
"""Where the search for bend, spread and dispersion starts, and how far from there it goes unaided."""
CHOOSING_STEP_DAYS = 2
LOG_R_LIMITS = (-6.0, 3.0)
WITHOUT_INFECTIVITY = 1e-9
"""Expected local cases from no infector: a case there is imported in all but name and says nothing."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the likelihood chose: how fast the whole and the places may move, how uneven infection is.

    `bend` is the scale of what is new in the daily change of the province's log Rt; `spread` and
    `persistence` the standard deviation and daily autocorrelation of a place's deviation;
    `dispersion` the size k of the negative binomial for each infector (small = superspreading).
    """

    bend: float
    spread: float
    persistence: float
    dispersion: float


@dataclass(frozen=True)
class PooledRt:
    """Posterior of Rt by day and place, log-normal by the Laplace approximation.

    `mean`, `sd`, `median` have shape (time, place), `quantiles` (probability, time, place).
    `whole_median` (time,) and `whole_quantiles` (probability, time) are the province's curve, what a
    place without a case of its own is expected to have on average. `local_cases` (time, place) are
    the observed local cases that spoke; ask `enough_information` before showing a place's number.
    """

    probabilities: tuple[float, ...]
    mean: Floats
    sd: Floats
    median: Floats
    quantiles: Floats
    whole_median: Floats
    whole_quantiles: Floats
    local_cases: Floats
    infectivity: Floats
    hyperparameters: Hyperparameters


def estimate_Rt_pooled(
    reported_local: ArrayLike,
    imported: ArrayLike,
    generation_interval: ArrayLike,
    *,
    completed: ArrayLike | None = None,
    reported_share: ArrayLike | None = None,
    reported_share_log_sd: ArrayLike | None = None,
    probabilities: Sequence[float] = PROBABILITIES,
    hyperparameters: Hyperparameters | None = None,
) -> PooledRt:
    """Return Rt of every day and place, pooled over the places.

    `reported_local` are local cases by onset day known so far, shape (time, place); `completed` the
    local cases with those not yet reported added (`nowcast(…).mean`), used as infectors only;
    `imported` infect but are not counted as infected; `reported_share` (time,) is the share of each
    onset day already reported (`nowcast(…).reported_share`), 1 where left out, and
    `reported_share_log_sd` (time,) the standard error of its logarithm (`nowcast(…)` has it too): one
    error shared by all places, in the share and, the other way, in the infectors completed by it.

        log R_tp = m_t + d_tp,   Δm_t = ½ Δm_{t−1} + Student-t,   d_p autoregressive of first order
        I_tp ~ NB(mean = R_tp Λ_tp F_t exp(e_t),  size = k Λ_tp)

    Posterior modes by Newton with each place eliminated in turn, variances by the Laplace
    approximation (steps of which the data say nothing keep the variance of their t distribution),
    hyperparameters by maximum marginal likelihood with weak priors; pass those of a former fit to
    skip the search. Just after an abrupt change the last days are still taken for more of the same:
    four days after a fall from 2.2 to 0.55 their 95 % intervals hold the truth for about three in four.

    Source: renewal equation and negative-binomial offspring, Lloyd-Smith et al. (2005), Nature
    438:355, Cori et al. (2013); Laplace approximation with nested hyperparameters, Rue, Martino and
    Chopin (2009), JRSS B 71:319. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> cases = np.round(3 * 1.1 ** np.arange(30))[:, None] * np.ones(3)
    >>> w = np.array([0.0, 0.2, 0.3, 0.3, 0.2])
    >>> found = estimate_Rt_pooled(cases, np.zeros_like(cases), w)
    >>> bool(abs(found.median[20, 0] - 1 / (1.1 ** -np.arange(5.0) @ w)) < 0.1)
    True
    """
    local = as_floats(reported_local, "reported_local", shape=(None, None))
    time, places = local.shape
    arrived = as_floats(imported, "imported", shape=local.shape)
    whole = local if completed is None else as_floats(completed, "completed", shape=local.shape)
    share = np.ones(time)
    if reported_share is not None:
        share = as_floats(reported_share, "reported_share", shape=(time,), high=1.0)
    as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)
    if time < 4 or places < 1:
        raise ShapeMismatch(
            f"{time} days of {places} places are too few for a curve.",
            where="reported_local",
            remedy="Give at least 4 days and 1 place.",
        )
    infectors = whole + arrived
    weights = intervals_by_day(generation_interval, time)
    weigh = reach(weights, time)
    pressure = weigh @ infectors
    log_sd = np.zeros(time)
    if reported_share_log_sd is not None:
        log_sd = as_floats(reported_share_log_sd, "reported_share_log_sd", shape=(time,))
    unsure = _exposure_covariance(weigh, infectors.sum(axis=1), share, log_sd)
    data = _gather(local, infectors, pressure, share, weigh, unsure)
    chosen = hyperparameters or _choose(data)
    fit = _fit(data, chosen, None)
    centre, variance = _marginals(data, fit, chosen, places)
    middle = np.exp(centre)
    z = ndtri(np.asarray(probabilities, dtype=np.float64))
    whole_sd = np.sqrt(np.diag(fit.covariance[:time, :time]))
    mean = np.exp(centre + variance / 2)
    return PooledRt(
        probabilities=tuple(float(p) for p in probabilities),
        mean=mean,
        sd=mean * np.sqrt(np.expm1(np.minimum(variance, 50.0))),
        median=middle,
        quantiles=np.exp(centre[None] + z[:, None, None] * np.sqrt(variance)[None]),
        whole_median=np.exp(fit.whole),
        whole_quantiles=np.exp(fit.whole[None] + z[:, None] * whole_sd[None]),
        local_cases=local,
        infectivity=pressure,
        hyperparameters=chosen,
    )


@dataclass(frozen=True)
class _Data:
    """The places that ever had an infector, each on the steps when one was there.

    Arrays are padded to the most steps of any place: (place, step), `count` says how many count.
    `unevenness` (place, step, step) is the relative covariance of the pressure when one infector
    counts one. A step is `step_days` long; `whole_steps` of them make the period. `shared` (step,
    independent error) spreads standard normal errors over the log exposure of all places alike.
    """

    whole_steps: int
    step_days: int
    index: Integers  # (place,) which of the caller's places
    count: Integers
    steps: Integers
    cases: Floats
    exposure: Floats  # expected local cases reported by now, were Rt one
    unevenness: Floats
    shared: Floats


@dataclass(frozen=True)
class _Fit:
    whole: Floats  # (step,)
    errors: Floats  # (independent error,)
    pull: Floats  # (place, step): K⁻¹ (deviation − its mean)
    precision: Floats  # (place, step, step): (W⁻¹ + K)⁻¹
    covariance: Floats  # of the whole, then of the whole with the shared error added: (2 steps)²
    log_marginal: float


def _exposure_covariance(weigh: Floats, infectors: Floats, share: Floats, log_sd: Floats) -> Floats:
    """Return the covariance of the log exposure's error, alike for all places, shape (time, time).

    A share too high by δ makes expected reports too many by δ and the infectors completed by it too
    few. Shares of two days err together by what is to come after the older of them. How many are yet
    to be reported varies besides, as a binomial does.
    """
    variance = np.maximum.accumulate(log_sd**2)
    share_error = np.minimum(variance[:, None], variance[None, :])
    weight = weigh * infectors
    total = weight.sum(axis=1, keepdims=True)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    response = np.eye(len(weigh)) - weight
    by_chance = (1 - share) / np.maximum(infectors * share, 1.0)
    covariance: Floats = response @ share_error @ response.T + (weight * by_chance) @ weight.T
    return covariance if log_sd.any() else np.zeros_like(covariance)


def _shared(covariance: Floats) -> Floats:
    """Return L with L Lᵀ = covariance, without columns that do not matter."""
    values, vectors = np.linalg.eigh(covariance)
    keep = values > NEGLIGIBLE_VARIANCE
    columns: Floats = vectors[:, keep] * np.sqrt(values[keep])
    return columns


def _gather(
    local: Floats,
    infectors: Floats,
    pressure: Floats,
    share: Floats,
    weigh: Floats,
    unsure: Floats,
) -> _Data:
    time = local.shape[0]
    speaks = (pressure > WITHOUT_INFECTIVITY) & (share > 0)[:, None]
    index = np.flatnonzero(speaks.any(axis=0))
    count = speaks[:, index].sum(axis=0)
    most = int(count.max(initial=0))
    shape = (index.size, most)
    steps, cases, exposure = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    unevenness = np.zeros((index.size, most, most))
    for row, p in enumerate(index):
        days = np.flatnonzero(speaks[:, p])
        n = days.size
        part = weigh[days] / pressure[days, p][:, None]
        steps[row, :n], cases[row, :n] = days, local[days, p]
        exposure[row, :n] = pressure[days, p] * share[days]
        unevenness[row, :n, :n] = (part * infectors[:, p]) @ part.T
    return _Data(time, 1, index, count, steps, cases, exposure, unevenness, _shared(unsure))


def _coarsen(data: _Data, step_days: int) -> _Data:
    """Join days into steps: what the hyperparameters are chosen on, at a fraction of the cost."""
    whole_steps = -(-data.whole_steps // step_days)
    shape = (data.index.size, min(data.cases.shape[1], whole_steps))
    count, steps = np.zeros(shape[0], dtype=np.int64), np.zeros(shape, dtype=np.int64)
    cases, exposure = np.zeros(shape), np.zeros(shape)
    unevenness = np.zeros((shape[0], shape[1], shape[1]))
    for row in range(shape[0]):
        n = data.count[row]
        coarse, member = np.unique(data.steps[row, :n] // step_days, return_inverse=True)
        joins = np.zeros((coarse.size, n))
        joins[member, np.arange(n)] = 1.0
        count[row], steps[row, : coarse.size] = coarse.size, coarse
        cases[row, : coarse.size] = joins @ data.cases[row, :n]
        together = joins @ data.exposure[row, :n]
        exposure[row, : coarse.size] = together
        share = joins * data.exposure[row, :n] / together[:, None]
        unevenness[row, : coarse.size, : coarse.size] = (
            share @ data.unevenness[row, :n, :n] @ share.T
        )
    mean = np.zeros((whole_steps, data.whole_steps))
    mean[np.arange(data.whole_steps) // step_days, np.arange(data.whole_steps)] = 1.0
    mean /= mean.sum(axis=1, keepdims=True)
    return _Data(
        whole_steps, step_days, data.index, count, steps, cases, exposure, unevenness,
        mean @ data.shared,
    )  # fmt: skip


def _choose(data: _Data) -> Hyperparameters:
    """Maximise the Laplace marginal likelihood with weak log-normal priors on the hyperparameters."""
    coarse = _coarsen(data, CHOOSING_STEP_DAYS)
    state: list[_Fit | None] = [None]
    centre = np.log(TYPICAL)

    def loss(at: Floats) -> float:
        fit = _fit(coarse, _hyper(at), state[0], tolerance=0.01)
        state[0] = fit
        return float(-fit.log_marginal + 0.5 * (((at - centre) / TYPICAL_LOG_SD) ** 2).sum())

    simplex = np.vstack([centre, centre + np.diag([0.6, 0.5, 0.6])])
    best = minimize(
        loss,
        centre,
        method="Nelder-Mead",
        options={"maxfev": 40, "xatol": 0.1, "fatol": 0.2, "initial_simplex": simplex},
    )
    return _hyper(np.asarray(best.x))


def _hyper(at: Floats) -> Hyperparameters:
    bend, spread, dispersion = (float(x) for x in np.exp(np.clip(at, -7, 5)))
    return Hyperparameters(bend, spread, PERSISTENCE, dispersion)


def _fit(
    data: _Data, hyper: Hyperparameters, start: _Fit | None, *, tolerance: float = 1e-3
) -> _Fit:
    steps, days, shared = data.whole_steps, data.step_days, data.shared
    whole = np.zeros(steps) if start is None else start.whole.copy()
    errors = np.zeros(shared.shape[1]) if start is None else start.errors.copy()
    pull = np.zeros_like(data.cases) if start is None else start.pull.copy()
    apart = np.abs(data.steps[:, :, None] - data.steps[:, None, :]) * days
    # Multiplying by a gamma of relative covariance v is adding a log-normal's log(1 + v).
    uneven = np.log1p(data.unevenness / hyper.dispersion)
    covariance = hyper.spread**2 * hyper.persistence**apart + uneven
    mean = -0.5 * np.diagonal(uneven, axis1=1, axis2=2)
    keeps, bend_sd = _over_steps(hyper.bend, days)
    changes = np.diff(np.eye(steps), axis=0)
    bends = changes[1:] - keeps * changes[:-1]
    base = np.zeros((steps, steps))
    base[0, 0] = START_SD**-2
    slope = np.zeros(steps)
    slope[:2] = -1.0, 1.0
    base += np.outer(slope, slope) / (SLOPE_SD * days) ** 2
    both = np.hstack([np.eye(steps), shared])
    precision = np.zeros_like(covariance)
    for _ in range(60):
        bend = bends @ whole
        loose = (JUMP_FREEDOM + 1) / (JUMP_FREEDOM + (bend / bend_sd) ** 2)
        prior = _prior(bends, loose / bend_sd**2, base, errors.size)
        seen, score, rest = np.zeros((steps, steps)), np.zeros(steps), np.zeros_like(pull)
        fit = _eliminate(
            data.count, data.steps, data.cases, data.exposure, covariance, mean,
            whole + shared @ errors, pull, precision, rest, seen, score,
        )  # fmt: skip
        curvature = both.T @ seen @ both + prior
        at = np.concatenate([whole, errors])
        change = np.linalg.solve(curvature, both.T @ score - prior @ at)
        step = both @ change
        longest = max(float(np.abs(step).max()), 1e-12)
        scale = min(1.0, 1.0 / longest)
        target = rest - np.matmul(precision, scale * step[data.steps][:, :, None])[:, :, 0]
        moved = np.matmul(covariance, (target - pull)[:, :, None])
        at = at + scale * change
        whole, errors, pull = at[:steps], at[steps:], pull + scale * (target - pull)
        if max(longest, float(np.abs(moved).max(initial=0.0))) < tolerance:
            break
    bend = bends @ whole
    walk = -(JUMP_FREEDOM + 1) / 2 * np.log1p((bend / bend_sd) ** 2 / JUMP_FREEDOM)
    log_marginal = fit + walk.sum() - bend.size * np.log(bend_sd)
    log_marginal -= 0.5 * (whole @ base @ whole + errors @ errors)
    log_marginal -= 0.5 * np.linalg.slogdet(curvature)[1]
    told = np.vstack([np.eye(steps, both.shape[1]), both])
    spread: Floats = np.asarray(np.linalg.inv(curvature), dtype=np.float64)
    if days == 1:
        spread = _with_jumps(spread, bends, loose, bend_sd, both.T @ seen @ both, base)
    return _Fit(whole, errors, pull, precision, told @ spread @ told.T, float(log_marginal))


def _over_steps(bend: float, days: int) -> tuple[float, float]:
    """Return how much of its change a step passes on, and the scale of what is new, for longer steps.

    Daily changes are δ_t = MOMENTUM δ_{t−1} + ε; their sums over `days` days are close to such a process too.
    """
    daily = bend**2 / (1 - MOMENTUM**2)
    lags = np.arange(days)[:, None] - np.arange(days)[None, :]
    within = daily * (MOMENTUM ** np.abs(lags)).sum()
    between = daily * (MOMENTUM ** np.abs(lags + days)).sum()
    keeps = between / within
    return float(keeps), float(np.sqrt(within * (1 - keeps**2)))


def _prior(bends: Floats, weight: Floats, base: Floats, errors: int) -> Floats:
    steps = len(base)
    prior = np.eye(steps + errors)
    prior[:steps, :steps] = (bends.T * weight) @ bends + base
    return prior


def _with_jumps(
    spread: Floats, bends: Floats, loose: Floats, bend_sd: float, seen: Floats, base: Floats
) -> Floats:
    """Return the covariance with the t distribution's own variance where the data say nothing.

    At the mode a step without data looks normal with less than its squared scale; a t step's variance
    is `JUMP_VARIANCE` times it. In between, by the share of its variance that the data left.
    """
    steps = len(base)
    left = ((bends @ spread[:steps, :steps]) * bends).sum(axis=1) * loose / bend_sd**2
    left = np.clip(left, 0.0, 1.0)
    variance = bend_sd**2 * ((1 - left) / loose + left * JUMP_VARIANCE)
    prior = _prior(bends, 1 / variance, base, len(spread) - steps)
    wider: Floats = np.asarray(np.linalg.inv(seen + prior), dtype=np.float64)
    return wider


def _marginals(
    data: _Data, fit: _Fit, hyper: Hyperparameters, places: int
) -> tuple[Floats, Floats]:
    """Mean and variance of log Rt, each (time, place)."""
    time = data.whole_steps
    centre = np.repeat(fit.whole[:, None], places, axis=1)
    variance = np.diag(fit.covariance)[:time] + hyper.spread**2
    variance = np.repeat(variance[:, None], places, axis=1)
    for row, p in enumerate(data.index):
        n = data.count[row]
        days = data.steps[row, :n]
        own = hyper.spread**2 * hyper.persistence ** np.abs(np.arange(time)[:, None] - days)
        answer = own @ fit.precision[row, :n, :n]
        centre[:, p] += own @ fit.pull[row, :n]
        keep = np.eye(time, 2 * time)  # the whole, less what the place takes of its erring sum
        keep[:, time + days] -= answer
        variance[:, p] = hyper.spread**2 - (answer * own).sum(axis=1)
        variance[:, p] += ((keep @ fit.covariance) * keep).sum(axis=1)
    return centre, variance


@compiled
def _eliminate(
    count: Integers,
    steps: Integers,
    cases: Floats,
    exposure: Floats,
    covariance: Floats,
    mean: Floats,
    whole: Floats,
    pull: Floats,
    precision: Floats,
    rest: Floats,
    curvature: Floats,
    score: Floats,
) -> float:
    """Take each place out of the Newton system; return the log-likelihood less ½ Σ log|I + W½ K W½|.

    Fills `precision` = W½ (I + W½ K W½)⁻¹ W½ and `rest`, the place's answer were the whole to stand
    still; adds both to the whole's `curvature` and `score`.
    """
    places, most = cases.shape
    low, high = LOG_R_LIMITS
    root = np.zeros(most)
    raw = np.zeros(most)
    carried = np.zeros(most)
    factor = np.zeros((most, most))
    inverse = np.zeros((most, most))  # of the factor, transposed: rows are contiguous
    total = 0.0
    for p in range(places):
        n = count[p]
        for i in range(n):
            deviation = 0.0
            for j in range(n):
                deviation += covariance[p, i, j] * pull[p, j]
            at = min(max(whole[steps[p, i]] + deviation + mean[p, i], low), high)
            expected = exposure[p, i] * np.exp(at)
            root[i] = np.sqrt(expected)
            raw[i] = expected * deviation + cases[p, i] - expected
            total += cases[p, i] * np.log(max(expected, 1e-300)) - expected
            total -= 0.5 * deviation * pull[p, i]
        for i in range(n):
            for j in range(i + 1):
                value = root[i] * covariance[p, i, j] * root[j]
                if i == j:
                    value += 1.0
                for k in range(j):
                    value -= factor[i, k] * factor[j, k]
                factor[i, j] = np.sqrt(value) if i == j else value / factor[j, j]
            total -= np.log(factor[i, i])
        for j in range(n):  # column j of factor⁻¹ diag(root)
            for i in range(j, n):
                value = root[j] if i == j else 0.0
                for k in range(j, i):
                    value -= factor[i, k] * inverse[j, k]
                inverse[j, i] = value / factor[i, i]
        for i in range(n):
            for j in range(i + 1):
                value = 0.0
                for k in range(i, n):
                    value += inverse[i, k] * inverse[j, k]
                precision[p, i, j] = value
                precision[p, j, i] = value
        for i in range(n):
            value = 0.0
            for j in range(n):
                value += covariance[p, i, j] * raw[j]
            carried[i] = value
        for i in range(n):
            value = raw[i]
            for j in range(n):
                value -= precision[p, i, j] * carried[j]
            rest[p, i] = value
            score[steps[p, i]] += value
            for j in range(n):
                curvature[steps[p, i], steps[p, j]] += precision[p, i, j]
    return total
