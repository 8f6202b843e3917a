"""Counter-based random numbers: the n-th number of a stream is a function of its name and n alone.

Philox 4×32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11).
The key is the seed of the ensemble; the counter holds the stream's 64-bit name, its lane and n. So a
stream depends on no other, on no thread and on no order, and can be read again from its beginning.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yipan.engines.epidemic.compiled import compiled, leaf

Stream = NDArray[np.uint64]
"""Seed, name, lane, next block, how many numbers lie ready, and those numbers."""

READY = 5
"""Where in a stream the numbers lie that were made and not yet read."""

ONE_BLOCK, MANY = 2, 128
"""Numbers made at a time: few for a person's stream, of which few are read, many for that of the cells,
which the processor then makes several at once."""

Word: TypeAlias = Any
"""A 64-bit number without sign: a name, a seed, random bits."""

LOW = 0xFFFFFFFF
M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85


@leaf
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


@leaf
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
def opened(seed: Word, numbers: int) -> Stream:
    """Return a stream under a seed that makes `numbers` (even) at a time; `rewind` points it somewhere."""
    stream = np.zeros(READY + numbers, np.uint64)
    stream[0] = np.uint64(seed)
    return stream


@leaf
def rewind(stream: Stream, name: Word, lane: int) -> None:
    """Point a stream at the beginning of a lane of a name."""
    stream[1] = np.uint64(name)
    stream[2] = np.uint64(lane)
    stream[3] = np.uint64(0)
    stream[4] = np.uint64(0)


@leaf
def refill(stream: Stream) -> None:
    """Make the next numbers of a stream; they are read from the last to the first.

    As `philox`, written out: only so the compiler makes several blocks at once, in a tenth of the time.
    """
    low, m0, m1, w0, w1 = (
        np.uint64(LOW), np.uint64(M0), np.uint64(M1), np.uint64(W0), np.uint64(W1)
    )  # fmt: skip
    shift, half = np.uint64(32), (stream.size - READY) // 2
    key0, key1 = stream[0] & low, stream[0] >> shift
    name0, name1 = stream[1] & low, stream[1] >> shift
    lane, block = stream[2] << np.uint64(24), stream[3]
    for i in range(half):
        n = block + np.uint64(i)
        a, b, c, d = n & low, ((n >> shift) & np.uint64(0xFFFFFF)) | lane, name0, name1
        x, y = key0, key1
        for _ in range(10):
            p, q = m0 * a, m1 * c
            a, b, c, d = (q >> shift) ^ b ^ x, q & low, (p >> shift) ^ d ^ y, p & low
            x, y = (x + w0) & low, (y + w1) & low
        stream[READY + half + i], stream[READY + i] = a | (b << shift), c | (d << shift)
    stream[3] += np.uint64(half)
    stream[4] = np.uint64(2 * half)


@leaf
def uniform(stream: Stream) -> float:
    """Return the stream's next number, uniform on the open interval (0, 1), 53 bits."""
    if stream[4] == np.uint64(0):
        if stream.size > READY + ONE_BLOCK:
            refill(stream)
        else:
            low, block = np.uint64(LOW), stream[3]
            stream[READY + 1], stream[READY] = philox(
                block & low,
                ((block >> np.uint64(32)) & np.uint64(0xFFFFFF)) | (stream[2] << np.uint64(24)),
                stream[1] & low,
                stream[1] >> np.uint64(32),
                stream[0] & low,
                stream[0] >> np.uint64(32),
            )
            stream[3], stream[4] = block + np.uint64(1), np.uint64(2)
    stream[4] -= np.uint64(1)
    bits = stream[READY + np.int64(stream[4])]
    # Through a number with sign, which the processor turns into a float at once.
    number: float = (np.float64(np.int64(bits >> np.uint64(11))) + 0.5) * (1.0 / 9007199254740992.0)
    return number


@compiled
def names(root: Word, n: int) -> NDArray[np.uint64]:
    """Return n names under a root."""
    made = np.empty(n, np.uint64)
    for k in range(n):
        made[k] = mixed(root, k)
    return made
