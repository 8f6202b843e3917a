"""The renewal equation's pressure of infection, with a generation interval that may change with time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from yipan.engines.checks import Floats, as_floats
from yipan.engines.errors import OutOfRange


def infectivity(cases: ArrayLike, generation_interval: ArrayLike) -> Floats:
    """Return the infectious pressure of earlier cases on each day and place, shape (time, place).

        Λ_t = Σ_s I_{t−s} w_t(s)

    `cases` (time, place) ≥ 0; `generation_interval` (days,) with nothing on day 0, or (time, days)
    where it changes: row t is used for those infected on day t.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> infectivity([[4.0], [0.0], [0.0]], [0.0, 0.5, 0.25])[:, 0].tolist()
    [0.0, 2.0, 1.0]
    """
    counts = as_floats(cases, "cases", shape=(None, None))
    time = counts.shape[0]
    pressure: Floats = reach(intervals_by_day(generation_interval, time), time) @ counts
    return pressure


def intervals_by_day(interval: ArrayLike, time: int, name: str = "generation_interval") -> Floats:
    """Return the interval of each day, shape (time, days), from one for all days or one a day.

    Raises ShapeMismatch (E801), and OutOfRange (E802) for what is no probability by day or has
    something on day 0.
    """
    weights = np.asarray(interval, dtype=np.float64)
    if weights.ndim == 1:
        weights = np.broadcast_to(weights, (time, weights.size))
    weights = as_floats(weights, name, shape=(time, None), high=1.0)
    odd = (
        [0]
        if weights.size == 0
        else np.flatnonzero((weights[:, 0] != 0) | (weights.sum(axis=1) > 1 + 1e-6))
    )
    if len(odd):
        row = weights[odd[0]]
        raise OutOfRange(
            f"The interval starts at {row[:1].tolist()} and sums to {row.sum():g}.",
            where=name,
            remedy="It must be a probability by day with nothing on day 0.",
        )
    return weights


def reach(weights: Floats, time: int) -> Floats:
    """Return how much a case of day s weighs on day t, shape [t, s], from `intervals_by_day`."""
    lag = np.arange(time)[:, None] - np.arange(time)[None, :]
    inside = (lag > 0) & (lag < weights.shape[1])
    weigh: Floats = np.where(
        inside, weights[np.arange(time)[:, None], np.where(inside, lag, 0)], 0.0
    )
    return weigh
