"""Death, cure and length of stay from daily sums alone, where nobody says who left when.

`severity.outcomes` takes each person's stay. Often only three daily counts exist: admitted, died,
cured. Both ends compete for the same people, so their delays and the share that dies are estimated
together, and what cannot be told apart stays wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, gammaln
from scipy.stats import gamma

from yipan.engines.checks import Floats, as_counts
from yipan.engines.errors import OutOfRange

Interval = tuple[float, float, float]  # median, low, high

LONGEST_DAYS = 150
MEAN_DAYS, MEAN_LOG_SD = 14.0, 0.7
"""Prior of the mean stay, to death and to cure alike: from 4 to 56 days nothing is ruled out."""
VARIATION, VARIATION_LOG_SD = 0.6, 0.35
"""Prior of the standard deviation of a stay as a share of its mean."""
DRAWS = 3000
HEAVY = 5.0
"""Degrees of freedom of the draws' distribution: heavier than what they stand for."""


@dataclass(frozen=True)
class Stays:
    """What becomes of those admitted, each as (median, low, high).

    `fatality` in [0, 1] is the probability of dying in the end, `cure` of being cured;
    `days_to_death`, `days_to_cure` are mean stays of those who end so, `days` of all.
    `overdispersion` ≥ 1 is by how much daily counts vary beyond chance. `draws` is how many
    independent draws the intervals are worth. `note` is "no_information" where nobody has ended.
    """

    fatality: Interval
    cure: Interval
    days_to_death: Interval
    days_to_cure: Interval
    days: Interval
    overdispersion: float
    draws: float
    note: Literal["", "no_information"]


def stays_from_counts(
    admitted: ArrayLike,
    died: ArrayLike,
    cured: ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
) -> Stays:
    """Return fatality, cure and length of stay from daily counts of admitted, died and cured.

    Each is of shape (time,), in persons, from the first admission on: who was in before is not seen.

        died_t  ~ Poisson(p Σ_s admitted_{t−s} f_s),   cured_t ~ Poisson((1 − p) Σ_s admitted_{t−s} g_s)

    with gamma stays f and g (day of admission and of end both rounded), p uniform a priori, the
    likelihood tempered by the counts' overdispersion, and the posterior by importance sampling round
    its mode. The intervals are always finite; the share that dies is told from the share not yet
    dead only as far as the stay is known, which early on is little. It assumes one fatality and one
    pair of stays for the whole time: where they change, it gives a mean of them.

    Source: Ghani et al. (2005), American Journal of Epidemiology 162:479 (competing delays).
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> died, cured = np.zeros(60), np.zeros(60)
    >>> died[10:30], cured[5:25] = 1, 9
    >>> found = stays_from_counts([200] + [0] * 59, died, cured, seed=1)
    >>> abs(found.fatality[0] - 0.1) < 0.02, abs(found.days_to_cure[0] - 14.5) < 1
    (True, True)
    """
    entered = as_counts(admitted, "admitted", shape=(None,)).astype(np.float64)
    dead = as_counts(died, "died", shape=entered.shape).astype(np.float64)
    well = as_counts(cured, "cured", shape=entered.shape).astype(np.float64)
    if not 0 < confidence < 1:
        raise OutOfRange(f"The confidence is {confidence:g}.", where="confidence")
    if dead.sum() + well.sum() > entered.sum():
        raise OutOfRange(
            f"{dead.sum() + well.sum():g} have died or were cured of {entered.sum():g} admitted.",
            where="admitted",
            remedy="Deaths and cures must be of those admitted, from the first of them on.",
        )
    data = _Data(_lagged(entered), dead, well)
    mode, overdispersion = _mode(data)
    at, weight = _draws(data, mode, overdispersion, seed)
    p, to_death, to_cure = expit(at[:, 0]), np.exp(at[:, 1]), np.exp(at[:, 3])
    levels = ((1 - confidence) / 2, 0.5, (1 + confidence) / 2)

    def interval(values: Floats) -> Interval:
        low, middle, high = _quantiles(values, weight, levels)
        return middle, low, high

    return Stays(
        fatality=interval(p),
        cure=interval(1 - p),
        days_to_death=interval(to_death),
        days_to_cure=interval(to_cure),
        days=interval(p * to_death + (1 - p) * to_cure),
        overdispersion=overdispersion,
        draws=float(1 / (weight**2).sum()),
        note="" if dead.any() or well.any() else "no_information",
    )


@dataclass(frozen=True)
class _Data:
    admitted: Floats  # (time, stay): who came so many days before
    died: Floats
    cured: Floats


def _lagged(entered: Floats) -> Floats:
    time = entered.size
    back = np.arange(time)[:, None] - np.arange(min(time, LONGEST_DAYS))[None, :]
    lagged: Floats = np.where(back >= 0, entered[np.maximum(back, 0)], 0.0)
    return lagged


def _stay(log_mean: Floats, log_variation: Floats, days: int) -> Floats:
    """Return the probability of a stay of 0, 1, … days for each draw, shape (draw, days)."""
    shape = np.exp(-2 * log_variation)[:, None]
    scale = np.exp(log_mean)[:, None] / shape
    x = np.arange(-1.0, days + 1)[None, :]
    # ∫ F over a day, since the hour of admission is even over its day; second differences of it.
    area = x * gamma.cdf(x, shape, scale=scale) - shape * scale * gamma.cdf(
        x, shape + 1, scale=scale
    )
    return np.maximum(np.diff(area, 2, axis=1), 0.0)


def _log_posterior(at: Floats, data: _Data, overdispersion: float) -> Floats:
    """Return the log posterior density of each draw (logit p, then log mean and variation of each stay)."""
    risk, death, cure = _expected(at, data)
    fit = _poisson(data.died, risk[:, None] * death) + _poisson(
        data.cured, (1 - risk)[:, None] * cure
    )
    prior = np.log(risk * (1 - risk) + 1e-300)  # uniform on the share, on the scale of its logit
    for mean, variation in ((1, 2), (3, 4)):
        prior = prior - 0.5 * ((at[:, mean] - np.log(MEAN_DAYS)) / MEAN_LOG_SD) ** 2
        prior = prior - 0.5 * ((at[:, variation] - np.log(VARIATION)) / VARIATION_LOG_SD) ** 2
    answer: Floats = fit / overdispersion + prior
    return answer


def _expected(at: Floats, data: _Data) -> tuple[Floats, Floats, Floats]:
    days = data.admitted.shape[1]
    death = _stay(at[:, 1], at[:, 2], days) @ data.admitted.T
    cure = _stay(at[:, 3], at[:, 4], days) @ data.admitted.T
    return np.asarray(expit(at[:, 0])), death, cure


def _poisson(seen: Floats, mean: Floats) -> Floats:
    mean = np.maximum(mean, 1e-9)
    total: Floats = (seen * np.log(mean) - mean - gammaln(seen + 1)).sum(axis=1)
    return total


def _mode(data: _Data) -> tuple[Floats, float]:
    start = np.array(
        [0.0, np.log(MEAN_DAYS), np.log(VARIATION), np.log(MEAN_DAYS), np.log(VARIATION)]
    )
    deaths, cures = data.died.sum(), data.cured.sum()
    start[0] = np.log((deaths + 0.5) / (cures + 0.5))

    def loss(at: Floats) -> float:
        return -float(_log_posterior(at[None, :], data, 1.0)[0])

    best = np.asarray(
        minimize(loss, start, method="Nelder-Mead", options={"maxfev": 900, "fatol": 1e-3}).x
    )
    risk, death, cure = _expected(best[None, :], data)
    expected = np.concatenate([risk[0] * death[0], (1 - risk[0]) * cure[0]])
    seen = np.concatenate([data.died, data.cured])
    # Weeks, not days: that ends are written down in batches says little about their sums.
    expected, seen = _by_week(expected), _by_week(seen)
    speaks = expected > 1
    pearson = ((seen - expected) ** 2 / np.maximum(expected, 1e-9))[speaks].sum()
    return best, float(max(1.0, pearson / max(speaks.sum() - best.size, 1)))


def _by_week(values: Floats) -> Floats:
    return np.add.reduceat(values, np.arange(0, values.size, 7))


def _draws(data: _Data, mode: Floats, overdispersion: float, seed: int) -> tuple[Floats, Floats]:
    """Draw round the mode from a heavy distribution, twice: the second round as the first found it."""
    rng = np.random.default_rng(seed)
    centre, covariance = mode, np.diag([1.0, 0.5, 0.3, 0.5, 0.3]) ** 2
    at, weight = mode[None, :], np.ones(1)
    for count in (DRAWS // 3, DRAWS // 3, DRAWS):
        root = np.linalg.cholesky(covariance + 1e-6 * np.eye(mode.size))
        normal = rng.normal(size=(count, mode.size))
        stretch = np.sqrt(HEAVY / rng.chisquare(HEAVY, count))[:, None]
        at = centre + stretch * (normal @ root.T)
        away = np.linalg.solve(root, (at - centre).T)
        log_drawn = -0.5 * (HEAVY + mode.size) * np.log1p((away**2).sum(axis=0) / HEAVY)
        log_weight = _log_posterior(at, data, overdispersion) - log_drawn
        weight = np.exp(log_weight - log_weight.max())
        # A few draws that carry all would end the search: they are held to what a root of them may weigh.
        weight = np.minimum(weight, weight.sum() / np.sqrt(count))
        weight /= weight.sum()
        centre = weight @ at
        covariance = ((at - centre) * weight[:, None]).T @ (at - centre)
    return at, weight


def _quantiles(values: Floats, weight: Floats, levels: tuple[float, ...]) -> tuple[float, ...]:
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) - weight[order] / 2
    return tuple(float(np.interp(level, reached, values[order])) for level in levels)
