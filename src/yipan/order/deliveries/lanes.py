"""Where the time of one delivery went, as geometry: parts of a lane on a scale of minutes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from yipan.order.deliveries.rules import OPEN
from yipan.order.models import Delivery, DeliveryState

PARTS = ("acknowledge", "accept", "work", "verify")


@dataclass(frozen=True)
class Part:
    """One stretch of a lane: its step, and from which to which minute since the delivery."""

    step: str
    start: float
    end: float


@dataclass(frozen=True)
class Lane:
    """The whole way of one delivery so far, and its deadline, in minutes since the delivery."""

    parts: tuple[Part, ...]
    deadline: float | None

    @property
    def reach(self) -> float:
        """The last minute that the lane shows."""
        ends = [part.end for part in self.parts] + [self.deadline or 0.0]
        return max(ends, default=0.0)


def lane_of(delivery: Delivery, *, at: datetime) -> Lane:
    """Return the lane of a delivery at `at`: each finished stretch, and the one still running.

    The deadline is the reading clock until somebody has read it, then the moment it is due.
    """
    begun = delivery.delivered_at
    if begun is None:
        return Lane((), None)
    state = getattr(delivery, "state_at", delivery.state)
    moments = [
        delivery.acknowledged_at,
        delivery.accepted_at,
        delivery.claimed_at,
        delivery.verified_at,
    ]
    parts: list[Part] = []
    since = 0.0
    for step, moment in zip(PARTS, moments, strict=True):
        passed = moment is not None and moment <= at
        if not passed and state not in OPEN:
            break
        end = _minutes(begun, moment if passed and moment is not None else at)
        parts.append(Part(step, since, max(since, end)))
        since = max(since, end)
        if not passed:
            break
    unread = state == DeliveryState.DELIVERED
    deadline = delivery.acknowledge_by if unread else delivery.due_at
    return Lane(tuple(parts), _minutes(begun, deadline) if deadline else None)


def _minutes(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() / 60)
