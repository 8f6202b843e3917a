"""What may be shown of a unit's figures, and how they are made. Pure.

7-1-7: Frieden et al., Lancet 2021 398:638: an outbreak is detected within 7 days of its beginning,
notified within 1 day of detection, and an effective response has begun within 7 days of notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

FEWEST_POSTS: Final = 5
FEWEST_DELIVERIES: Final = 20
KEPT: Final = timedelta(days=90)
DETECT, NOTIFY, RESPOND = 7, 1, 7


def enough(*, posts: int, deliveries: int) -> bool:
    """Return whether a unit's figures may be shown beyond itself and the office above it."""
    return posts >= FEWEST_POSTS and deliveries >= FEWEST_DELIVERIES


@dataclass(frozen=True)
class Spread:
    """How long something took, in minutes: half, nine in ten, ninety-nine in a hundred."""

    n: int
    median: float
    p90: float
    p99: float


def spread(minutes: Sequence[float]) -> Spread | None:
    """Return the spread of some lengths, None of none."""
    if not len(minutes):
        return None
    median, p90, p99 = np.quantile(np.asarray(minutes, dtype=np.float64), [0.5, 0.9, 0.99])
    return Spread(len(minutes), float(median), float(p90), float(p99))


def unreached(
    minutes_to_read: Sequence[float | None], ages: Sequence[float], *, within: float
) -> float | None:
    """Return the share not read within so many minutes, of deliveries at least that old; None of none.

    >>> unreached([5, None, 30], [100, 100, 100], within=15)
    0.6666666666666666
    """
    old = [m for m, age in zip(minutes_to_read, ages, strict=True) if age >= within]
    if not old:
        return None
    return sum(m is None or m > within for m in old) / len(old)


@dataclass(frozen=True)
class SevenOneSeven:
    """One place's outbreak against 7-1-7: days, None where a date is not known."""

    detect: int | None
    notify: int | None
    respond: int | None

    @property
    def met(self) -> bool | None:
        """Whether all three were met; None while one is not known."""
        days = (self.detect, self.notify, self.respond)
        if any(d is None for d in days):
            return None
        limits = (DETECT, NOTIFY, RESPOND)
        return all(d is not None and d <= limit for d, limit in zip(days, limits, strict=True))


def seven_one_seven(
    *, onset: date | None, detected: date | None, notified: date | None, responded: date | None
) -> SevenOneSeven:
    """Return the three stretches in days, from the dates that are known.

    >>> seven_one_seven(onset=date(2020, 1, 20), detected=date(2020, 1, 26), notified=date(2020, 1, 27), responded=None)
    SevenOneSeven(detect=6, notify=1, respond=None)
    """

    def days(start: date | None, end: date | None) -> int | None:
        return (end - start).days if start and end else None

    return SevenOneSeven(days(onset, detected), days(detected, notified), days(notified, responded))
