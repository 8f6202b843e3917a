"""How the fast parts are compiled: once, kept on disk, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

from yipan.engines import kept

F = TypeVar("F", bound=Callable[..., object])

SOURCES = (
    "cells", "compiled", "events", "samplers", "streams", "tables", "tallies", "transitions",
)  # fmt: skip
"""The modules whose functions are compiled, or whose types those functions are handed."""


@lru_cache
def cache_folder() -> Path | None:
    """Return the folder that keeps what was compiled from these very sources, or None if none can be made."""
    return kept.cache_folder(Path(__file__).with_name(f"{module}.py") for module in SOURCES)


def compiled(function: F) -> F:
    """Return the function compiled on first call; what was compiled is kept on disk where that can be."""
    return _kept(function)


def leaf(function: F) -> F:
    """Return a function compiled as by `compiled` that makes no array: it counts no references.

    Counting who still holds an array takes longer than a random number. It is not needed in what only
    reads and writes arrays that its caller holds.
    """
    return _kept(function, _nrt=False)


def _kept(function: F, **options: bool) -> F:
    compile_: Any = njit  # `_nrt` is missing from its types
    folder = cache_folder()
    if folder is None:
        return cast(F, compile_(function, nogil=True, error_model="numpy", **options))
    with kept.kept_in(folder):
        return cast(F, compile_(function, cache=True, nogil=True, error_model="numpy", **options))
