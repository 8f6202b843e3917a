"""Names of the built front-end files, from Vite's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from yipan.kernel.errors import YipanError

DIST = Path(__file__).parent / "static" / "dist"


class AssetsNotBuilt(YipanError):
    """The front end was not built, or a page asks for a file it does not have."""

    code: ClassVar[str] = "W901"
    status: ClassVar[int] = 500


def asset_file(source: str, dist: Path = DIST) -> str:
    """Return the built file of a front-end source (`shell.ts`, `css/yipan.css`), below `dist/`.

    Raises AssetsNotBuilt (W901) when there is no build or no such source in it.
    """
    return str(_entry(source, dist)["file"])


def preloads(source: str, dist: Path = DIST) -> Iterator[str]:
    """Yield the built files a source imports, so that they load beside it and not after it."""
    for key in _entry(source, dist).get("imports", []):
        yield str(_manifest(dist)[key]["file"])


def _entry(source: str, dist: Path) -> dict[str, Any]:
    manifest = _manifest(dist)
    for key in (source, f"src/{source}"):
        if key in manifest:
            return dict(manifest[key])
    known = ", ".join(sorted(manifest))
    raise AssetsNotBuilt(
        _("The front end has no file “%(source)s”; it has %(known)s.")
        % {"source": source, "known": known},
        where=str(dist / "manifest.json"),
        remedy=_("Name one of these, or add it to the inputs in frontend/vite.config.ts."),
    )


def _manifest(dist: Path) -> dict[str, dict[str, Any]]:
    path = dist / "manifest.json"
    try:
        # The time of the file is part of the key: a rebuild shows without a restart.
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError as fault:
        raise AssetsNotBuilt(
            _("The front end has not been built."),
            where=str(path),
            remedy=_("Run ./dev build, or install the package with pip."),
        ) from fault


@lru_cache(maxsize=4)
def _read(path: Path, written_ns: int) -> dict[str, dict[str, Any]]:
    manifest: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return manifest
