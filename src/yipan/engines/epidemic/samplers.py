"""Exact samplers on a stream: exponential, gamma, Poisson, binomial; no normal approximation anywhere."""

from __future__ import annotations

import math

import numpy as np

from yipan.engines.epidemic.compiled import leaf
from yipan.engines.epidemic.streams import Stream, uniform

INVERSION_BELOW = 10.0
"""Mean below which Poisson and binomial are drawn by inversion, above by transformed rejection."""


@leaf
def stirling_tail(k: float) -> float:
    """Return log k! less Stirling's formula for it, for whole k ≥ 0."""
    if k < 10.0:
        return (
            0.08106146679532726,
            0.04134069595540929,
            0.02767792568499834,
            0.02079067210376509,
            0.01664469118982119,
            0.01387612882307075,
            0.01189670994589177,
            0.01041126526197209,
            0.009255462182712733,
            0.008330563433362871,
        )[int(k)]
    x = 1.0 / (k + 1.0)
    x2 = x * x
    return (1.0 / 12.0 - (1.0 / 360.0 - x2 / 1260.0) * x2) * x


@leaf
def erlang(stream: Stream, steps: int) -> float:
    """Return the sum of `steps` exponentials of mean 1."""
    total, product = 0.0, 1.0
    for i in range(steps):
        product *= uniform(stream)
        if i % 8 == 7:
            total -= math.log(product)
            product = 1.0
    return total - math.log(product)


@leaf
def normal(stream: Stream) -> float:
    """Return a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(uniform(stream)))
    return radius * math.cos(2.0 * math.pi * uniform(stream))


@leaf
def gamma(stream: Stream, shape: float) -> float:
    """Return a gamma number of scale 1; 0 for shape 0 (Marsaglia and Tsang 2000)."""
    if shape <= 0.0:
        return 0.0
    boost = 1.0
    if shape < 1.0:
        boost = uniform(stream) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(stream)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(uniform(stream)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v * boost


@leaf
def poisson(stream: Stream, mean: float) -> int:
    """Return a Poisson number; 0 for mean 0 (PTRS: Hörmann 1993, Insurance: Math. and Econ. 12:39)."""
    if mean <= 0.0:
        return 0
    if mean < INVERSION_BELOW:
        u, k = uniform(stream), 0
        p = math.exp(-mean)
        while u > p and k < 1_000:  # the tail beyond is below what a double can hold
            u -= p
            k += 1
            p *= mean / k
        return k
    root, log_mean = math.sqrt(mean), math.log(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform(stream) - 0.5, uniform(stream)
        us = 0.5 - abs(u)
        x = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return int(x)
        if x < 0.0 or (us < 0.013 and v > us):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -mean + x * log_mean - math.lgamma(x + 1.0):
            return int(x)


@leaf
def binomial(stream: Stream, n: int, p: float) -> int:
    """Return a binomial number, exactly, for n up to 2⁵³ and p in [0, 1].

    Inversion below a mean of 10 (Kachitvichyanukul and Schmeiser 1988, BINV), else transformed
    rejection with squeeze (Hörmann 1993, J. Stat. Comput. Simul. 46:101, BTRS).
    """
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    q = p if p <= 0.5 else 1.0 - p
    if n * q < INVERSION_BELOW:
        k = _by_inversion(stream, n, q, -math.log1p(-q))
    else:
        k = _by_rejection(stream, n, q)
    return k if p <= 0.5 else n - k


@leaf
def binomial_of_hazard(stream: Stream, n: int, p: float, hazard: float) -> int:
    """Return a binomial number whose probability p is also known as 1 − exp(−hazard): no logarithm."""
    if n > 0 and p <= 0.5 and n * p < INVERSION_BELOW:
        return _by_inversion(stream, n, p, hazard)
    return binomial(stream, n, p)


@leaf
def _by_inversion(stream: Stream, n: int, p: float, hazard: float) -> int:
    ratio = p / (1.0 - p)
    lift = (n + 1.0) * ratio
    start = math.exp(-n * hazard)
    u, f, x = uniform(stream), start, 0
    while u > f:
        u -= f
        x += 1
        f *= lift / x - ratio
        if x > 200 or x > n:  # rounding ate the tail: probability below 1e-15
            u, f, x = uniform(stream), start, 0
    return x


@leaf
def squeeze(k: float, variance: float) -> tuple[float, float]:
    """Return about what log(P(m ± k) / P(m)) of a binomial with mode m is, and how far off that is at most.

    For a variance of at least 5 and 1 ≤ k < variance / 2 − 1 (Kachitvichyanukul and Schmeiser 1988, BTPE, step 5.2).
    """
    part = k / variance
    off = part * (((k / 3.0 + 0.625) * k + 1.0 / 6.0) / variance + 0.5)
    return -0.5 * k * part, off


@leaf
def _by_rejection(stream: Stream, n: int, p: float) -> int:
    size = np.float64(n)
    variance = size * p * (1.0 - p)
    spread = math.sqrt(variance)
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = size * p + 0.5
    v_r = 0.92 - 4.2 / b
    while True:
        u, v = uniform(stream) - 0.5, uniform(stream)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + c)
        if us >= 0.07 and v <= v_r:
            return int(k)
        if k < 0.0 or k > size:
            continue
        alpha = (2.83 + 5.1 / b) * spread
        m = math.floor((size + 1.0) * p)
        left = math.log(v * alpha * us * us / (a + b * us * us))
        apart = abs(k - m)
        if apart < 0.5 * variance - 1.0:
            about, off = squeeze(apart, variance)
            if left < about - off:
                return int(k)
            if left > about + off:
                continue
        odds = p / (1.0 - p)
        right = (
            (m + 0.5) * math.log((m + 1.0) / (odds * (size - m + 1.0)))
            + (size + 1.0) * math.log((size - m + 1.0) / (size - k + 1.0))
            + (k + 0.5) * math.log(odds * (size - k + 1.0) / (k + 1.0))
            + stirling_tail(m)
            + stirling_tail(size - m)
            - stirling_tail(k)
            - stirling_tail(size - k)
        )
        if left <= right:
            return int(k)
