"""Every read of orders as such, and the one statement that fans an order out to its units."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.deliveries import revisions
from yipan.order.deliveries.rules import ACKNOWLEDGE_WITHIN
from yipan.order.models import Delivery, DeliveryState, Order, OrderState, Target
from yipan.order.orders.rules import ALIKE_WITHIN, HOLD
from yipan.places.models import Unit

CHUNK = 500  # ids in one statement: SQLite counts its parameters


def orders(incident: Incident, scope: Scope) -> QuerySet[Order]:
    """Return the orders a person may see: issued by, meant for, or delivered to a unit in sight."""
    every = Order.objects.filter(incident=incident).select_related(
        "incident__package", "issuer", "signature__option", "issued_by"
    )
    if scope.system:
        return every
    issuing = scope.condition(action=Action.ORDER_DRAFT, unit="issuer")
    sent = Delivery.objects.filter(
        scope.condition(action=Action.ORDER_READ), order__incident=incident
    )
    return every.filter(issuing | Q(pk__in=sent.values("order")))


def drafts(incident: Incident, scope: Scope) -> QuerySet[Order]:
    """Return the drafts this person may issue or change, the most urgent first."""
    own = orders(incident, scope).filter(state=OrderState.DRAFT)
    return own.filter(scope.condition(action=Action.ORDER_DRAFT, unit="issuer")).order_by(
        "priority", "matter", "drafted_at", "pk"
    )


def held(incident: Incident, scope: Scope) -> QuerySet[Order]:
    """Return the orders that are issued and can still be undone."""
    own = orders(incident, scope).filter(state=OrderState.HELD)
    return own.filter(scope.condition(action=Action.ORDER_DRAFT, unit="issuer"))


def due_for_release(at: datetime, incident: Incident | None = None) -> QuerySet[Order]:
    """Return the held orders (of one incident) whose hold is over at `at`, the most urgent first."""
    over = Q(pk__in=[])
    for priority, hold in HOLD.items():
        over |= Q(priority=priority, issued_at__lte=at - hold)
    waiting = Order.objects.filter(over, state=OrderState.HELD)
    if incident is not None:
        waiting = waiting.filter(incident=incident)
    return waiting.order_by("priority", "issued_at", "pk")


def recipients(order: Order, *, on: date) -> QuerySet[Unit]:
    """Return the units a draft would reach, in the order of the tree."""
    meant = Q(pk__in=[])
    for target in order.targets.select_related("unit"):
        meant |= _meant(target)
    return Unit.objects.filter(meant, in_being(on)).order_by("lft")


def recipient_counts(chosen: Sequence[Order], *, on: date) -> dict[uuid.UUID, int]:
    """Return how many units each draft would reach, with few statements however many drafts."""
    counts = {order.pk: 0 for order in chosen}
    for some in chunks([order.pk for order in chosen]):
        targets = Target.objects.filter(order__in=some)
        single = targets.filter(level="").filter(in_being(on, "unit__"))
        for pk, n in single.values_list("order").annotate(n=Count("pk")).order_by():
            counts[pk] += n
        for target in targets.exclude(level="").select_related("unit"):
            counts[target.order_id] += Unit.objects.filter(_meant(target), in_being(on)).count()
    return counts


def _meant(target: Target) -> Q:
    if not target.level:
        return Q(pk=target.unit_id)
    unit = target.unit
    return Q(
        package_id=unit.package_id,
        level=target.level,
        lft__gte=unit.lft,
        rgt__lte=unit.rgt,
    )


def in_being(on: date, path: str = "") -> Q:
    """Return the condition that a unit exists on a day."""
    begun = Q(**{f"{path}valid_from__isnull": True}) | Q(**{f"{path}valid_from__lte": on})
    return begun & (Q(**{f"{path}valid_to__isnull": True}) | Q(**{f"{path}valid_to__gt": on}))


# ---- likeness --------------------------------------------------------------------------------------


def alike(chosen: Sequence[Order], *, at: datetime) -> dict[uuid.UUID, list[Order]]:
    """Return, for each draft, the orders on the same matter that reached one of its units lately.

    Within ALIKE_WITHIN of `at`; the version a draft amends is no duplicate of it. "Other" matters are
    alike only under the same title. A few statements, however many drafts.
    """
    if not chosen:
        return {}
    recent = Order.objects.filter(
        incident__in={order.incident_id for order in chosen},
        matter__in={order.matter for order in chosen},
        state__in=[OrderState.HELD, OrderState.ISSUED],
        issued_at__gt=at - ALIKE_WITHIN,
        issued_at__lte=at,
    )
    reached = _Reached()
    for target in Target.objects.filter(order__in=recent).select_related("order", "unit"):
        reached.add(target)
    found: dict[uuid.UUID, list[Order]] = {}
    by_id = {order.pk: order for order in chosen}
    for some in chunks(list(by_id)):
        for target in Target.objects.filter(order__in=some).select_related("unit"):
            draft = by_id[target.order_id]
            for other in reached.by(target, draft):
                if other not in found.setdefault(draft.pk, []):
                    found[draft.pk].append(other)
    return {pk: others for pk, others in found.items() if others}


class _Reached:
    """Which orders reach which units: single units by id, whole levels by span."""

    def __init__(self) -> None:
        self.single: dict[tuple[str, int], list[Order]] = {}
        self.whole: dict[str, list[Target]] = {}
        self.singles: dict[str, list[Target]] = {}

    def add(self, target: Target) -> None:
        matter = target.order.matter
        if target.level:
            self.whole.setdefault(matter, []).append(target)
        else:
            self.single.setdefault((matter, target.unit_id), []).append(target.order)
            self.singles.setdefault(matter, []).append(target)

    def by(self, target: Target, draft: Order) -> Iterator[Order]:
        matter = draft.matter
        if target.level:
            found = [t.order for t in self.singles.get(matter, []) if _holds(target, t.unit)]
            same = [t for t in self.whole.get(matter, []) if t.level == target.level]
            found += [t.order for t in same if _spans(t.unit, target.unit)]
        else:
            found = list(self.single.get((matter, target.unit_id), []))
            found += [t.order for t in self.whole.get(matter, []) if _holds(t, target.unit)]
        for other in found:
            if other.pk in (draft.pk, draft.amends_id):
                continue
            if matter != "other" or _titles(other) == _titles(draft):
                yield other


def _titles(order: Order) -> tuple[str, str]:
    return order.title_zh, order.title_en


def _holds(target: Target, unit: Unit) -> bool:
    base = target.unit
    inside = base.package_id == unit.package_id and base.lft <= unit.lft and unit.rgt <= base.rgt
    return inside and unit.level == target.level


def _spans(a: Unit, b: Unit) -> bool:
    return a.package_id == b.package_id and a.lft <= b.rgt and b.lft <= a.rgt


def standing_orders(signature_incident: Incident) -> dict[tuple[str, int], Order]:
    """Return the latest order out for each matter and single unit that a signed option ordered."""
    targets = Target.objects.filter(
        level="",
        order__incident=signature_incident,
        order__state=OrderState.ISSUED,
        order__signature__isnull=False,
    ).select_related("order")
    found: dict[tuple[str, int], Order] = {}
    for target in targets.order_by("order__issued_at", "pk"):
        found[(target.order.matter, target.unit_id)] = target.order
    return found


# ---- the fan-out ---------------------------------------------------------------------------------

# Ids that rise with time (as UUID version 7 does) and from row to row: a fan-out fills the end of the
# index. The moment and the salt are one for the statement; the tail is of the unit and the salt.
_NEW_ID = {
    "postgresql": (
        "(p.moment || lpad(to_hex(row_number() over ()), 6, '0')"
        " || substr(md5(u.id::text || p.salt), 1, 13))::uuid"
    ),
    "sqlite": "(p.moment || substr(lower(hex(randomblob(10))), 2))",
}
_PREFIX = {
    "postgresql": (
        "(SELECT lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')"
        " || '7' AS moment, gen_random_uuid()::text AS salt OFFSET 0)"
    ),
    "sqlite": (
        "(SELECT printf('%%012x', cast((julianday('now') - 2440587.5) * 86400000 as integer))"
        " || '7' AS moment)"
    ),
}

_DELIVERIES = """
INSERT INTO order_delivery
    (id, order_id, unit_id, state, acknowledge_by, due_at, delivered_at, return_reason)
SELECT {new_id}, o.id, u.id, %s,
    CASE o.priority WHEN 0 THEN {moment} WHEN 1 THEN {moment} WHEN 2 THEN {moment} ELSE {moment} END,
    o.due_at, {moment}, ''
FROM {prefix} p CROSS JOIN order_target t
JOIN order_order o ON o.id = t.order_id
JOIN places_unit base ON base.id = t.unit_id
JOIN places_unit u ON u.package_id = base.package_id AND u.lft >= base.lft AND u.lft <= base.rgt
    AND ((t.level = '' AND u.id = base.id) OR u.level = t.level)
WHERE o.id IN ({orders})
    AND (u.valid_from IS NULL OR u.valid_from <= %s) AND (u.valid_to IS NULL OR u.valid_to > %s)
ON CONFLICT (order_id, unit_id) DO NOTHING
"""

_EVENTS = """
INSERT INTO order_deliveryevent (delivery_id, act, at, before, after, note, client_key)
SELECT d.id, 'deliver', {moment}, %s, %s, '', 'deliver:' || d.id
FROM order_delivery d WHERE d.order_id IN ({orders})
ON CONFLICT (client_key) DO NOTHING
"""

_OUTBOX = """
INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, sent_at,
    claimed_by, attempts, last_error)
SELECT d.id, d.unit_id, 'inbox', 'delivered', 0, '', {moment}, {moment}, '', 1, ''
FROM order_delivery d WHERE d.order_id IN ({orders})
ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
"""


def fan_out(order_ids: Iterable[uuid.UUID], *, at: datetime, on: date) -> int:
    """Write the deliveries of released orders, their first events and outbox rows; return how many.

    A handful of statements for any number of units, inside the caller's transaction: killed at any
    moment, either all of it stands or none, and a second run adds nothing.
    """
    now, day = _moment(at), connection.ops.adapt_datefield_value(on)
    by = [_moment(at + ACKNOWLEDGE_WITHIN[priority]) for priority in sorted(ACKNOWLEDGE_WITHIN)]
    written = 0
    for some in chunks(list(order_ids)):
        ids = [_key(pk) for pk in some]
        written += _run(_DELIVERIES, ids, [DeliveryState.DELIVERED, *by, now], [day, day])
        _run(_EVENTS, ids, [now, DeliveryState.ISSUED, DeliveryState.DELIVERED], [])
        _run(_OUTBOX, ids, [now, now], [])
        revisions.touch_targets(some)
    return written


def _run(template: str, ids: list[Any], before: list[Any], after: list[Any]) -> int:
    postgres = connection.vendor == "postgresql"
    sql = template.format(
        new_id=_NEW_ID["postgresql" if postgres else "sqlite"],
        prefix=_PREFIX["postgresql" if postgres else "sqlite"],
        moment="%s::timestamptz" if postgres else "%s",
        orders=", ".join(["%s"] * len(ids)),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*before, *ids, *after])
        return max(0, int(cursor.rowcount))


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)


def _key(pk: uuid.UUID) -> Any:
    return pk if connection.vendor == "postgresql" else pk.hex


def set_due(order_ids: Sequence[uuid.UUID], *, at: datetime) -> None:
    """Turn "so long after release" into the moment it is due, one statement for each length."""
    for some in chunks(list(order_ids)):
        mine = Order.objects.filter(pk__in=some, due_at__isnull=True)
        for minutes in set(mine.values_list("due_minutes", flat=True)):
            if minutes is not None:
                mine.filter(due_minutes=minutes).update(due_at=at + timedelta(minutes=minutes))


def chunks(ids: Sequence[uuid.UUID], size: int = CHUNK) -> Iterator[Sequence[uuid.UUID]]:
    """Yield the ids in handfuls that one statement can carry."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
