"""What other rooms read of orders; the rooms hold the rest."""

from yipan.order.deliveries.queries import (
    box,
    deliveries,
    headline,
    inbox,
    latencies,
    loads,
    outstanding,
)
from yipan.order.orders.queries import drafts, held, orders, recipients

__all__ = [
    "box",
    "deliveries",
    "drafts",
    "headline",
    "held",
    "inbox",
    "latencies",
    "loads",
    "orders",
    "outstanding",
    "recipients",
]
