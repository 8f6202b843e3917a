"""Who infected whom: chains and their generations, serial intervals, the offspring distribution.

Links come from contact tracing: an infector for some cases, none known for others. A case without a
known infector begins a chain; whether it was imported or its infector was missed, the links do not
say, so chains are *at least* as many as introductions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import gammaln, ndtr
from scipy.stats import chi2, nbinom

from yipan.engines.checks import Floats, Integers, as_counts, as_floats
from yipan.engines.errors import OutOfRange, ShapeMismatch, TooFewObservations

NOBODY = -1
"""The infector of a case whose infector is not known."""

K_LEAST, K_MOST = 1e-3, 1e4
"""Dispersion is sought between these; above the upper one the distribution is Poisson."""


@dataclass(frozen=True)
class Chains:
    """Each case's chain, generation and offspring; arrays of shape (cases,).

    `chain` numbers the chains 0, 1, … by their first case; `generation` counts from 0 at the head;
    `offspring` is how many cases name it as their infector. `sizes` has shape (chains,).
    """

    chain: Integers
    generation: Integers
    offspring: Integers
    sizes: Integers


@dataclass(frozen=True)
class SerialIntervalFit:
    """The serial interval fitted to pairs: mean and sd in days, each with its interval.

    `pairs` were used; `negative` of them had the infectee's onset before the infector's.
    """

    mean_days: float
    sd_days: float
    mean_interval: tuple[float, float]
    sd_interval: tuple[float, float]
    level: float
    pairs: int
    negative: int


@dataclass(frozen=True)
class Offspring:
    """The offspring distribution: mean R and dispersion k of a negative binomial, with intervals.

    `k` is infinite where the counts are no more spread than a Poisson; small k means that few
    cases cause most infections. `share_of_80_percent` is the share of cases expected to cause 80 %
    of them. `cases` infectors were used.
    """

    R: float
    k: float
    R_interval: tuple[float, float]
    k_interval: tuple[float, float]
    level: float
    share_of_80_percent: float
    cases: int


def build_chains(infector: ArrayLike) -> Chains:
    """Return the chain and generation of every case from its infector's index.

    `infector[i]` is the index of the case that infected case i, or −1; shape (cases,). Raises
    OutOfRange (E802) for an index that does not exist and for a case that, through its infectors,
    infected itself.

    >>> build_chains([-1, 0, 0, 1, -1]).generation.tolist()
    [0, 1, 1, 2, 0]
    """
    parent = np.asarray(infector, dtype=np.int64)
    if parent.ndim != 1:
        raise ShapeMismatch("infector must have one entry a case.", where="infector")
    cases = parent.size
    if cases and not ((parent >= NOBODY) & (parent < cases)).all():
        raise OutOfRange("An infector is not among the cases.", where="infector")
    generation = np.full(cases, -1, dtype=np.int64)
    head = np.full(cases, -1, dtype=np.int64)
    ready = parent == NOBODY
    generation[ready], head[ready] = 0, np.flatnonzero(ready)
    while (generation < 0).any():
        waiting = np.flatnonzero(generation < 0)
        now = waiting[generation[parent[waiting]] >= 0]
        if now.size == 0:
            raise OutOfRange(
                f"{waiting.size} cases infected each other in a circle.",
                where="infector",
                remedy="Of two cases, the one with the earlier exposure infected the other.",
            )
        generation[now] = generation[parent[now]] + 1
        head[now] = head[parent[now]]
    heads, chain = np.unique(head, return_inverse=True)
    return Chains(
        chain=chain.astype(np.int64),
        generation=generation,
        offspring=np.bincount(parent[parent >= 0], minlength=cases).astype(np.int64),
        sizes=np.bincount(chain, minlength=heads.size).astype(np.int64),
    )


@dataclass(frozen=True)
class ChainSummary:
    """Chains with what can be fitted to them; None where there is too little, and why in `notes`."""

    chains: Chains
    serial_interval: SerialIntervalFit | None
    offspring: Offspring | None
    with_infector: int
    notes: tuple[str, ...]


def summarise_chains(
    infector: ArrayLike,
    *,
    onset: ArrayLike | None = None,
    now: float | None = None,
    level: float = 0.95,
) -> ChainSummary:
    """Return chains, the serial interval and the offspring distribution of cases with known infectors.

    `infector` as in `build_chains`; `onset` in days on one clock, shape (cases,), NaN where not
    known. With `now`, pairs are corrected for those that could not have shown yet, and a recent case
    counts for the share of its offspring that could have. Raises as `build_chains`.

    >>> summarise_chains([-1, 0, 0, -1]).chains.sizes.tolist()
    [3, 1]
    """
    found = build_chains(infector)
    parent = np.asarray(infector, dtype=np.int64)
    notes: list[str] = []
    serial: SerialIntervalFit | None = None
    share: Floats | None = None
    if onset is not None:
        days = np.asarray(onset, dtype=np.float64)
        if days.shape != parent.shape:
            raise ShapeMismatch("onset must have one entry a case.", where="onset")
        case = np.flatnonzero(parent >= 0)
        case = case[np.isfinite(days[parent[case]] + days[case])]
        try:
            serial = fit_serial_interval(days[parent[case]], days[case], now=now, level=level)
        except TooFewObservations as few:
            notes.append(few.message)
        if serial is not None and now is not None:
            share = shown_by(days, now, serial.mean_days, serial.sd_days)
    kept = np.ones(parent.size, dtype=bool) if share is None else share > 0.01
    spread: Offspring | None = None
    try:
        spread = fit_offspring(
            found.offspring[kept],
            observed_share=None if share is None else share[kept],
            level=level,
        )
    except TooFewObservations as few:
        notes.append(few.message)
    return ChainSummary(found, serial, spread, int((parent >= 0).sum()), tuple(notes))


def shown_by(onset: ArrayLike, now: float, mean_days: float, sd_days: float) -> Floats:
    """Return the share of each case's offspring whose onset would have come by `now`; (cases,).

    A case without a known onset counts in full. Serial intervals are normal with this mean and sd.

    >>> shown_by([0.0, float("nan")], 4.0, 5.0, 2.0).round(2).tolist()
    [0.5, 1.0]
    """
    days = np.asarray(onset, dtype=np.float64)
    shown = ndtr((now + 1 - days - mean_days) / sd_days)
    return np.where(np.isfinite(days), np.maximum(shown, 1e-9), 1.0)


def linked_clusters(links: ArrayLike, *, cases: int) -> Integers:
    """Return the cluster of every case: those joined by any path of links; shape (cases,).

    `links` are pairs of case indices, shape (links, 2), in no direction. Clusters are numbered by
    their first case. Raises OutOfRange (E802).

    >>> linked_clusters([[0, 2], [2, 3]], cases=5).tolist()
    [0, 1, 0, 0, 2]
    """
    pairs = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    if pairs.size and not ((pairs >= 0) & (pairs < cases)).all():
        raise OutOfRange("A link names a case that does not exist.", where="links")
    root = np.arange(cases, dtype=np.int64)

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = int(root[i])
        return i

    for a, b in pairs:
        one, other = sorted((find(int(a)), find(int(b))))
        root[other] = one
    top = np.array([find(i) for i in range(cases)], dtype=np.int64)
    return np.unique(top, return_inverse=True)[1].astype(np.int64)


def fit_serial_interval(
    infector_onset: ArrayLike,
    infectee_onset: ArrayLike,
    *,
    now: float | None = None,
    level: float = 0.95,
) -> SerialIntervalFit:
    """Return mean and sd of the serial interval, a normal distribution: it may be negative.

    Onset days of each pair, shape (pairs,), on one clock and known to the day:

        P(D = d) = H(d + 1) − 2 H(d) + H(d − 1),   H(x) = ∫ Φ = σ (z Φ(z) + φ(z)),  z = (x − μ)/σ

    With `now`, a pair could only be seen if the infectee's onset came by then, so each likelihood is
    divided by P(D ≤ now − onset of the infector) (right truncation). Intervals are of the profile
    likelihood at `level`. Raises ShapeMismatch (E801), TooFewObservations (E809) with fewer than 5
    pairs or no spread at all.

    Source: double censoring as Park et al. (2024), medRxiv 2024.01.12.24301247; negative serial
    intervals as Du et al. (2020), Emerging Infectious Diseases 26:1341.

    >>> fit = fit_serial_interval([0] * 8, [3, 4, 4, 5, 5, 6, 7, -1])
    >>> round(fit.mean_days, 1), fit.negative
    (4.1, 1)
    """
    first = as_floats(infector_onset, "infector_onset", shape=(None,), low=-np.inf)
    second = as_floats(infectee_onset, "infectee_onset", shape=first.shape, low=-np.inf)
    d = second - first
    if d.size < 5 or np.ptp(d) == 0:
        raise TooFewObservations(
            f"{d.size} pairs are too few to fit a serial interval.",
            where="pairs",
            remedy="At least 5 pairs with different intervals are needed.",
        )
    limit = np.full(d.shape, np.inf) if now is None else now - first

    def loss(mu: float, log_sigma: float) -> float:
        sigma = float(np.exp(log_sigma))
        mass = _second_difference(d, mu, sigma)
        seen = np.where(np.isinf(limit), 1.0, ndtr((limit + 0.5 - mu) / sigma))
        return -float(
            np.log(np.maximum(mass, 1e-300)).sum() - np.log(np.maximum(seen, 1e-300)).sum()
        )

    start = np.array([d.mean(), np.log(max(d.std(), 0.5))])
    (mu, log_sigma), least = _minimum(lambda p: loss(float(p[0]), float(p[1])), start)
    drop = float(chi2.ppf(level, 1)) / 2

    def profile_mean(m: float) -> float:
        return _least(lambda s: loss(m, s), log_sigma)

    def profile_sd(s: float) -> float:
        return _least(lambda m: loss(m, s), mu)

    sd = float(np.exp(log_sigma))
    low, high = _interval(profile_mean, mu, least + drop, step=sd / np.sqrt(d.size))
    narrow, wide = _interval(profile_sd, log_sigma, least + drop, step=0.1)
    return SerialIntervalFit(
        mean_days=mu,
        sd_days=sd,
        mean_interval=(low, high),
        sd_interval=(float(np.exp(narrow)), float(np.exp(wide))),
        level=level,
        pairs=int(d.size),
        negative=int((d < 0).sum()),
    )


def fit_offspring(
    counts: ArrayLike, *, observed_share: ArrayLike | None = None, level: float = 0.95
) -> Offspring:
    """Return R and k of a negative binomial fitted to the number of cases each case infected.

    `counts` are offspring of every case that could have infected, zeros included, shape (cases,).
    `observed_share` (cases,) in (0, 1] is the share of a case's offspring that could have shown by
    now (the serial interval's distribution at its age); the mean of its count is then R × share.
    Intervals are of the profile likelihood at `level`. Cases whose infector is unknown make R an
    underestimate. Raises ShapeMismatch (E801), OutOfRange (E802), TooFewObservations (E809) with
    fewer than 5 cases.

    Source: Lloyd-Smith et al. (2005), Nature 438:355.

    >>> fit = fit_offspring([0] * 14 + [1, 1, 1, 2, 3, 9])
    >>> round(fit.R, 2), round(fit.k, 2)
    (0.85, 0.22)
    """
    seen = as_counts(counts, "counts", shape=(None,)).astype(np.float64)
    share = np.ones(seen.shape)
    if observed_share is not None:
        share = as_floats(observed_share, "observed_share", shape=seen.shape, low=1e-9, high=1.0)
    if seen.size < 5:
        raise TooFewObservations(
            f"{seen.size} cases are too few to fit an offspring distribution.", where="counts"
        )
    if not seen.any():
        return _none_at_all(share, level)

    def loss(R: float, k: float) -> float:
        mean = R * share
        term = gammaln(k + seen) - gammaln(k) - gammaln(seen + 1)
        term += seen * np.log(mean / (k + mean)) - k * np.log1p(mean / k)
        return -float(term.sum())

    return _fit_R_k(loss, start=float(seen.sum() / share.sum()), cases=int(seen.size), level=level)


def fit_chain_sizes(sizes: ArrayLike, *, level: float = 0.95) -> Offspring:
    """Return R and k from the final sizes of chains alone, where nobody knows who infected whom.

    `sizes` ≥ 1, shape (chains,), of chains that are over; R is below 1 then.

        P(size = j) = Γ(kj + j − 1) / (Γ(kj) Γ(j + 1)) (R/k)^(j−1) / (1 + R/k)^(kj + j − 1)

    Source: Blumberg and Lloyd-Smith (2013), PLoS Computational Biology 9:e1002993.
    Raises OutOfRange (E802), TooFewObservations (E809) with fewer than 5 chains.

    >>> round(fit_chain_sizes([1] * 20 + [2, 2, 3, 7]).R, 2)
    0.29
    """
    size = as_counts(sizes, "sizes", shape=(None,)).astype(np.float64)
    if size.size < 5:
        raise TooFewObservations(f"{size.size} chains are too few.", where="sizes")
    if (size < 1).any():
        raise OutOfRange("A chain has at least one case.", where="sizes")
    if (size == 1).all():
        return _none_at_all(np.ones(size.shape), level)

    def loss(R: float, k: float) -> float:
        log_p = gammaln(k * size + size - 1) - gammaln(k * size) - gammaln(size + 1)
        log_p += (size - 1) * np.log(R / k) - (k * size + size - 1) * np.log1p(R / k)
        return -float(log_p.sum())

    start = float(1 - size.size / size.sum())
    return _fit_R_k(loss, start=start, cases=int(size.size), level=level)


def share_causing(R: float, k: float, *, share: float = 0.8) -> float:
    """Return the smallest share of cases expected to cause `share` of all infections.

    >>> 0.09 < share_causing(2.5, 0.1) < 0.11
    True
    """
    most = int(nbinom.ppf(1 - 1e-9, k, k / (k + R))) + 1 if np.isfinite(k) else 0
    j = np.arange(max(most, int(R + 20 * np.sqrt(R) + 20)) + 1)
    size = k if np.isfinite(k) else K_MOST
    p = nbinom.pmf(j, size, size / (size + R))
    caused = np.cumsum((j * p)[::-1]) / max(float((j * p).sum()), 1e-300)  # largest first
    of_cases = np.cumsum(p[::-1])
    at = int(np.searchsorted(caused, share))
    before = (float(caused[at - 1]), float(of_cases[at - 1])) if at else (0.0, 0.0)
    part = (share - before[0]) / max(float(caused[at]) - before[0], 1e-300)
    return before[1] + part * (float(of_cases[at]) - before[1])


def _second_difference(d: Floats, mu: float, sigma: float) -> Floats:
    def h(x: Floats) -> Floats:
        z = (x - mu) / sigma
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        return np.asarray(sigma * (z * ndtr(z) + density))

    return h(d + 1) - 2 * h(d) + h(d - 1)


def _fit_R_k(
    loss: Callable[[float, float], float], *, start: float, cases: int, level: float
) -> Offspring:
    bounds = np.log([K_LEAST, K_MOST])

    def of(p: NDArray[np.float64]) -> float:
        return loss(float(np.exp(p[0])), float(np.exp(np.clip(p[1], *bounds))))

    tries = [np.array([np.log(max(start, 1e-3)), np.log(k)]) for k in (0.1, 1.0, 50.0)]
    (log_R, log_k), least = min((_minimum(of, at) for at in tries), key=lambda found: found[1])
    log_k = float(np.clip(log_k, *bounds))
    limit = least + float(chi2.ppf(level, 1)) / 2

    def profile_R(x: float) -> float:
        return _least(lambda y: of(np.array([x, y])), log_k)

    def profile_k(y: float) -> float:
        return _least(lambda x: of(np.array([x, y])), log_R)

    R_low, R_high = _interval(profile_R, log_R, limit, step=0.2)
    k_low, k_high = _interval(profile_k, log_k, limit, step=0.3, floor=bounds[0], ceiling=bounds[1])
    R = float(np.exp(log_R))
    k = _dispersion(log_k)
    return Offspring(
        R=R,
        k=k,
        R_interval=(float(np.exp(R_low)), float(np.exp(R_high))),
        k_interval=(float(np.exp(k_low)), _dispersion(k_high)),
        level=level,
        share_of_80_percent=share_causing(R, k),
        cases=cases,
    )


def _dispersion(log_k: float) -> float:
    return float("inf") if log_k >= np.log(K_MOST) - 1e-6 else float(np.exp(log_k))


def _none_at_all(share: Floats, level: float) -> Offspring:
    """No offspring at all: R is 0 with the bound that a Poisson leaves; of k nothing is known."""
    high = float(chi2.ppf(level, 1)) / 2 / float(share.sum())
    return Offspring(
        R=0.0,
        k=float("nan"),
        R_interval=(0.0, high),
        k_interval=(0.0, float("inf")),
        level=level,
        share_of_80_percent=float("nan"),
        cases=int(share.size),
    )


def _least(loss: Callable[[float], float], start: float) -> float:
    return _minimum(lambda x: loss(float(x[0])), np.array([start]))[1]


def _minimum(
    loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]
) -> tuple[tuple[float, ...], float]:
    found = minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 4000}
    )
    return tuple(float(x) for x in found.x), float(found.fun)


def _interval(
    profile: Callable[[float], float],
    best: float,
    limit: float,
    *,
    step: float,
    floor: float = -50.0,
    ceiling: float = 50.0,
) -> tuple[float, float]:
    """Return where the profile crosses `limit` on either side; the bound where it never does."""

    def side(sign: float, bound: float) -> float:
        inner, width = best, step
        while True:
            outer = best + sign * width
            if (outer - bound) * sign >= 0:
                outer = bound
            if profile(outer) > limit:
                return float(brentq(lambda x: profile(x) - limit, inner, outer, xtol=1e-4))
            if outer == bound:
                return bound
            inner, width = outer, 2 * width

    return side(-1.0, floor), side(1.0, ceiling)
