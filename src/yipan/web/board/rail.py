"""The rail's rows: who is not heard from with the known reason, and which orders are late."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.kernel.words import count, duration
from yipan.order import queries as ordering
from yipan.order.deliveries.queries import is_late, with_words
from yipan.order.matters import matters
from yipan.order.models import Delivery, DeliveryState, Order
from yipan.places.models import Level
from yipan.web.board.facts import Facts

SHOWN = 4
LATE = 2


def silent_rows(facts: Facts) -> list[dict[str, str]]:
    """Return the counties not heard from, the longest silence first, each with its known reason."""
    return [
        {
            "name": row.unit.name,
            "href": reverse("report:unit", args=[row.unit.code]),
            "reason": row.reason,
            "since": (
                duration((facts.board.at - row.last_heard).total_seconds() / 60)
                if row.last_heard
                else _("never")
            ),
        }
        for row in facts.silent[:SHOWN]
    ]


def silent_more(facts: Facts) -> list[str]:
    """Return how many more are silent, level by level."""
    found = []
    hidden = len(facts.silent) - SHOWN
    if hidden > 0:
        found.append(
            ngettext("%(n)s more county", "%(n)s more counties", hidden) % {"n": count(hidden)}
        )
    villages = facts.heard.get(str(Level.VILLAGE))
    if villages is not None and villages.missing:
        found.append(
            ngettext("%(n)s of %(owing)s villages", "%(n)s of %(owing)s villages", villages.missing)
            % {"n": count(villages.missing), "owing": count(villages.owing)}
        )
    return found


def order_parts(facts: Facts) -> list[dict[str, Any]]:
    """Return the open orders by priority, the most urgent first."""
    orders = facts.orders
    if orders is None:
        return []
    return [
        {"name": priority.lower(), "label": priority, "n": counts["open"]}
        for priority, counts in orders["by_priority"].items()
        if counts["open"]
    ]


def late_orders(facts: Facts) -> list[dict[str, Any]]:
    """Return the orders that are late, the most urgent first, each with by how much."""
    if not facts.orders or not facts.orders["overdue"]:
        return []
    at = facts.board.at
    late = ordering.deliveries(facts.board.incident, facts.scope, at=at).filter(is_late(at))
    rows = with_words(late).order_by("order__priority", "acknowledge_by", "unit__code")[:LATE]
    return [
        {
            "title": matter_words(row.order),
            "unit": row.unit.name,
            "href": reverse("order:order", args=[row.order_id]),
            "late_minutes": (at - deadline).total_seconds() / 60,
        }
        for row in rows
        if (deadline := _deadline(row, at)) is not None
    ]


def matter_words(order: Order) -> str:
    """Return what an order is about in a word or two; the order itself says the rest."""
    known = matters().get(order.matter)
    return str(known.label) if known else order.title


def _deadline(row: Delivery, at: datetime) -> datetime | None:
    unread = getattr(row, "state_at", row.state) == DeliveryState.DELIVERED
    passed = [row.acknowledge_by if unread else None, row.due_at]
    return min((moment for moment in passed if moment is not None and moment < at), default=None)
