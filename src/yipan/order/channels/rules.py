"""When a failed message is tried again, when a channel is left alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=15)
LONGEST: Final = timedelta(hours=1)
TRIES: Final = 8  # then the next contact is tried
TRIPS_AFTER: Final = 5  # failures in a row
REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(minutes=30)
CLAIM: Final = timedelta(minutes=2)  # a worker that is gone so long loses what it had in hand


def wait_after(tries: int, *, jitter: float) -> timedelta:
    """Return how long to wait after `tries` failures; `jitter` in [0, 1) spreads the crowd.

    Doubling from 15 s up to an hour, between half and the whole of it.

    >>> wait_after(1, jitter=0.0).total_seconds(), wait_after(20, jitter=0.999).total_seconds() <= 3600
    (7.5, True)
    """
    full: timedelta = min(FIRST * 2 ** min(tries - 1, 20), LONGEST)
    return full * (0.5 + 0.5 * jitter)


@dataclass(frozen=True)
class Fuse:
    """A channel's breaker: failures in a row, and until when it is left alone."""

    failures: int = 0
    open_until: datetime | None = None


def may_try(fuse: Fuse, at: datetime) -> bool:
    """Return whether the channel may be tried at `at`."""
    return fuse.open_until is None or at >= fuse.open_until


def after_failure(fuse: Fuse, at: datetime) -> Fuse:
    """Return the breaker after one more failure: tripped after five in a row, longer each time."""
    failures = fuse.failures + 1
    if failures < TRIPS_AFTER:
        return replace(fuse, failures=failures)
    rest: timedelta = min(REST * 2 ** min(failures - TRIPS_AFTER, 10), LONGEST_REST)
    return Fuse(failures, at + rest)


def after_success(_fuse: Fuse) -> Fuse:
    """Return the breaker after a success: closed."""
    return Fuse()
