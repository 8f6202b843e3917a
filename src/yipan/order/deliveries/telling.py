"""Who is told of a step: the parties that NOTIFICATION names, and every webhook on the way."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Count

from yipan.access.models import Incident
from yipan.access.queries import installation
from yipan.access.rules import live_channels_allowed
from yipan.order.channels.queries import FIRST_CONTACT, queue_notice
from yipan.order.deliveries.rules import NOTIFICATION, Act, Party
from yipan.order.models import Contact, Delivery, DeliveryEvent, Notice, Outbox

NOTICE: Final[Mapping[Act, Notice]] = {
    Act.RETURN: Notice.RETURNED,
    Act.INSIST: Notice.CHANGED,
    Act.CLAIM_DONE: Notice.CLAIMED,
    Act.VERIFY: Notice.CHANGED,
    Act.REOPEN: Notice.CHANGED,
    Act.CLOSE: Notice.CHANGED,
    Act.EXTEND: Notice.CHANGED,
    Act.ASSIST: Notice.CHANGED,
    Act.REASSIGN: Notice.CHANGED,
    Act.SUPERSEDE: Notice.CHANGED,
    Act.CANCEL: Notice.WITHDRAWN,
}
"""As what each step is told; the others are told to nobody but machines, or have a message of their own."""


def tell(steps: Sequence[tuple[Act, Delivery]], *, incident: Incident, at: datetime) -> None:
    """Queue what these steps tell, after their events are written and in the same transaction."""
    live = live_channels_allowed(incident, installation())
    chosen = [(act, d) for act, d in steps if act in NOTICE or live]
    if not chosen:
        return
    counts = _steps_of({d.pk for _act, d in chosen})
    inbox: list[Outbox] = []
    groups: dict[tuple[Notice, int], list[tuple[uuid.UUID, int]]] = defaultdict(list)
    for act, delivery in chosen:
        if act not in NOTICE:
            continue
        for unit in _told_units(act, delivery):
            step = counts[delivery.pk]
            groups[NOTICE[act], step].append((delivery.pk, unit))
            inbox.append(_in_inbox(delivery, unit, NOTICE[act], step, at))
    Outbox.objects.bulk_create(inbox, batch_size=500, ignore_conflicts=True)
    for (kind, step), rows in groups.items():
        queue_notice(rows, kind=kind, step=step, incident=incident, at=at)
    if live:
        _hooks(chosen, counts, at)


def _told_units(act: Act, delivery: Delivery) -> list[int]:
    issuer = delivery.order.issuer_id
    place = {
        Party.UNIT: delivery.unit_id,
        Party.ABOVE: delivery.unit.parent_id or issuer,
        Party.ISSUER: issuer,
    }
    return list(dict.fromkeys(place[party] for party in NOTIFICATION[act]))


def _steps_of(ids: set[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many steps each delivery has gone: what makes the message of each step its own."""
    found: dict[uuid.UUID, int] = dict.fromkeys(ids, 0)
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        rows = DeliveryEvent.objects.filter(delivery__in=wanted[start : start + 500])
        found.update(rows.values_list("delivery").annotate(n=Count("pk")).order_by())
    return found


def _in_inbox(delivery: Delivery, unit: int, kind: Notice, step: int, at: datetime) -> Outbox:
    return Outbox(
        delivery=delivery,
        unit_id=unit,
        channel="inbox",
        kind=kind,
        step=step,
        queued_at=at,
        sent_at=at,
        attempts=1,
    )


def _hooks(
    steps: Sequence[tuple[Act, Delivery]], counts: Mapping[uuid.UUID, int], at: datetime
) -> None:
    """A webhook of the unit, of the office above and of the issuer is told every step, by its act."""
    near = {u for _act, d in steps for u in (d.unit_id, d.unit.parent_id, d.order.issuer_id) if u}
    hooks: dict[int, str] = dict(
        Contact.objects.filter(unit__in=near, channel="webhook")
        .order_by("-rank", "-pk")  # the first in rank stays
        .values_list("unit", "address")
    )
    rows = [
        Outbox(
            delivery=d,
            unit_id=unit,
            channel="webhook",
            kind=act.value,
            step=counts[d.pk],
            address=hooks[unit],
            queued_at=at,
            next_at=at,
        )
        for act, d in steps
        for unit in dict.fromkeys((d.unit_id, d.unit.parent_id, d.order.issuer_id))
        if unit in hooks
    ]
    Outbox.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


# ---- an order as a whole ends: everyone who received it is told, in a few statements -----------------

_ENDED_INBOX = """
INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, sent_at,
    claimed_by, attempts, last_error)
SELECT d.id, d.unit_id, 'inbox', %s, 0, '', {moment}, {moment}, '', 1, ''
FROM order_delivery d WHERE d.order_id IN ({orders})
ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
"""

_ENDED_LIVE = """
INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, next_at,
    claimed_by, attempts, last_error)
SELECT d.id, d.unit_id, c.channel, CASE WHEN c.channel = 'webhook' THEN %s ELSE %s END, 0, c.address,
    {moment}, {moment}, '', 0, ''
FROM order_delivery d
JOIN order_contact c ON c.unit_id = d.unit_id AND {first_contact}
WHERE d.order_id IN ({orders})
ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
"""

# One message an office above, not one for each unit below it.
_ENDED_ABOVE = """
INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, next_at,
    claimed_by, attempts, last_error)
SELECT f.delivery_id, f.parent_id, c.channel, %s, 0, c.address, {moment}, {moment}, '', 0, ''
FROM (
    SELECT u.parent_id, d.order_id, {first} AS delivery_id
    FROM order_delivery d JOIN places_unit u ON u.id = d.unit_id
    WHERE d.order_id IN ({orders}) AND u.parent_id IS NOT NULL
    GROUP BY u.parent_id, d.order_id
) f
JOIN order_contact c ON c.unit_id = f.parent_id AND c.channel <> 'webhook' AND {first_contact}
WHERE 1 = 1
ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
"""


def tell_ended(
    act: Act, order_ids: Sequence[uuid.UUID], *, incident: Incident, at: datetime
) -> None:
    """Tell everyone who ever received these orders, finished or not, that they no longer stand."""
    live = live_channels_allowed(incident, installation())
    kind = NOTICE[act].value
    for start in range(0, len(order_ids), 500):
        some = order_ids[start : start + 500]
        _set(_ENDED_INBOX, [kind], some, at)
        if live:
            _set(_ENDED_LIVE, [act.value, kind], some, at)
            if Party.ABOVE in NOTIFICATION[act]:
                _set(_ENDED_ABOVE, [kind], some, at)


def _set(
    template: str,
    before: Sequence[str],
    order_ids: Sequence[uuid.UUID],
    at: datetime,
) -> None:
    postgres = connection.vendor == "postgresql"
    moment = connection.ops.adapt_datetimefield_value(at)
    sql = template.format(
        moment="%s::timestamptz" if postgres else "%s",
        orders=", ".join(["%s"] * len(order_ids)),
        first_contact=FIRST_CONTACT,
        first="(min(d.id::text))::uuid" if postgres else "min(d.id)",
    )
    keys = [pk if postgres else pk.hex for pk in order_ids]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*before, moment, moment, *keys])
