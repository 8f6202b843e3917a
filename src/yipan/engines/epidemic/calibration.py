"""Fitting to reported cases: which parameters make the engine report what was reported, with their spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from yipan.engines.checks import Floats, Integers, as_counts, as_floats
from yipan.engines.epidemic.course import MEASURES
from yipan.engines.epidemic.ensemble import BackEnd, simulator
from yipan.engines.epidemic.specification import Specification
from yipan.engines.errors import OutOfRange

Build = Callable[[Mapping[str, float]], Specification]
Progress = Callable[[int, int], None]

TRIES = 200
"""Proposals for one particle before the tolerance is taken to be out of reach."""


@dataclass(frozen=True)
class Posterior:
    """Parameter values that reproduce what was reported, as a weighted sample.

    `values` (particle, parameter) in the order of `names`; `weights` (particle,), summing to 1;
    `reported` (particle, day, place): what each particle's run reported, persons; `members` (particle,):
    which member of the fit's seed each run was, so that it can be run again, and on into the future;
    `tolerance` by generation: the distance below which a run was taken to reproduce the reports. `runs`:
    how many runs it took.
    """

    names: tuple[str, ...]
    values: Floats
    weights: Floats
    reported: Integers
    members: Integers
    tolerances: tuple[float, ...]
    runs: int

    def quantiles(self, name: str, probabilities: ArrayLike) -> Floats:
        """Return quantiles of one parameter, shape (probability,)."""
        column = self.values[:, self.names.index(name)]
        order = np.argsort(column, kind="stable")
        upto = np.cumsum(self.weights[order]) - self.weights[order] / 2
        return np.asarray(np.interp(np.asarray(probabilities), upto, column[order]))

    def draw(self, *, seed: int, n: int) -> list[dict[str, float]]:
        """Return n parameter sets drawn from the posterior."""
        rows = self._rows(seed, n)
        return [dict(zip(self.names, map(float, self.values[r]), strict=True)) for r in rows]

    def draw_runs(self, *, seed: int, n: int) -> list[tuple[dict[str, float], int]]:
        """Return n parameter sets drawn from the posterior, each with the member that reproduced the reports.

        Run with the fit's seed, that member does again what it did, whatever happens after the reports:
        a forecast goes on from where the epidemic stood.
        """
        rows = self._rows(seed, n)
        sets = [dict(zip(self.names, map(float, self.values[r]), strict=True)) for r in rows]
        return list(zip(sets, self.members[rows].tolist(), strict=True))

    def _rows(self, seed: int, n: int) -> Integers:
        rng = np.random.default_rng(seed)
        return np.asarray(rng.choice(len(self.weights), size=n, p=self.weights))


def reported(detected: Integers, delay: ArrayLike, *, rng: np.random.Generator) -> Integers:
    """Return cases by day of report from cases by day of detection, shape (day, place), persons.

    `delay[k]`: probability of a report k days after detection; what it falls short of one is never
    reported, and reports after the last day are lost. Each case draws its own delay.

    >>> cases = np.array([[4], [0], [0]])
    >>> reported(cases, [0.0, 1.0], rng=np.random.default_rng(1)).ravel().tolist()
    [0, 4, 0]
    """
    chance = as_floats(delay, "delay", shape=(None,), high=1.0)
    if chance.sum() > 1 + 1e-9:
        raise OutOfRange(f"The delay's probabilities sum to {chance.sum():g}.", where="delay")
    days = detected.shape[0]
    lost = max(0.0, 1.0 - float(chance.sum()))
    split = rng.multinomial(detected, np.append(chance, lost))
    result = np.zeros_like(detected)
    for k in range(min(chance.size, days)):
        result[k:] += split[: days - k, :, k]
    return result


def distance(a: Integers, b: Integers, *, window_days: int) -> float:
    """Return how far two tables of reports (day, place) are apart.

    The root mean square, over windows of `window_days`, of the difference of √count: counts of any size
    then differ by about ½ where chance alone makes them differ. Half of it is of the places, half of
    their sum: where cases are is seldom known as well as how many there are. Windows end on the last
    day, and days before the first whole window do not count: the newest reports always do.

    >>> table = np.full((14, 2), 9)
    >>> distance(table, table, window_days=7)
    0.0
    """
    window_days = min(window_days, a.shape[0])
    skipped = a.shape[0] % window_days
    sums = [
        t[skipped:].reshape(-1, window_days, t.shape[1]).sum(axis=1).astype(np.float64)
        for t in (a, b)
    ]
    places = np.mean((np.sqrt(sums[0]) - np.sqrt(sums[1])) ** 2)
    whole = np.mean((np.sqrt(sums[0].sum(axis=1)) - np.sqrt(sums[1].sum(axis=1))) ** 2)
    return float(np.sqrt((places + whole) / 2))


def fit(
    build: Build,
    observed: ArrayLike,
    *,
    prior: Mapping[str, tuple[float, float]],
    delay: ArrayLike,
    particles: int = 200,
    generations: int = 6,
    window_days: int = 7,
    seed: int,
    back_end: BackEnd = "auto",
    progress: Progress | None = None,
) -> Posterior:
    """Fit parameters to reported cases by sequential approximate Bayesian computation.

    `build(parameters)` returns the specification to run; `observed` are reported cases, shape
    (day, place), persons; `prior` gives each parameter's range, uniform; `delay` is that of `reported`.
    The first generation samples the prior; each later one perturbs the last by a normal of twice its
    weighted covariance and keeps runs nearer to the reports than its median. It ends early where a
    tolerance cannot be reached.

    Source: Toni et al. (2009), J. R. Soc. Interface 6:187, algorithm S3; kernel and weights as in
    Beaumont et al. (2009), Biometrika 96:983. Raises OutOfRange (E802).
    """
    data = as_counts(observed, "observed", shape=(None, None))
    low = np.array([bounds[0] for bounds in prior.values()], dtype=np.float64)
    high = np.array([bounds[1] for bounds in prior.values()], dtype=np.float64)
    if particles < 10 or generations < 1 or not prior or not (low < high).all():
        raise OutOfRange(
            f"{particles} particles in {generations} generations over {dict(prior)} fit nothing.",
            where="fit",
            remedy="At least 10 particles, one generation, and ranges that are not empty.",
        )
    names, rng = tuple(prior), np.random.default_rng(seed)
    runs = 0

    def run(values: Floats) -> tuple[float, Integers, int]:
        nonlocal runs
        spec = build(dict(zip(names, map(float, values), strict=True)))
        counts = simulator(spec, seed=seed, back_end=back_end)(runs)
        runs += 1
        detected = counts[MEASURES.index("detected"), : data.shape[0]]
        seen = reported(detected, delay, rng=rng)
        return distance(seen, data, window_days=window_days), seen, runs - 1

    values = low + (high - low) * rng.random((particles, low.size))
    first = [run(v) for v in values]
    far, seen = np.array([d for d, _, _ in first]), np.stack([s for _, s, _ in first])
    members = np.array([m for _, _, m in first], dtype=np.int64)
    weights = np.full(particles, 1.0 / particles)
    tolerances = [float("inf")]
    for generation in range(1, generations):
        tolerance = float(np.median(far))
        covariance = 2 * np.atleast_2d(np.cov(values.T, aweights=weights))
        covariance += np.diag(1e-12 * (high - low) ** 2)
        root, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
        kept: list[tuple[Floats, float, Integers, int]] = []
        tries = 0
        while len(kept) < particles and tries < TRIES * particles:
            tries += 1
            parent = values[rng.choice(particles, p=weights)]
            proposal = parent + root @ rng.standard_normal(low.size)
            if (proposal < low).any() or (proposal > high).any():
                continue
            apart, table, member = run(proposal)
            if apart <= tolerance:
                kept.append((proposal, apart, table, member))
                if progress is not None:
                    progress(generation * particles + len(kept), generations * particles)
        if len(kept) < particles:
            break
        new = np.stack([v for v, _, _, _ in kept])
        step = new[:, None] - values[None]
        kernel = np.exp(-0.5 * np.einsum("npi,ij,npj->np", step, inverse, step))
        weights = 1.0 / (kernel @ weights)
        weights /= weights.sum()
        values, far = new, np.array([d for _, d, _, _ in kept])
        seen = np.stack([s for _, _, s, _ in kept])
        members = np.array([m for _, _, _, m in kept], dtype=np.int64)
        tolerances.append(tolerance)
    return Posterior(names, values, weights, seen, members, tuple(tolerances), runs)
