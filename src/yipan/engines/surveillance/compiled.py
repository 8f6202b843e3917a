"""How the fast parts are compiled: once, kept on disk, in one thread, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled on first call, the result kept on disk where a folder can be written.

    One thread: numba's default threading layer ends the process when two threads of a server meet
    in it. Sums may be taken in another order (fastmath): results differ in the last digits only.
    """
    fastmath = {"reassoc", "contract"}
    try:
        return cast(Kernel, njit(function, cache=True, nogil=True, fastmath=fastmath))
    except RuntimeError:  # no place for a cache
        return cast(Kernel, njit(function, nogil=True, fastmath=fastmath))
