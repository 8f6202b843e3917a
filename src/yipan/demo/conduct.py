"""How the demonstration's county offices answer their orders: most soon, some late, a few not yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from yipan.access.scope import system_scope
from yipan.demo.people import People
from yipan.kernel.texts import terminal_text as _
from yipan.order import actions as ordering
from yipan.order.deliveries.rules import Act
from yipan.order.models import Delivery, DeliveryState, OrderState
from yipan.plan.models import Signature

Progress = Callable[[str, int, int], None]
NAMESPACE = uuid.UUID("6f1c7a3e-2b0d-4d8a-9b55-20200224d3e0")

# A demonstration's conduct, invented: shares of deliveries, and minutes after release.
NOT_YET_READ = 0.03
DONE = 0.90
VERIFIED = 0.70
MEDIAN_MINUTES = 12.0
SPREAD = 1.1  # of the logarithm of the minutes
AT_ONCE = 100  # deliveries in one transaction: an interrupted run goes on after the last one


def carry_out(
    signature: Signature, *, people: People, until: datetime, seed: int, progress: Progress
) -> None:
    """Draft, issue and answer the orders of one signature, each act under a key of its own.

    A replayed act changes nothing, so an interrupted run goes on where it stopped.
    """
    scope = system_scope()
    orders = ordering.draft_orders(signature=signature, by=people.commander, at=signature.at)
    drafts = [order for order in orders if order.state == OrderState.DRAFT]
    issued_at = signature.at + timedelta(minutes=5)
    if drafts:
        ordering.issue_orders(orders=drafts, by=people.commander, at=issued_at, scope=scope)
    ordering.release_due(at=issued_at + timedelta(minutes=2))
    answer(signature, people=people, until=until, seed=seed, progress=progress)


def answer(
    signature: Signature, *, people: People, until: datetime, seed: int, progress: Progress
) -> None:
    """Let each county office read, accept, finish and have verified its share of deliveries."""
    scope = system_scope()
    waiting = list(
        Delivery.objects.filter(order__signature=signature)
        .select_related("order", "unit")
        .order_by("unit__code", "order__matter")
    )
    rng = np.random.default_rng(seed)
    fate = rng.random(len(waiting))
    minutes = MEDIAN_MINUTES * np.exp(SPREAD * rng.standard_normal((4, len(waiting))))
    label = _("Orders reach the counties")
    for first in range(0, len(waiting), AT_ONCE):
        steps: list[ordering.Step] = []
        for i, delivery in enumerate(waiting[first : first + AT_ONCE], start=first):
            unread = delivery.state == DeliveryState.DELIVERED and fate[i] >= NOT_YET_READ
            if unread and delivery.order.released_at is not None:
                steps += _one(
                    delivery, delivery.order.released_at, minutes[:, i], fate[i], people, until
                )
        ordering.perform(steps, scope=scope)
        progress(label, min(first + AT_ONCE, len(waiting)), len(waiting))


def _one(
    delivery: Delivery,
    released: datetime,
    minutes: NDArray[np.float64],
    fate: float,
    people: People,
    until: datetime,
) -> list[ordering.Step]:
    """Return the acts that carry one delivery as far as its office gets before `until`."""
    read = released + timedelta(minutes=float(minutes[0]))
    accepted = read + timedelta(minutes=float(minutes[1]) / 2)
    claimed = accepted + timedelta(hours=float(minutes[2]) / 4)
    verified = claimed + timedelta(hours=float(minutes[3]) / 6)
    office, above = people.counties, people.commander
    note = _("Carried out; checked on the spot.")
    way = [
        (read, True, Act.ACKNOWLEDGE, office, ""),
        (accepted, True, Act.ACCEPT, office, ""),
        (claimed, fate > 1 - DONE, Act.CLAIM_DONE, office, note),
        (verified, fate > 1 - VERIFIED, Act.VERIFY, above, note),
    ]
    steps: list[ordering.Step] = []
    for at, reached, act, by, told in way:
        if not reached or at > until:
            break
        steps.append(
            ordering.Step(act, delivery.pk, at, key(delivery, act.value), by=by, note=told)
        )
    return steps


def key(delivery: Delivery, act: str) -> str:
    """Return the client key of one act of one delivery: the same on every run."""
    return str(uuid.uuid5(NAMESPACE, f"{delivery.pk}:{act}"))
