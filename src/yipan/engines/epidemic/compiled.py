"""How the fast parts are compiled: once, kept on disk, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Return the function compiled on first call; the result is kept on disk where that is possible.

    Numba keeps it beside the source, or in the user's cache folder where the source cannot be written
    to; where neither can, it compiles in each process.
    """
    try:
        return cast(F, njit(function, cache=True, nogil=True, error_model="numpy"))
    except RuntimeError:  # no place for a cache
        return cast(F, njit(function, nogil=True, error_model="numpy"))
