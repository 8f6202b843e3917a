"""How the fast parts are compiled: once, kept on disk, in one thread, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

from numba import njit

from yipan.engines import kept

Kernel = TypeVar("Kernel", bound=Callable[..., object])


@lru_cache
def cache_folder() -> Path | None:
    """Return the folder that keeps what was compiled from the modules of this package as they are."""
    return kept.cache_folder(sorted(Path(__file__).parent.glob("*.py")))


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled on first call, the result kept on disk where a folder can be written.

    One thread: numba's default threading layer ends the process when two threads of a server meet
    in it. Sums may be taken in another order (fastmath): results differ in the last digits only.
    """
    fastmath = {"reassoc", "contract"}
    folder = cache_folder()
    if folder is None:
        return cast(Kernel, njit(function, nogil=True, fastmath=fastmath))
    with kept.kept_in(folder):
        return cast(Kernel, njit(function, cache=True, nogil=True, fastmath=fastmath))
