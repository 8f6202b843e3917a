"""Where compiled code is kept: under a name made from the sources, so that no other version of them is ever run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from numba import config


def cache_folder(sources: Iterable[Path]) -> Path | None:
    """Return the folder that keeps what was compiled from these very sources, or None if none can be made.

    Its name holds a digest of those sources: numba itself looks only at the file a function
    is in, and would go on using what it compiled from another version of the files beside it. The folder
    is the user's own, so nobody else can put anything there.
    """
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    folder = Path(platformdirs.user_cache_dir("yipan")) / "compiled" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Let numba keep in `folder` what is decorated meanwhile."""
    settings: Any = config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        settings.CACHE_DIR = before
