"""Counts of the next days, with the interval and the baseline they are judged beside.

What extrapolates a trend overshoots every peak. Here the *shape* of the coming weeks is what is
known of mechanism when the forecast is made (when the source was closed and controls began, how
long from infection to report), the *level* is what the counts say, and both are uncertain. Without
such knowledge the shape is flat and only a growth that dies away is extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from yipan.engines.checks import Floats, as_counts, as_floats, check_shape
from yipan.engines.errors import OutOfRange, ShapeMismatch

HUB_PROBABILITIES = (
    0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99,
)  # fmt: skip
"""The 23 levels forecast hubs score."""

WINDOW_DAYS = 60
LEVEL_SDS = (0.03, 0.06, 0.12, 0.25)
"""Daily standard deviations of the log level among which the likelihood weighs."""
NOISE_SHAPES = (5.0, 20.0, 80.0)
"""Shapes of the day-to-day gamma noise among which it weighs."""
TYPICAL_LEVEL_SD, LEVEL_LOG_SD = 0.08, 0.6
TYPICAL_NOISE, NOISE_LOG_SD = 20.0, 1.0
EARLY_UNREST, EARLY_DAYS = 3.0, 4.0
"""In the first days reporting is being set up: the level moves (1 + 3 e^(−day/4)) times as much."""
GROWTH_SD = {"known": 0.03, "flat": 0.1}
"""Standard deviation of the daily growth that a shape leaves unexplained."""
GROWTH_MEMORY = 0.9
SHARE_HALF_LIFE_DAYS, SHARE_PRIOR = 7.0, 0.5
DRAWS = 2000
LOG_LIMITS = (-9.0, 13.0)


@dataclass(frozen=True)
class Forecast:
    """Counts of the days after the last, day by day: quantiles of persons.

    `quantiles` has shape (probability, horizon, place), `mean` (horizon, place), `whole_quantiles`
    (probability, horizon), `whole_mean` (horizon,). `shape_weights` is how far the counts support
    each shape, (shape,), summing to one.
    """

    probabilities: tuple[float, ...]
    quantiles: Floats
    mean: Floats
    whole_quantiles: Floats
    whole_mean: Floats
    shape_weights: Floats


def forecast(
    counts: ArrayLike,
    *,
    horizon_days: int,
    seed: int,
    shapes: ArrayLike | None = None,
    probabilities: Sequence[float] = HUB_PROBABILITIES,
) -> Forecast:
    """Return the counts to expect in the next `horizon_days` days, for each place and all together.

    `counts` are daily counts by report day, shape (time, place). `shapes` are relative expected
    curves of the whole, shape (shape, time + horizon), > 0, each one way the coming weeks may go
    (`shapes_under_control` makes them from known dates); only their form counts.

        y_t ~ NB(mean = exp(s_t + f_t), size k),   f a random walk plus the sum of an autoregressive
                                                   growth; s the log of a shape

    by the Laplace approximation, averaged over shapes, daily movement and noise by their marginal
    likelihood. Places take shares of the whole drawn from a Dirichlet on recent counts.

    Source: this engine's own; Laplace approximation of a latent Gaussian process with NB counts,
    Rasmussen and Williams (2006), algorithm 3.1. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> steady = np.full((30, 2), 20)
    >>> found = forecast(steady, horizon_days=7, seed=1)
    >>> found.quantiles.shape, bool(abs(found.whole_mean[0] - 40) < 5)
    ((23, 7, 2), True)
    """
    seen = as_counts(counts, "counts", shape=(None, None)).astype(np.float64)
    time, places = seen.shape
    as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)
    if horizon_days < 1 or time < 2 or places < 1:
        raise ShapeMismatch(
            f"{time} days of {places} places and a horizon of {horizon_days} days.",
            where="counts",
            remedy="Give at least 2 days, 1 place and 1 day ahead.",
        )
    kind = "flat" if shapes is None else "known"
    curves = np.ones((1, time + horizon_days)) if shapes is None else np.asarray(shapes)
    curves = as_floats(curves, "shapes", shape=(None, time + horizon_days), low=1e-12)
    start = max(0, time - WINDOW_DAYS)
    rng = np.random.default_rng(seed)
    paths, noise, weights = _draw_whole(
        seen[start:].sum(axis=1),
        np.log(curves[:, start:]),
        horizon_days,
        GROWTH_SD[kind],
        start,
        rng,
    )
    whole = rng.negative_binomial(noise, noise / (noise + paths))
    shares = _draw_shares(seen, rng)
    by_place = paths[:, :, None] * shares[:, None, :]
    size = np.broadcast_to(noise[:, :, None], by_place.shape)
    drawn = rng.negative_binomial(size, size / (size + by_place))
    level = np.asarray(probabilities, dtype=np.float64)
    return Forecast(
        probabilities=tuple(float(p) for p in probabilities),
        quantiles=np.quantile(drawn, level, axis=0),
        mean=by_place.mean(axis=0),
        whole_quantiles=np.quantile(whole, level, axis=0),
        whole_mean=paths.mean(axis=0),
        shape_weights=weights,
    )


def shapes_under_control(
    *,
    days: int,
    control_day: int,
    source_closed_day: int,
    source_growth: float,
    Rt_before: float,
    Rt_after: Sequence[float],
    generation_interval: ArrayLike,
    infection_to_report: ArrayLike,
    lead_days: int = 40,
) -> Floats:
    """Return expected curves of reports, up to a factor, one for each Rt after control; (shape, days).

    Infected arrivals grow by `source_growth` a day until `source_closed_day` and then end; each
    infects Rt others over the `generation_interval` (days,), `Rt_before` those infected before
    `control_day`, one of `Rt_after` those after; reports follow infections by `infection_to_report`
    (delay,). Day 0 is the first day of the counts; `lead_days` before it are simulated too.

    The renewal equation run forward; see Cori et al. (2013). Raises OutOfRange (E802).

    >>> curves = shapes_under_control(days=40, control_day=5, source_closed_day=3,
    ...     source_growth=0.1, Rt_before=2.0, Rt_after=(0.5,), generation_interval=[0, 0.5, 0.5],
    ...     infection_to_report=[0.0] * 8 + [1.0])
    >>> int(np.argmax(curves[0]))
    12
    """
    interval = as_floats(generation_interval, "generation_interval", shape=(None,), high=1.0)
    delay = as_floats(infection_to_report, "infection_to_report", shape=(None,), high=1.0)
    if days < 1 or not Rt_before >= 0 or not all(r >= 0 for r in Rt_after) or not len(Rt_after):
        raise OutOfRange(
            f"{days} days, Rt {Rt_before:g} before and {list(Rt_after)} after.", where="Rt_after"
        )
    day = np.arange(-lead_days, days)
    arriving = np.where(day <= source_closed_day, np.exp(source_growth * day), 0.0)
    curves = []
    for after in Rt_after:
        infected = np.zeros(day.size)
        for i in range(day.size):
            back = infected[max(0, i - interval.size + 1) : i][::-1]
            caught = float(back @ interval[1 : back.size + 1])
            infected[i] = arriving[i] + (Rt_before if day[i] < control_day else after) * caught
        curves.append(np.convolve(infected, delay)[lead_days : lead_days + days])
    return np.maximum(np.array(curves), 1e-9)


def persistence(
    counts: ArrayLike,
    *,
    horizon_days: int,
    seed: int,
    probabilities: Sequence[float] = HUB_PROBABILITIES,
    draws: int = 4000,
) -> Floats:
    """Return the baseline's quantiles for each place, shape (probability, horizon, place).

    The last value, and round it sums of the past daily differences, each taken with either sign:
    what a forecast must beat to be worth reading. Negative values are zero.

    Source: the COVID-19 Forecast Hub's baseline, Cramer et al. (2022), PNAS 119:e2113561119.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> persistence([[3], [3], [3]], horizon_days=2, seed=1, probabilities=(0.5,)).ravel().tolist()
    [3.0, 3.0]
    """
    seen = as_counts(counts, "counts", shape=(None, None)).astype(np.float64)
    check_shape(seen, "counts", (None, None))
    rng = np.random.default_rng(seed)
    level = np.asarray(probabilities, dtype=np.float64)
    answer = np.zeros((level.size, horizon_days, seen.shape[1]))
    for place in range(seen.shape[1]):
        moves = np.diff(seen[:, place])
        moves = np.concatenate([moves, -moves]) if moves.size else np.zeros(1)
        walk = np.cumsum(rng.choice(moves, (draws, horizon_days)), axis=1)
        both = np.concatenate([walk, -walk]) + seen[-1, place]
        answer[:, :, place] = np.maximum(np.quantile(both, level, axis=0), 0.0)
    return answer


def weighted_interval_score(
    quantiles: ArrayLike, probabilities: Sequence[float], truth: ArrayLike
) -> Floats:
    """Return the weighted interval score of each forecast, shape of `truth`; smaller is better.

    `quantiles` has shape (probability, *truth.shape); the levels must be symmetric round one half.

        WIS = mean over levels p of 2 (1[y ≤ q_p] − p) (q_p − y)

    Source: Bracher et al. (2021), PLoS Computational Biology 17:e1008618, equation 3.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> weighted_interval_score([[1.0], [2.0], [4.0]], (0.25, 0.5, 0.75), [3.0]).round(3).tolist()
    [0.833]
    """
    level = as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)
    y = np.asarray(truth, dtype=np.float64)
    q = np.asarray(quantiles, dtype=np.float64)
    check_shape(q, "quantiles", (level.size, *y.shape))
    if not np.allclose(level + level[::-1], 1.0):
        raise OutOfRange("The levels are not symmetric round one half.", where="probabilities")
    p = level.reshape(-1, *([1] * y.ndim))
    score: Floats = (2 * ((y[None] <= q) - p) * (q - y[None])).mean(axis=0)
    return score


def log_weighted_interval_score(
    quantiles: ArrayLike, probabilities: Sequence[float], truth: ArrayLike
) -> Floats:
    """Return the weighted interval score of log(1 + count): errors of a small place count as a large one's.

    Source: Bosse et al. (2023), PLoS Computational Biology 19:e1011393.
    """
    return weighted_interval_score(
        np.log1p(np.asarray(quantiles, dtype=np.float64)),
        probabilities,
        np.log1p(np.asarray(truth, dtype=np.float64)),
    )


def block_bootstrap_difference(
    ours: ArrayLike, theirs: ArrayLike, *, block_days: int, seed: int, draws: int = 4000
) -> tuple[float, float, float]:
    """Return the mean of ours − theirs with its 95 % interval by the moving-block bootstrap.

    Scores of successive origins, shape (origin,); blocks of `block_days` keep what neighbouring
    origins share. Below zero, ours is better. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> block_bootstrap_difference([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], block_days=2, seed=1)
    (-1.0, -1.0, -1.0)
    """
    a = np.asarray(ours, dtype=np.float64)
    b = np.asarray(theirs, dtype=np.float64)
    check_shape(a, "ours", (None,))
    check_shape(b, "theirs", a.shape)
    if block_days < 1 or a.size == 0:
        raise OutOfRange(f"{a.size} scores in blocks of {block_days} days.", where="block_days")
    difference = a - b
    length = min(block_days, a.size)
    blocks = -(-a.size // length)
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, a.size - length + 1, (draws, blocks))
    index = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, : a.size]
    means = difference[index].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(difference.mean()), float(low), float(high)


def _draw_whole(
    seen: Floats,
    log_shapes: Floats,
    horizon: int,
    growth_sd: float,
    skipped: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """Draw expected paths (draw, horizon) and their noise shapes (draw, 1); the weight of each shape."""
    fits, scores = [], []
    grid = list(product(range(log_shapes.shape[0]), LEVEL_SDS, NOISE_SHAPES))
    for shape, level_sd, noise in grid:
        curve = log_shapes[shape]
        curve = curve - np.log(np.exp(curve[: seen.size]).mean()) + np.log(seen.mean() + 0.5)
        prior = _covariance(seen.size + horizon, level_sd, growth_sd, skipped)
        mean, spread, fit = _laplace(seen, curve, prior, noise)
        away = (np.log(level_sd / TYPICAL_LEVEL_SD) / LEVEL_LOG_SD) ** 2
        away += (np.log(noise / TYPICAL_NOISE) / NOISE_LOG_SD) ** 2
        fits.append((mean, spread, noise))
        scores.append(fit - away / 2)
    weight = np.exp(np.array(scores) - max(scores))
    weight = weight / weight.sum()
    paths, noises = [], []
    for (mean, spread, noise), many in zip(fits, rng.multinomial(DRAWS, weight), strict=True):
        if many:
            root = np.linalg.cholesky(spread + 1e-9 * np.eye(horizon))
            log_path = mean + rng.standard_normal((many, horizon)) @ root.T
            paths.append(np.exp(np.clip(log_path, *LOG_LIMITS)))
            noises.append(np.full((many, 1), noise))
    order = rng.permutation(DRAWS)
    of_shape = np.zeros(log_shapes.shape[0])
    np.add.at(of_shape, [shape for shape, _, _ in grid], weight)
    return np.concatenate(paths)[order], np.concatenate(noises)[order], of_shape


def _covariance(time: int, level_sd: float, growth_sd: float, skipped: int) -> Floats:
    day = np.arange(time)
    moves = (level_sd * (1 + EARLY_UNREST * np.exp(-(day + skipped) / EARLY_DAYS))) ** 2
    level = np.cumsum(moves)[np.minimum(day[:, None], day)]
    growth = growth_sd**2 * GROWTH_MEMORY ** np.abs(day[:, None] - day)
    summed = np.tril(np.ones((time, time)), -1)
    covariance: Floats = 4.0 + level + summed @ growth @ summed.T + 1e-8 * np.eye(time)
    return covariance


def _laplace(
    seen: Floats, curve: Floats, prior: Floats, noise: float
) -> tuple[Floats, Floats, float]:
    """Mean and covariance of the log mean beyond the data, and the log marginal likelihood."""
    time = seen.size
    inside = prior[:time, :time]
    pull = np.zeros(time)
    factor, root = inside, np.zeros(time)
    for _ in range(60):
        deviation = inside @ pull
        mean = np.exp(np.clip(curve[:time] + deviation, *LOG_LIMITS))
        weight = mean * noise / (noise + mean)
        root = np.sqrt(weight)
        curved = np.eye(time) + root[:, None] * inside * root
        factor = np.asarray(np.linalg.cholesky(curved), dtype=np.float64)
        target = weight * deviation + (seen - mean) * noise / (noise + mean)
        half = np.linalg.solve(factor, root * (inside @ target))
        step = target - root * np.linalg.solve(factor.T, half) - pull
        moved = float(np.abs(inside @ step).max())
        pull = pull + step * min(1.0, 2.0 / max(moved, 1e-12))
        if moved < 1e-4:
            break
    deviation = inside @ pull
    mean = np.exp(np.clip(curve[:time] + deviation, *LOG_LIMITS))
    fit = gammaln(seen + noise) - gammaln(noise) - gammaln(seen + 1)
    fit = fit + noise * np.log(noise / (noise + mean)) + seen * np.log(mean / (noise + mean))
    score = fit.sum() - deviation @ pull / 2 - np.log(np.diag(factor)).sum()
    ahead = prior[time:, :time]
    half = np.linalg.solve(factor, root[:, None] * ahead.T)
    return curve[time:] + ahead @ pull, prior[time:, time:] - half.T @ half, float(score)


def _draw_shares(seen: Floats, rng: np.random.Generator) -> Floats:
    """Draw the places' shares of the whole, (draw, place): recent counts weigh most."""
    time, places = seen.shape
    weight = 0.5 ** (np.arange(time)[::-1] / SHARE_HALF_LIFE_DAYS)
    ever = seen.sum(axis=0)
    usual = (ever + 0.5) / (ever + 0.5).sum()
    return rng.dirichlet(SHARE_PRIOR * places * usual + weight @ seen, DRAWS)


@dataclass(frozen=True)
class RollingScores:
    """Forecasts from successive origins scored against what came, beside the baseline.

    Mean weighted interval scores over the horizon and (for places) over the places, shape (origin,):
    of the whole and of the places, ours and persistence's, on the natural and the log scale. `inside`
    are the shares of days within the 95 % and 50 % intervals, keys (level, "whole" | "place").
    """

    origins: tuple[int, ...]
    whole: Floats
    whole_baseline: Floats
    place: Floats
    place_baseline: Floats
    whole_log: Floats
    whole_log_baseline: Floats
    place_log: Floats
    place_log_baseline: Floats
    inside: dict[tuple[float, str], Floats]
    median: Floats  # of the whole on the last day of the horizon, (origin,)


def score_rolling_origins(
    counts: ArrayLike,
    *,
    origins: Sequence[int],
    horizon_days: int,
    seed: int,
    shapes_at: Callable[[int], Floats | None] | None = None,
    whole: ArrayLike | None = None,
) -> RollingScores:
    """Return how forecasts made at the end of each origin day would have fared.

    `counts` has shape (time, place); an origin t sees days 0 … t only, and `shapes_at(t)` must give
    what was known then, shape (shape, t + 1 + horizon), or None. `whole` (time,) is the total where it
    is published apart from the places. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> scores = score_rolling_origins(np.full((30, 2), 9), origins=(20, 21), horizon_days=3, seed=1)
    >>> scores.whole.shape
    (2,)
    """
    seen = as_counts(counts, "counts", shape=(None, None))
    total = seen.sum(axis=1) if whole is None else as_counts(whole, "whole", shape=(len(seen),))
    if not origins or min(origins) < 1 or max(origins) + horizon_days >= len(seen):
        raise OutOfRange(
            f"Origins {list(origins)[:1]}… with {horizon_days} days ahead in {len(seen)} days.",
            where="origins",
            remedy="An origin needs a day before it and its whole horizon after it.",
        )
    low, high = HUB_PROBABILITIES.index(0.025), HUB_PROBABILITIES.index(0.975)
    quarter, three = HUB_PROBABILITIES.index(0.25), HUB_PROBABILITIES.index(0.75)
    rows: dict[str, list[float]] = {}

    def keep(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for t in origins:
        shapes = None if shapes_at is None else shapes_at(t)
        ahead = slice(t + 1, t + 1 + horizon_days)
        known, known_total = seen[: t + 1], total[: t + 1, None]
        by_place = forecast(known, horizon_days=horizon_days, seed=seed + t, shapes=shapes)
        together = by_place.whole_quantiles[:, :, None]
        if whole is not None:
            together = forecast(
                known_total, horizon_days=horizon_days, seed=seed + t, shapes=shapes
            ).quantiles
        pairs = {
            "place": (
                by_place.quantiles,
                persistence(known, horizon_days=horizon_days, seed=seed + t),
                seen[ahead],
            ),
            "whole": (
                together,
                persistence(known_total, horizon_days=horizon_days, seed=seed + t),
                total[ahead, None],
            ),
        }
        for name, (ours, baseline, truth) in pairs.items():
            for tag, q in (("", ours), ("_baseline", baseline)):
                natural = weighted_interval_score(q, HUB_PROBABILITIES, truth)
                logged = log_weighted_interval_score(q, HUB_PROBABILITIES, truth)
                keep(name + tag, float(natural.mean()))
                keep(f"{name}_log{tag}", float(logged.mean()))
            keep(f"{name} 95", float(((ours[low] <= truth) & (truth <= ours[high])).mean()))
            keep(f"{name} 50", float(((ours[quarter] <= truth) & (truth <= ours[three])).mean()))
        keep("median", float(np.median(pairs["whole"][0][HUB_PROBABILITIES.index(0.5), -1, 0])))
    array = {name: np.array(values) for name, values in rows.items()}
    return RollingScores(
        origins=tuple(origins),
        whole=array["whole"],
        whole_baseline=array["whole_baseline"],
        place=array["place"],
        place_baseline=array["place_baseline"],
        whole_log=array["whole_log"],
        whole_log_baseline=array["whole_log_baseline"],
        place_log=array["place_log"],
        place_log_baseline=array["place_log_baseline"],
        inside={
            (level, name): array[f"{name} {level * 100:.0f}"]
            for level in (0.95, 0.5)
            for name in ("whole", "place")
        },
        median=array["median"],
    )
