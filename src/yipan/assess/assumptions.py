"""What assess assumes of a disease: dated, sourced figures held as data beside the code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class SerialInterval:
    """Days from the onset of a case to the onset of whom it infected, as published."""

    mean_days: float
    sd_days: float
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


def serial_interval(disease: str) -> SerialInterval | None:
    """Return the serial interval of a disease, None where nobody has given one."""
    entry = _tables()["diseases"].get(disease)
    return SerialInterval(**entry["serial_interval"]) if entry else None
