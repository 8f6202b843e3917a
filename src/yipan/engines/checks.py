"""Checks at the door of every engine: shape and range, with the offending value and where it stood."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yipan.engines.errors import EngineError, OutOfRange, ShapeMismatch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def as_floats(
    values: ArrayLike,
    name: str,
    *,
    shape: tuple[int | None, ...],
    low: float = 0.0,
    high: float = np.inf,
    error: type[EngineError] = OutOfRange,
) -> Floats:
    """Return `values` as float64 after checking its shape (None = any length) and range [low, high].

    Raises ShapeMismatch (E801), or `error` naming the first offending value and its index.
    """
    array = np.asarray(values, dtype=np.float64)
    check_shape(array, name, shape)
    bad = ~((array >= low) & (array <= high) & np.isfinite(array))
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise error(
            f"{name} is {array[where]:g}, outside [{low:g}, {high:g}].",
            where=f"{name}{list(where)}" if where else name,
            remedy="Correct the value; unknown values must be resolved before the engine is called.",
        )
    return array


def as_counts(values: ArrayLike, name: str, *, shape: tuple[int | None, ...]) -> Integers:
    """Return `values` as int64 after checking that they are whole numbers of at least zero.

    Raises ShapeMismatch (E801) or OutOfRange (E802).
    """
    array = as_floats(values, name, shape=shape)
    broken = array != np.floor(array)
    if broken.any():
        where = tuple(int(i) for i in np.argwhere(broken)[0])
        raise OutOfRange(
            f"{name} is {array[where]:g}, not a whole number.", where=f"{name}{list(where)}"
        )
    return array.astype(np.int64)


def check_shape(array: NDArray[Any], name: str, shape: tuple[int | None, ...]) -> None:
    """Raise ShapeMismatch (E801) unless `array` has `shape`, where None stands for any length."""
    agrees = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not agrees:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ShapeMismatch(
            f"{name} has shape {array.shape}, expected {wanted}.",
            where=name,
            remedy="Time is the first axis, then place, then age.",
        )
