"""Counter-based random numbers: the n-th number of a stream is a function of its name and n alone.

Philox 4×32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11).
The key is the seed of the ensemble; the counter holds the stream's 64-bit name, its lane and n. So a
stream depends on no other, on no thread and on no order, and can be read again from its beginning.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yipan.engines.epidemic.compiled import compiled

Stream = NDArray[np.uint64]
"""Seed, name, lane, next block, the second number of the last block, and whether it is still unused."""

Word: TypeAlias = Any
"""A 64-bit number without sign: a name, a seed, random bits."""

LOW = 0xFFFFFFFF
M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85


@compiled
def philox(c0: Word, c1: Word, c2: Word, c3: Word, k0: Word, k1: Word) -> tuple[Word, Word]:
    """Return the 128 random bits of a counter under a key, as two 64-bit numbers."""
    low, m0, m1 = np.uint64(LOW), np.uint64(M0), np.uint64(M1)
    a, b, c, d = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    x, y = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p, q = m0 * a, m1 * c
        a, b, c, d = (q >> np.uint64(32)) ^ b ^ x, q & low, (p >> np.uint64(32)) ^ d ^ y, p & low
        x, y = (x + np.uint64(W0)) & low, (y + np.uint64(W1)) & low
    return a | (b << np.uint64(32)), c | (d << np.uint64(32))


@compiled
def mixed(a: Word, b: Word) -> Word:
    """Return a 64-bit name made of two: SplitMix64's finaliser twice (Steele, Lea and Flood 2014)."""
    z = np.uint64(a)
    for add in (np.uint64(b), np.uint64(0x9E3779B97F4A7C15)):
        z += add + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z


@compiled
def rewind(stream: Stream, name: Word, lane: int) -> None:
    """Point a stream at the beginning of a lane of a name."""
    stream[1] = np.uint64(name)
    stream[2] = np.uint64(lane)
    stream[3] = np.uint64(0)
    stream[5] = np.uint64(0)


@compiled
def uniform(stream: Stream) -> float:
    """Return the stream's next number, uniform on the open interval (0, 1), 53 bits."""
    if stream[5] != np.uint64(0):
        stream[5] = np.uint64(0)
        bits = stream[4]
    else:
        low = np.uint64(LOW)
        bits, stream[4] = philox(
            stream[3] & low,
            ((stream[3] >> np.uint64(32)) & np.uint64(0xFFFFFF)) | (stream[2] << np.uint64(24)),
            stream[1] & low,
            stream[1] >> np.uint64(32),
            stream[0] & low,
            stream[0] >> np.uint64(32),
        )
        stream[3] += np.uint64(1)
        stream[5] = np.uint64(1)
    number: float = (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)
    return number


@compiled
def names(root: Word, n: int) -> NDArray[np.uint64]:
    """Return n names under a root."""
    made = np.empty(n, np.uint64)
    for k in range(n):
        made[k] = mixed(root, k)
    return made
