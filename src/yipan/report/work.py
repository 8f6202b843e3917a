"""What report does by itself: requests end, files and rows expire, tables are released and told of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yipan.access import retention
from yipan.access.queries import active_incidents, board_now
from yipan.report.releases.actions import Post, release_due, send_notices
from yipan.report.requests.actions import expire_requests

ENDED_EVERY: Final = 600.0  # seconds between two looks at what has come to its end


@dataclass
class Round:
    """What one round came to."""

    requests_ended: int = 0
    rows_erased: int = 0
    tables_released: int = 0
    told: int = 0
    failed: int = 0

    @property
    def any(self) -> bool:
        """Whether the round changed anything."""
        return any(vars(self).values())


def one_round(
    *, clock: Callable[[], datetime], ends: bool = True, post: Post | None = None
) -> Round:
    """Let what is over end (with `ends`), release what is due, and tell machines of it.

    Idempotent: run twice, or by two workers, it does nothing a second time.
    """
    done = Round()
    now = earliest = clock()
    for incident in active_incidents(now):
        at = board_now(incident, now)
        earliest = min(earliest, at)
        if ends:
            done.requests_ended += expire_requests(incident=incident, at=at)
        done.tables_released += release_due(incident=incident, at=at, now=now)
    if ends:
        # What an exercise on a clock of 2020 keeps is not over because ours says so: the earliest clock
        # in use counts. `yipan expire`, by the true one, ends the rest; and what is over opens to nobody.
        done.rows_erased = sum(retention.expire(at=earliest).values())
    sent = send_notices(clock=clock, post=post)
    done.told, done.failed = sent.sent, sent.failed + sent.given_up
    return done
