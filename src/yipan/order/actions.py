"""What other rooms may do with orders, one function a use case; the rooms hold them."""

from yipan.order.deliveries.actions import (
    Step,
    accept,
    acknowledge,
    claim_done,
    close,
    insist,
    perform,
    reassign,
    reopen,
    return_,
    start,
    verify,
)
from yipan.order.orders.actions import (
    draft_order,
    draft_orders,
    issue_orders,
    release_due,
    undo_orders,
    withdraw_order,
)

__all__ = [
    "Step",
    "accept",
    "acknowledge",
    "claim_done",
    "close",
    "draft_order",
    "draft_orders",
    "insist",
    "issue_orders",
    "perform",
    "reassign",
    "release_due",
    "reopen",
    "return_",
    "start",
    "undo_orders",
    "verify",
    "withdraw_order",
]
