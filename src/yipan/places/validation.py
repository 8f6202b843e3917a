"""Validates a data package whole: every fault it has, or the package ready to load."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from yipan.places.checks import check_package
from yipan.places.errors import PackageRefused
from yipan.places.faults import Fault, in_order
from yipan.places.reading import Reading, read_package
from yipan.places.schema import Limits


@dataclass(frozen=True)
class Verdict:
    """What was read of a package, and everything wrong with it."""

    reading: Reading
    faults: list[Fault]

    @property
    def valid(self) -> bool:
        """Whether the package may be loaded."""
        return not self.faults


def validate_package(*, path: Path, at: datetime, limits: Limits | None = None) -> Verdict:
    """Read the whole package at `path` and return every fault it has; nothing is loaded.

    `path` is the folder or its datapackage.json; `at` is the moment of loading: a date after it
    lies in the future. Nothing is raised for faults, however bad the package is.
    """
    reading = read_package(Path(path), limits or Limits())
    faults = in_order([*reading.faults, *check_package(reading, at)])
    return Verdict(reading, faults)


def require_valid(*, path: Path, at: datetime, limits: Limits | None = None) -> Reading:
    """Read the package at `path`, or raise PackageRefused (B600) that carries every fault."""
    verdict = validate_package(path=path, at=at, limits=limits)
    if not verdict.valid:
        raise PackageRefused(verdict.faults, where=str(path))
    return verdict.reading
