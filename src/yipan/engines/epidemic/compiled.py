"""How the fast parts are compiled: once, kept on disk, free of the interpreter's lock."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import platformdirs
from numba import config, njit

F = TypeVar("F", bound=Callable[..., object])

SOURCES = (
    "cells", "compiled", "events", "samplers", "streams", "tables", "tallies", "transitions",
)  # fmt: skip
"""The modules whose functions are compiled, or whose types those functions are handed."""


@lru_cache
def cache_folder() -> Path | None:
    """Return the folder that keeps what was compiled from these very sources, or None if none can be made.

    Its name holds a digest of those sources: numba itself looks only at the file a function
    is in, and would go on using what it compiled from another version of the files beside it. The folder
    is the user's own, so nobody else can put anything there.
    """
    digest = hashlib.sha256()
    for module in SOURCES:
        digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
    folder = Path(platformdirs.user_cache_dir("yipan")) / "compiled" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


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
    numba_settings: Any = config
    before, numba_settings.CACHE_DIR = numba_settings.CACHE_DIR, str(folder)
    try:
        return cast(F, compile_(function, cache=True, nogil=True, error_model="numpy", **options))
    finally:
        numba_settings.CACHE_DIR = before
