"""The data packages that come with Yipan; each folder is one."""

from __future__ import annotations

from pathlib import Path


def path_of(name: str) -> Path:
    """Return the folder of a package that comes with Yipan; raises KeyError if there is none."""
    folder = Path(__file__).parent / name
    if not (folder / "datapackage.json").is_file():
        raise KeyError(name)
    return folder
