"""Refuse GPL and AGPL parts, also transitively: every installed Python package, every npm package of the lock.

A dual licence passes under its free alternative ("Artistic or GPL"); LGPL passes. A package that
states no licence is refused until it is named below with what its own licence file says.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STRONG = re.compile(r"(?<![a-z])(?:a?gpl|gnu (?:affero )?general public)", re.IGNORECASE)
WEAK = re.compile(r"lgpl|lesser|library general", re.IGNORECASE)
FREE = re.compile(
    r"artistic|mit|bsd|apache|mpl|mozilla|isc|psf|python software|zlib|unlicense|hpnd|0bsd|cc0|public domain",
    re.IGNORECASE,
)
# Stated in the licence file and nowhere else; read by a person on 24 November 2026.
READ_BY_HAND: dict[str, str] = {}


def stated(package: Distribution) -> list[str]:
    """Return what a Python package states about its licence: expression, classifiers, or text."""
    about = package.metadata
    if expression := about.get("License-Expression"):
        return [expression]
    classifiers = [
        c.rsplit("::", 1)[-1].strip()
        for c in about.get_all("Classifier") or ()
        if c.startswith("License ::")
    ]
    named = [c for c in classifiers if c != "OSI Approved"]
    if named:
        return named
    text = (about.get("License") or "").strip()
    return [text.splitlines()[0]] if text else []


def refused(licences: list[str]) -> bool:
    """Return whether no way to use the package is free of the GPL."""
    ways = [
        way
        for licence in licences
        for way in re.split(r"\s+or\s+|;|,", licence, flags=re.IGNORECASE)
    ]
    strong = [way for way in ways if STRONG.search(way) and not WEAK.search(way)]
    free = [way for way in ways if way not in strong and (FREE.search(way) or WEAK.search(way))]
    return bool(strong) and not free


def python_faults() -> list[str]:
    """Return a sentence for each Python package that is refused."""
    faults = []
    for package in sorted(distributions(), key=lambda d: d.metadata["Name"].lower()):
        name = package.metadata["Name"]
        licences = stated(package) or ([READ_BY_HAND[name]] if name in READ_BY_HAND else [])
        if not licences:
            if any(
                "licen" in str(f).lower() or "copying" in str(f).lower()
                for f in package.files or ()
            ):
                licences = [licence_file(package)]
            if not licences or not FREE.search(licences[0]):
                faults.append(f"Python {name}: states no licence")
                continue
        if refused(licences):
            faults.append(f"Python {name}: {'; '.join(licences)}")
    return faults


def licence_file(package: Distribution) -> str:
    """Return the first lines of the licence file a package carries."""
    for file in package.files or ():
        if re.search(r"licen|copying", file.name, re.IGNORECASE) and "dist-info" in str(file):
            return " ".join(file.read_text(encoding="utf-8").split()[:40])
    return ""


def npm_faults() -> list[str]:
    """Return a sentence for each npm package of the lock that is refused."""
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    faults = []
    for path, package in lock["packages"].items():
        licence = package.get("license", "")
        if path and not licence:
            faults.append(f"npm {path}: states no licence")
        elif path and refused([licence.strip("()")]):
            faults.append(f"npm {path}: {licence}")
    return faults


if __name__ == "__main__":
    found = python_faults() + npm_faults()
    print("\n".join(found) or "licences: no GPL or AGPL part")
    sys.exit(1 if found else 0)
