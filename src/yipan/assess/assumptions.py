"""What assess assumes of a disease: dated, sourced figures held as data beside the code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class Delay:
    """A delay in days as published: the serial interval, or onset to report."""

    mean_days: float
    sd_days: float
    published: date
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as an assessment's method records it."""
        return {**asdict(self), "published": self.published.isoformat()}


@dataclass(frozen=True)
class BeforeControl:
    """How an epidemic grew at its source, and what Rt was before controls, as published."""

    growth_per_day: float
    Rt: float
    published: date
    source: str


@dataclass(frozen=True)
class LogNormalDelay:
    """A delay in days whose logarithm is normal, as published."""

    meanlog: float
    sdlog: float
    published: date
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as an assessment's method records it."""
        return {**asdict(self), "published": self.published.isoformat()}


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    text = files(__package__).joinpath("assumptions.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


VERSION: str = _tables()["version"]


def serial_interval(disease: str) -> Delay | None:
    """Return the serial interval of a disease, None where nobody has given one."""
    return _delay(disease, "serial_interval")


def onset_to_report(disease: str) -> Delay | None:
    """Return the delay from onset to report of a disease, None where nobody has given one."""
    return _delay(disease, "onset_to_report")


def infection_to_report(disease: str) -> Delay | None:
    """Return the delay from infection to report of a disease, None where nobody has given one."""
    return _delay(disease, "infection_to_report")


def before_control(disease: str) -> BeforeControl | None:
    """Return how a disease grew before controls, None where nobody has said."""
    entry = _tables()["diseases"].get(disease, {}).get("before_control")
    return BeforeControl(**entry) if entry else None


def onset_to_death(disease: str) -> LogNormalDelay | None:
    """Return the delay from onset to death of a disease, None where nobody has given one."""
    entry = _tables()["diseases"].get(disease, {}).get("onset_to_death")
    return LogNormalDelay(**entry) if entry else None


def published_later(disease: str, day: date) -> list[str]:
    """Return the names of the disease's assumptions that nobody could have read on a day."""
    named = {name: _delay(disease, name) for name in ("serial_interval", "onset_to_report")}
    return [name for name, delay in named.items() if delay is not None and delay.published > day]


def _delay(disease: str, name: str) -> Delay | None:
    entry = _tables()["diseases"].get(disease, {}).get(name)
    return Delay(**entry) if entry else None
