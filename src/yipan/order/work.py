"""One round of the worker: time passes in each incident, and what waits is sent."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yipan.access.queries import active_incidents, board_now
from yipan.order.channels.dispatch import dispatch
from yipan.order.channels.messages import Channel
from yipan.order.clocks.actions import pass_time
from yipan.order.orders.actions import release_due

FORGET_EVERY: Final = 86_400.0  # seconds
CLOCKS_EVERY: Final = 20.0  # seconds: reminders and calls may wait so long, a held order may not


@dataclass
class Round:
    """What one round came to, over all incidents and channels."""

    released: int = 0
    reminded: int = 0
    called: int = 0
    answered: int = 0
    closed: int = 0
    sent: int = 0
    failed: int = 0
    given_up: int = 0
    kept_back: int = 0
    busy: bool = False  # more may wait: begin the next round at once

    @property
    def any(self) -> bool:
        """Whether the round changed anything."""
        return any(value for name, value in vars(self).items() if name != "busy")


def one_round(
    *,
    worker: str,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    rng: random.Random,
    clocks: bool = True,
) -> Round:
    """Let time pass in every active incident, each on its own clock, then send a handful.

    Without `clocks` only what is held is released: reminders and calls can wait some seconds, an order
    cannot.

    Several workers may run at once, and one may be killed at any moment: each step stands or falls
    as a whole, and what was in hand is taken up by another.
    """
    done = Round()
    now = clock()
    for incident in active_incidents(now):
        at = board_now(incident, now)
        if not clocks:
            done.released += release_due(at=at, incident=incident)
            continue
        passed = pass_time(incident=incident, at=at)
        done.released += passed.released
        done.reminded += passed.reminded
        done.called += passed.called
        done.answered += passed.answered
        done.closed += passed.closed
    sent = dispatch(worker=worker, channels=channels, clock=clock, rng=rng)
    done.sent, done.failed = sent.sent, sent.failed
    done.given_up, done.kept_back = sent.given_up, sent.kept_back
    done.busy = sent.any
    return done
