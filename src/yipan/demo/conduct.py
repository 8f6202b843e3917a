"""How the demonstration's county offices answer their orders: most soon, some late, a few not yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from yipan.access.scope import Scope, system_scope
from yipan.demo.people import People
from yipan.kernel.texts import terminal_text as _
from yipan.order import actions as ordering
from yipan.order.models import Delivery, DeliveryState, OrderState
from yipan.plan.models import Signature

Progress = Callable[[str, int, int], None]
NAMESPACE = uuid.UUID("6f1c7a3e-2b0d-4d8a-9b55-20200224d3e0")

# A demonstration's conduct, invented: shares of deliveries, and minutes after release.
NOT_YET_READ = 0.04
DONE = 0.45
VERIFIED = 0.30
MEDIAN_MINUTES = 12.0
SPREAD = 1.1  # of the logarithm of the minutes


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
    for i, delivery in enumerate(waiting):
        released = delivery.order.released_at
        if released is None or delivery.state != DeliveryState.DELIVERED or fate[i] < NOT_YET_READ:
            continue
        _one(delivery, released, minutes[:, i], fate[i], people, until, scope)
        progress(label, i + 1, len(waiting))
    progress(label, len(waiting), len(waiting))


def _one(
    delivery: Delivery,
    released: datetime,
    minutes: NDArray[np.float64],
    fate: float,
    people: People,
    until: datetime,
    scope: Scope,
) -> None:
    """Carry one delivery as far as its office gets before `until`."""
    read = released + timedelta(minutes=float(minutes[0]))
    accepted = read + timedelta(minutes=float(minutes[1]) / 2)
    claimed = accepted + timedelta(hours=float(minutes[2]) / 2)
    verified = claimed + timedelta(hours=float(minutes[3]) / 6)
    office, above = people.counties, people.commander
    note = _("Carried out; checked on the spot.")
    steps = [
        (read, True, ordering.acknowledge, office, "acknowledge", {}),
        (accepted, True, ordering.accept, office, "accept", {}),
        (claimed, fate > 1 - DONE, ordering.claim_done, office, "claim", {"note": note}),
        (verified, fate > 1 - VERIFIED, ordering.verify, above, "verify", {"note": note}),
    ]
    for at, reached, act, by, name, more in steps:
        if not reached or at > until:
            return
        act(delivery=delivery, by=by, at=at, client_key=key(delivery, name), scope=scope, **more)


def key(delivery: Delivery, act: str) -> str:
    """Return the client key of one act of one delivery: the same on every run."""
    return str(uuid.uuid5(NAMESPACE, f"{delivery.pk}:{act}"))
