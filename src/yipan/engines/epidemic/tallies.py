"""Quantiles by place and day without holding the ensemble: each count falls into a bin, bins are counted.

Counts up to 50 have a bin each; above, a bin is 4 % wide, so that a quantile is at most 2 % and half a person off. Tallies
of parts add up to the tally of the whole, in any order, to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.epidemic.compiled import leaf
from yipan.engines.errors import OutOfRange

EXACT = 50
RATIO = 1.04
MOST_BYTES = 512 * 2**20
"""Room for all tallies of one ensemble; above, fewer measures must do."""

Tally = np.ndarray[Any, np.dtype[np.uint16] | np.dtype[np.uint32]]
"""How many members had a count of each bin, shape (day, place, bin)."""


@leaf
def bin_of(count: int) -> int:
    """Return the bin of a count.

    >>> bin_of(0), bin_of(50), bin_of(51), bin_of(1_000_000)
    (0, 50, 51, 303)
    """
    if count <= EXACT:
        return count
    return EXACT + 1 + int(math.log((count - 0.5) / EXACT) / math.log(RATIO))


@leaf
def add(counts: Integers, tally: Tally) -> None:
    """Add one member's counts, shape (day, place)."""
    last = tally.shape[2] - 1
    for day in range(counts.shape[0]):
        for i in range(counts.shape[1]):
            tally[day, i, min(bin_of(counts[day, i]), last)] += 1


def empty(
    *, days: int, people: Integers, members: int, measures: Sequence[str]
) -> dict[str, Tally]:
    """Return tallies of nothing for places of so many people each, shape (place,).

    Raises OutOfRange (E802) where they would take more than 512 MiB.
    """
    bins = int(bin_of(int(people.max()))) + 1
    kind: Any = np.uint16 if members < 2**16 else np.uint32
    wanted = days * people.size * bins * np.dtype(kind).itemsize * len(measures)
    if wanted > MOST_BYTES:
        raise OutOfRange(
            f"Quantiles by day of {people.size} places for {len(measures)} measures need "
            f"{wanted / 2**20:,.0f} MiB.",
            where="place_quantiles",
            remedy=f"Ask for fewer measures; there is room for {MOST_BYTES // 2**20} MiB.",
        )
    return {m: np.zeros((days, people.size, bins), dtype=kind) for m in measures}


def fits(*, days: int, people: Integers, members: int, measures: int) -> bool:
    """Return whether tallies of so many measures have room."""
    bins, size = int(bin_of(int(people.max()))) + 1, 2 if members < 2**16 else 4
    return bool(days * people.size * bins * size * measures <= MOST_BYTES)


def quantiles(tally: Tally, probabilities: Sequence[float]) -> Floats:
    """Return quantiles by place and day, shape (probability, day, place), persons.

    The nearest rank: the least count that a share of at least p of the members does not exceed.
    Counts above 50 are the geometric middle of their bin, at most 2 % and half a person off.
    """
    level = as_floats(probabilities, "probabilities", shape=(None,), high=1.0)
    upto = tally.cumsum(axis=2, dtype=np.int64)
    members = int(upto[0, 0, -1])
    middle = np.arange(tally.shape[2], dtype=np.float64)
    above = np.arange(EXACT + 1, tally.shape[2])
    middle[EXACT + 1 :] = np.round(EXACT * RATIO ** (above - EXACT - 0.5) + 0.5)
    ranks = np.clip(np.ceil(level * members - 1e-9), 1, members)
    return np.stack([middle[(upto < rank).sum(axis=2)] for rank in ranks])
