"""The samplers are exact: known answers, and chi-square from tiny means to large, small n to beyond 2³¹."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import stats

from yipan.engines.epidemic.cells import hit, probability, scatter
from yipan.engines.epidemic.samplers import binomial, erlang, gamma, poisson, squeeze
from yipan.engines.epidemic.streams import MANY, ONE_BLOCK, opened, philox, rewind, uniform

DRAWS = 60_000
LEAST = 1e-4  # a sound sampler fails one test of these in ten thousand seeds


@njit
def binomials(n, p, seed, out):
    stream = opened(seed, MANY)
    for i in range(out.size):
        out[i] = binomial(stream, n, p)


@njit
def hits(n, hazard, seed, out):
    stream = opened(seed, MANY)
    gap = np.array([0.7])
    for i in range(out.size):
        out[i] = hit(n, probability(hazard), hazard, gap, stream)


@njit
def poissons(mean, seed, out):
    stream = opened(seed, MANY)
    for i in range(out.size):
        out[i] = poisson(stream, mean)


@njit
def reals(kind, shape, seed, out):
    stream = opened(seed, MANY)
    for i in range(out.size):
        if kind == 0:
            out[i] = uniform(stream)
        elif kind == 1:
            out[i] = erlang(stream, int(shape))
        else:
            out[i] = gamma(stream, shape)


def chi_square(drawn: np.ndarray, cdf) -> float:
    """Return the p-value of draws against a distribution, over bins of about equal expectation."""
    edges = np.unique(np.quantile(drawn, np.linspace(0, 1, 33)[1:-1], method="lower"))
    expected = np.diff(np.concatenate([[0.0], cdf(edges), [1.0]])) * drawn.size
    found = np.bincount(np.searchsorted(edges, drawn), minlength=edges.size + 1)
    likely = expected > 1e-6
    assert found[~likely].sum() == 0
    if likely.sum() == 1:
        return 1.0
    chi = ((found - expected) ** 2 / np.where(likely, expected, 1.0))[likely].sum()
    return float(stats.chi2.sf(chi, likely.sum() - 1))


def test_philox_gives_the_published_known_answers() -> None:
    """From the Random123 distribution, kat_vectors: philox4x32 10."""
    ones = 0xFFFFFFFF
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
    for words, answer in (
        ((0,) * 6, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (pi, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ):
        low, high = philox(*(np.uint64(w) for w in words))
        assert (low & ones, low >> 32, high & ones, high >> 32) == answer


def test_a_stream_read_again_gives_the_same_and_another_lane_does_not() -> None:
    @njit
    def read(lane, numbers, out):
        stream = opened(np.uint64(0), numbers)
        rewind(stream, np.uint64(17), lane)
        for i in range(out.size):
            out[i] = uniform(stream)

    first, again, other, many = np.zeros(500), np.zeros(500), np.zeros(500), np.zeros(MANY)
    read(0, ONE_BLOCK, first), read(0, ONE_BLOCK, again), read(1, ONE_BLOCK, other)
    read(0, MANY, many)
    assert (first == again).all()
    assert not np.intersect1d(first, other).size
    assert np.array_equal(np.sort(many), np.sort(first[:MANY]))  # the same blocks, in another order


@pytest.mark.parametrize(
    ("n", "p"),
    [
        (10, 0.28), (30, 0.9), (36, 0.28), (100, 0.28), (4_000, 1e-9), (4_000, 0.0025), (4_000, 0.00249),
        (4_000, 0.004), (4_000, 0.02), (40_000, 0.05), (1_000_000, 0.5), (20_000_000, 0.5), (2**33, 1e-16),
        (2**33, 1e-9), (2**33, 1e-3), (2**40, 1e-5),
    ],
)  # fmt: skip
def test_binomials_are_binomial(n: int, p: float) -> None:
    out = np.zeros(DRAWS, dtype=np.int64)
    binomials(n, p, 5, out)
    assert out.min() >= 0
    assert out.max() <= n
    assert chi_square(out, lambda k: stats.binom.cdf(k, n, p)) > LEAST


@pytest.mark.parametrize(("n", "p", "k"), [(0, 0.5, 0), (7, 0.0, 0), (7, 1.0, 7)])
def test_certain_binomials_are_certain(n: int, p: float, k: int) -> None:
    out = np.zeros(3, dtype=np.int64)
    binomials(n, p, 5, out)
    assert (out == k).all()


@pytest.mark.parametrize(
    ("n", "hazard"),
    [(3, 0.15), (1, 0.8), (2, 0.45), (500, 0.0019), (10**9, 1e-11), (2**33, 2**-34), (900, 0.3)],
)
def test_skipping_along_a_poisson_process_is_binomial(n: int, hazard: float) -> None:
    out = np.zeros(DRAWS, dtype=np.int64)
    hits(n, hazard, 6, out)
    assert chi_square(out, lambda k: stats.binom.cdf(k, n, -np.expm1(-hazard))) > LEAST


def test_the_squeeze_holds() -> None:
    """log P(m ± k) / P(m) is within the bounds that decide most of the large binomials without a logarithm of a factorial."""
    rng = np.random.default_rng(2)
    tried = 0
    for _ in range(400):
        p = rng.uniform(0.001, 0.5)
        n = np.floor(10 ** rng.uniform(1, 5) / p)
        variance, m = n * p * (1 - p), np.floor((n + 1) * p)
        k = np.unique(np.floor(np.geomspace(1, max(1.0, variance / 2 - 1), 30)))
        k = k[(k < variance / 2 - 1) & (k <= m)]
        for sign in (1, -1):
            exact = stats.binom.logpmf(m + sign * k, n, p) - stats.binom.logpmf(m, n, p)
            for distance, value in zip(k, exact, strict=True):
                about, off = squeeze(distance, variance)
                assert abs(value - about) <= off + 1e-7
                tried += 1
    assert tried > 10_000


@njit
def scattered(n, given, hazard, upto, seed, out):
    stream, gap = opened(seed, MANY), np.array([0.3])
    for i in range(out.shape[0]):
        scatter(n, 0, upto.size, 0, given, hazard, upto, out[i], gap, stream)


@pytest.mark.parametrize("n", [1, 3, 20, 90, 4_000])
def test_people_scatter_as_a_multinomial(n: int) -> None:
    """Each way's number is binomial, pairs covary by −n p q, and nobody is lost."""
    chance = np.array([0.0, 1e-4, 0.004, 0.03, 0.09, 0.28, 1.0])
    chance[-1] = 1 - chance[:-1].sum()
    upto = np.cumsum(chance)
    given = np.append(0.0, upto[:-1]) / np.maximum(upto, 1e-300)
    hazard = np.where(given < 1, -np.log1p(-np.minimum(given, 1 - 1e-16)), np.inf)
    out = np.zeros((40_000, 7), dtype=np.int64)
    scattered(n, given, hazard, upto, 11, out)
    assert (out.sum(axis=1) == n).all()
    assert out[:, 0].sum() == 0
    for way in range(1, 7):
        assert chi_square(out[:, way], lambda k, p=chance[way]: stats.binom.cdf(k, n, p)) > LEAST
    a, b = out[:, 4].astype(float), out[:, 5].astype(float)
    product = (a - a.mean()) * (b - b.mean())
    error = product.std() / np.sqrt(product.size)
    assert abs(product.mean() + n * chance[4] * chance[5]) < 4 * error


@pytest.mark.parametrize("mean", [1e-6, 0.3, 9.99, 10.0, 33.3, 1e4, 1e7])
def test_poissons_are_poisson(mean: float) -> None:
    out = np.zeros(DRAWS, dtype=np.int64)
    poissons(mean, 7, out)
    assert chi_square(out, lambda k: stats.poisson.cdf(k, mean)) > LEAST


@pytest.mark.parametrize(
    ("kind", "shape", "law"),
    [
        (0, 0.0, stats.uniform()),
        (1, 1, stats.gamma(1)),
        (1, 20, stats.gamma(20)),
        (2, 0.3, stats.gamma(0.3)),
        (2, 1.0, stats.gamma(1.0)),
        (2, 250.5, stats.gamma(250.5)),
    ],
)
def test_reals_follow_their_law(kind: int, shape: float, law) -> None:
    out = np.zeros(DRAWS)
    reals(kind, shape, 8, out)
    assert stats.kstest(out, law.cdf).pvalue > LEAST
