"""What answering costs, in minutes of a unit's day: forms as they were asked for, and the one page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Timings:
    """Assumed seconds, as data."""

    field: dict[str, float]
    form_overhead: float
    page_open: float
    glance: float
    register_events: float
    basis_zh: str
    basis_en: str

    def seconds(self, measure: str) -> float:
        """Return how long one answer of this measure takes."""
        return self.field.get(measure, max(self.field["stock"], 1))


@lru_cache(maxsize=1)
def timings() -> Timings:
    """Return the timings this system ships."""
    text = files(__package__).joinpath("timings.yaml").read_text(encoding="utf-8")
    return Timings(**yaml.safe_load(text))


def minutes_of_forms(forms: Iterable[Iterable[str]]) -> float:
    """Return a unit-day's minutes if each form (its measures, field by field) is sent apart."""
    t = timings()
    total = 0.0
    for measures in forms:
        total += t.form_overhead + sum(t.seconds(m) for m in measures)
    return total / 60


def minutes_of_page(
    daily: Iterable[str], weekly: Iterable[str], *, prefilled: int, registers: bool
) -> float:
    """Return a unit-day's minutes with one page: a seventh of the weekly one included."""
    t = timings()
    asked = sum(t.seconds(m) for m in daily)
    weekly_seconds = [t.seconds(m) for m in weekly]
    week = sum(weekly_seconds) / DAYS_A_WEEK
    events = t.register_events if registers else 0.0
    if not asked and not weekly_seconds and not prefilled and not events:
        return 0.0
    return (t.page_open + asked + week + t.glance * prefilled + events) / 60
